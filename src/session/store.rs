//! Sessions as text, so that they survive a restart: a line each, the least recently used first.
//!
//! A line has the client's digest in hex, the credential's id, when the session was last used (seconds since 1970),
//! its names in hex, and a check of all that; `!` marks a beginning of a conversation at which a request ended, `*`
//! the last of these. Each line stands for itself, so that one that is damaged costs one session. The lines of
//! version 1 have neither client nor check.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::bindings::{Copies, CredentialId};
use super::name::{Client, Mark, Name};

const FIRST_LINE: &str = "holdfast sessions 2";
const OLD_FIRST_LINE: &[u8] = b"holdfast sessions 1";
/// Of the checks: a line of another version is none of this one.
const SEED: u64 = 2;

/// One session out of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub client: Client,
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
    mut copies: Copies,
    id: impl Fn(CredentialId) -> Option<Arc<str>>,
    moment: Moment,
) -> String {
    let mut lines: Vec<(Instant, String)> = Vec::new();
    for (copied, names) in copies.sessions() {
        let Some(credential) = id(copied.credential_id) else {
            continue;
        };
        let age = moment.now.saturating_duration_since(copied.used);
        // A clock that was never set may stand before 1970.
        let used = moment.wall.checked_sub(age).unwrap_or(UNIX_EPOCH);
        let used = used.duration_since(UNIX_EPOCH).unwrap_or_default();
        let client = copied.client.0;
        let mut line = format!("{client:016x}\t{credential}\t{}\t", used.as_secs());
        for (index, (name, mark)) in names.enumerate() {
            if index > 0 {
                line.push(' ');
            }
            for byte in name.0 {
                // Writing into memory does not fail.
                let _ = write!(line, "{byte:02x}");
            }
            match mark {
                Mark::Plain => {}
                Mark::End => line.push('!'),
                Mark::Tip => line.push('*'),
            }
        }
        let check = check(line.as_bytes());
        line.push('\t');
        line.push_str(&check);
        lines.push((copied.used, line));
    }
    lines.sort_by_key(|(used, _)| *used);
    let length: usize = lines.iter().map(|(_, line)| line.len() + 1).sum();
    let mut text = String::with_capacity(FIRST_LINE.len() + 1 + length);
    text.push_str(FIRST_LINE);
    for (_, line) in lines {
        text.push('\n');
        text.push_str(&line);
    }
    text.push('\n');
    text
}

fn check(line: &[u8]) -> String {
    format!("{:016x}", xxh3_64_with_seed(line, SEED))
}

/// The sessions of a file that were used within `ttl`, and how many lines could not be read.
pub fn read(file: &[u8], ttl: Duration, moment: Moment) -> (Vec<Kept>, usize) {
    let mut lines = file.split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    // The lines of this version say themselves that they are ours, whatever has become of the first one.
    let session = match first == OLD_FIRST_LINE {
        true => old_session,
        false => session,
    };
    let mut kept = Vec::new();
    let mut unread = usize::from(![b"", FIRST_LINE.as_bytes(), OLD_FIRST_LINE].contains(&first));
    for line in lines.filter(|line| !line.is_empty()) {
        match session(line, moment) {
            Some((session, age)) if age <= ttl => kept.push(session),
            Some(_) => {}
            None => unread += 1,
        }
    }
    (kept, unread)
}

/// A line of this version.
fn session(line: &[u8], moment: Moment) -> Option<(Kept, Duration)> {
    let (line, found) = line.split_at_checked(line.len().checked_sub(17)?)?;
    let found = found.strip_prefix(b"\t")?;
    if check(line).as_bytes() != found {
        return None;
    }
    let (client, rest) = std::str::from_utf8(line).ok()?.split_once('\t')?;
    let client = Client(u64::from_str_radix(client, 16).ok()?);
    fields(client, rest, moment)
}

/// A line of version 1. Whose its session is it does not say.
fn old_session(line: &[u8], moment: Moment) -> Option<(Kept, Duration)> {
    fields(Client::UNKNOWN, std::str::from_utf8(line).ok()?, moment)
}

/// What both have, and how long ago the session was used.
fn fields(client: Client, line: &str, moment: Moment) -> Option<(Kept, Duration)> {
    let mut fields = line.split('\t');
    let (credential, used, names) = (fields.next()?, fields.next()?, fields.next()?);
    if credential.is_empty() || fields.next().is_some() {
        return None;
    }
    let used = UNIX_EPOCH.checked_add(Duration::from_secs(used.parse().ok()?))?;
    // What was used in the future was used just now.
    let age = moment.wall.duration_since(used).unwrap_or_default();
    let names: Vec<(Name, Mark)> = names.split(' ').map(name).collect::<Option<_>>()?;
    let kept = Kept {
        client,
        credential: credential.to_owned(),
        // Some systems know no moment before their start.
        used: moment.now.checked_sub(age).unwrap_or(moment.now),
        names,
    };
    Some((kept, age))
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
mod tests;
