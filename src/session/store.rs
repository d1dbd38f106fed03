//! Sessions as text, so that they survive a restart: a line each, the least recently used first.
//!
//! A line has the credential's id, when the session was last used (seconds since 1970), and its names in hex;
//! `!` marks a beginning of a conversation at which a request ended, `*` the last of these.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::bindings::{Bindings, Holder};
use super::name::{Mark, Name};

const FIRST_LINE: &str = "holdfast sessions 1";

/// One session out of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub credential: String,
    pub used: Instant,
    pub names: Vec<(Name, Mark)>,
}

/// The moment, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub now: Instant,
    pub wall: SystemTime,
}

/// All sessions that a credential holds. `id` gives the id of a credential that there still is.
pub fn write(
    bindings: &Bindings,
    id: impl Fn(Holder) -> Option<Arc<str>>,
    moment: Moment,
) -> String {
    let mut names = bindings.names_by_binding();
    let mut text = format!("{FIRST_LINE}\n");
    for (binding_id, binding) in bindings.iter() {
        let holder = binding.primary.filter(|_| binding.is_confirmed);
        let Some(credential) = holder.and_then(&id) else {
            continue;
        };
        let Some(names) = names.remove(&binding_id) else {
            continue;
        };
        let age = moment.now.saturating_duration_since(binding.used);
        let used = moment.wall.checked_sub(age).unwrap_or(UNIX_EPOCH);
        let used = used.duration_since(UNIX_EPOCH).unwrap_or_default();
        // Writing into memory does not fail.
        let _ = write!(text, "{credential}\t{}\t", used.as_secs());
        for (index, (name, mark)) in names.into_iter().enumerate() {
            if index > 0 {
                text.push(' ');
            }
            for byte in name.0 {
                let _ = write!(text, "{byte:02x}");
            }
            match mark {
                Mark::Plain => {}
                Mark::End => text.push('!'),
                Mark::Tip => text.push('*'),
            }
        }
        text.push('\n');
    }
    text
}

/// The sessions of a file that were used within `ttl`, and how many lines could not be read.
pub fn read(text: &str, ttl: Duration, moment: Moment) -> (Vec<Kept>, usize) {
    let mut lines = text.lines();
    if lines.next() != Some(FIRST_LINE) {
        return (Vec::new(), text.lines().count());
    }
    let mut kept = Vec::new();
    let mut unread = 0;
    for line in lines {
        match session(line, moment) {
            Some(session) => {
                if moment.now.saturating_duration_since(session.used) <= ttl {
                    kept.push(session);
                }
            }
            None => unread += 1,
        }
    }
    (kept, unread)
}

fn session(line: &str, moment: Moment) -> Option<Kept> {
    let mut fields = line.split('\t');
    let (credential, used, names) = (fields.next()?, fields.next()?, fields.next()?);
    if credential.is_empty() || fields.next().is_some() {
        return None;
    }
    let used = UNIX_EPOCH.checked_add(Duration::from_secs(used.parse().ok()?))?;
    // What was used in the future was used just now.
    let age = moment.wall.duration_since(used).unwrap_or_default();
    let names: Vec<(Name, Mark)> = names.split(' ').map(name).collect::<Option<_>>()?;
    Some(Kept {
        credential: credential.to_owned(),
        used: moment.now.checked_sub(age)?,
        names,
    })
}

fn name(text: &str) -> Option<(Name, Mark)> {
    let (digits, mark) = match text.as_bytes().last()? {
        b'!' => (text.strip_suffix('!')?, Mark::End),
        b'*' => (text.strip_suffix('*')?, Mark::Tip),
        _ => (text, Mark::Plain),
    };
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut name = [0; 16];
    for (index, byte) in name.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some((Name(name), mark))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::session::bindings::{Key, Known};
    use crate::session::prefix::{Digest, Turns};

    const TTL: Duration = Duration::from_secs(3600);

    fn bindings(now: Instant) -> Bindings {
        let size = NonZeroUsize::new(1000).unwrap();
        Bindings::new(size, size, now)
    }

    fn talk(messages: &[&str]) -> Key {
        let mut turns = Turns::default();
        for message in messages {
            let mut digest = Digest::default();
            digest.add(message.as_bytes());
            turns.push(false, digest);
        }
        Key {
            names: Vec::new(),
            prefix: Some((Name::new("", "", "m"), turns.prefix())),
        }
    }

    fn named(session: &str) -> Key {
        Key {
            names: vec![Name::new("", session, "m")],
            prefix: None,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let moment = Moment {
            now: Instant::now() + TTL * 3,
            wall: UNIX_EPOCH + Duration::from_secs(2_000_000_000),
        };
        let ago = |seconds| moment.now - Duration::from_secs(seconds);
        let mut before = bindings(moment.now);
        for (key, holder, age) in [
            (named("expired"), 1, 4000),
            (named("old"), 1, 3500),
            (talk(&["a"]), 2, 10),
            (talk(&["a", "b", "c"]), 2, 5),
            (named("vanished"), 3, 5),
        ] {
            let id = match before.find(&key, TTL * 9, ago(age)) {
                Known::Bound(id) => id,
                _ => before.insert(Holder(holder), ago(age)),
            };
            before.attach(id, &key);
            before.change(id, ago(age), |binding| binding.is_confirmed = true);
        }
        before.insert(Holder(1), ago(1));
        let id = |holder: Holder| (holder.0 < 3).then(|| format!("c{}", holder.0).into());
        let text = write(&before, id, moment);
        assert_eq!(text.lines().count(), 4, "{text}");

        let (kept, unread) = read(&text, TTL, moment);
        assert_eq!((kept.len(), unread), (2, 0));
        let mut after = bindings(moment.now);
        for session in kept {
            let number = session.credential.strip_prefix('c').unwrap();
            after.restore(
                Holder(number.parse().unwrap()),
                session.used,
                &session.names,
            );
        }
        let mut holder = |key: &Key| match after.find(key, TTL, moment.now) {
            Known::Bound(id) => after.get(id).unwrap().primary,
            _ => None,
        };
        assert_eq!(holder(&named("old")), Some(Holder(1)));
        assert_eq!(holder(&named("expired")), None);
        assert_eq!(holder(&talk(&["a", "b", "c", "d", "e"])), Some(Holder(2)));
        assert_eq!(holder(&talk(&["a", "x"])), None, "a branch");
        assert_eq!(
            holder(&talk(&["a", "b", "x"])),
            Some(Holder(2)),
            "the same, put otherwise"
        );
    }

    #[test]
    fn nonsense_is_passed_over() {
        let moment = Moment {
            now: Instant::now(),
            wall: SystemTime::now(),
        };
        for text in ["", "something else\nc\t1\t00", "\u{0}\n"] {
            assert!(read(text, TTL, moment).0.is_empty());
        }
        let name = "0".repeat(32);
        let soon = u64::MAX;
        let text = format!(
            "{FIRST_LINE}\nc\t99999999999\t{name}\nc\tx\t{name}\nc\t1\nc\t99999999999\t{name}?\n\t1\t{name}\nc\t{soon}\t{name}\nc\t1\té{name}\n"
        );
        let (kept, unread) = read(&text, TTL, moment);
        assert_eq!((kept.len(), unread), (1, 6));
    }
}
