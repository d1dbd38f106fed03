use std::num::NonZeroUsize;

use proptest::prelude::*;

use super::*;
use crate::session::bindings::{Bindings, Key, Known};
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
        client: Client::new("k"),
        names: Vec::new(),
        prefix: Some((Name::new("", "", "m"), turns.prefix())),
    }
}

fn named(session: &str) -> Key {
    Key {
        client: Client::new("k"),
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
    for (key, credential_id, age) in [
        (named("expired"), 1, 4000),
        (named("old"), 1, 3500),
        (talk(&["a"]), 2, 10),
        (talk(&["a", "b", "c"]), 2, 5),
        (named("vanished"), 3, 5),
    ] {
        let id = match before.find(&key, TTL * 9, ago(age)) {
            Known::Bound(id) => id,
            _ => before.insert(key.client, CredentialId(credential_id), ago(age)),
        };
        before.attach(id, &key);
        before.change(id, ago(age), |binding| binding.is_confirmed = true);
    }
    before.insert(Client::new("k"), CredentialId(1), ago(1));
    let id = |credential_id: CredentialId| {
        (credential_id.0 < 3).then(|| format!("c{}", credential_id.0).into())
    };
    let text = write(copied(&before, 1), id, moment);
    assert_eq!(text, write(copied(&before, 100), id, moment));
    assert_eq!(text.lines().count(), 4, "{text}");

    let (kept, unread) = read(text.as_bytes(), TTL, moment);
    assert_eq!((kept.len(), unread), (2, 0));
    let mut after = bindings(moment.now);
    for session in kept {
        let number = session.credential.strip_prefix('c').unwrap();
        after.restore(
            session.client,
            CredentialId(number.parse().unwrap()),
            session.used,
            &session.names,
        );
    }
    let mut credential_id = |key: &Key| match after.find(key, TTL, moment.now) {
        Known::Bound(id) => after.get(id).unwrap().primary,
        _ => None,
    };
    assert_eq!(credential_id(&named("old")), Some(CredentialId(1)));
    assert_eq!(credential_id(&named("expired")), None);
    assert_eq!(
        credential_id(&talk(&["a", "b", "c", "d", "e"])),
        Some(CredentialId(2))
    );
    assert_eq!(credential_id(&talk(&["a", "x"])), None, "a branch");
    assert_eq!(
        credential_id(&talk(&["a", "b", "x"])),
        Some(CredentialId(2)),
        "the same, put otherwise"
    );
}

fn copied(bindings: &Bindings, most: usize) -> Copies {
    let mut copies = Copies::default();
    while bindings.copy(&mut copies, most) {}
    copies
}

#[test]
fn what_comes_and_goes_between_two_slices_does_no_harm() {
    let now = Instant::now();
    let mut bindings = bindings(now);
    let open = |bindings: &mut Bindings, client: &str, session: &str| {
        let client = Client::new(client);
        let id = bindings.insert(client, CredentialId(1), now);
        let key = Key {
            client,
            ..named(session)
        };
        bindings.attach(id, &key);
        bindings.confirm(id);
        id
    };
    let ids: Vec<_> = (0..50)
        .map(|n| open(&mut bindings, "a", &n.to_string()))
        .collect();
    let other = open(&mut bindings, "b", "gone soon");
    open(&mut bindings, "c", "stays");
    let mut copies = Copies::default();
    let mut round = 0;
    while bindings.copy(&mut copies, 3) {
        // Every even one of the first half goes, and new ones come.
        if let Some(id) = ids[..25].get(2 * round) {
            bindings.remove(*id);
            open(&mut bindings, "a", &format!("new {round}"));
        }
        bindings.remove(other);
        round += 1;
    }
    let moment = Moment {
        now,
        wall: SystemTime::now(),
    };
    let text = write(copies, |_| Some("c".into()), moment);
    let (kept, unread) = read(text.as_bytes(), TTL, moment);
    assert_eq!(unread, 0);
    let names: Vec<Name> = kept.iter().map(|kept| kept.names[0].0).collect();
    for n in (1..50).filter(|n| n % 2 == 1 || *n >= 26) {
        assert!(names.contains(&Name::new("", &n.to_string(), "m")), "{n}");
    }
    assert!(names.contains(&Name::new("", "stays", "m")));
}

#[test]
fn the_old_format_is_still_read() {
    let moment = Moment {
        now: Instant::now() + TTL,
        wall: UNIX_EPOCH + Duration::from_secs(2_000_000_000),
    };
    let name = Name::new("key", "s", "m");
    let hex: String = name.0.iter().map(|byte| format!("{byte:02x}")).collect();
    let file = format!("holdfast sessions 1\nc1\t1999999990\t{hex}\nc1\tx\t{hex}\n");
    let (kept, unread) = read(file.as_bytes(), TTL, moment);
    assert_eq!((kept.len(), unread), (1, 1));
    let mut bindings = bindings(moment.now);
    for session in &kept {
        bindings.restore(
            session.client,
            CredentialId(7),
            session.used,
            &session.names,
        );
    }
    let key = Key {
        client: Client::new("key"),
        names: vec![name],
        prefix: None,
    };
    let Known::Bound(id) = bindings.find(&key, TTL, moment.now) else {
        panic!("it is known");
    };
    assert_eq!(bindings.get(id).unwrap().primary, Some(CredentialId(7)));
}

#[test]
fn any_clock_will_do() {
    let now = Instant::now();
    let mut bindings = bindings(now);
    let key = named("s");
    let id = bindings.insert(key.client, CredentialId(1), now);
    bindings.attach(id, &key);
    bindings.confirm(id);
    let day = Duration::from_secs(86_400);
    let walls = [
        UNIX_EPOCH - day * 400,
        UNIX_EPOCH,
        UNIX_EPOCH + day * 20_000,
        UNIX_EPOCH + day * 4_000_000,
    ];
    for wrote in walls {
        for reads in walls {
            let wrote = Moment {
                now: now + TTL,
                wall: wrote,
            };
            let text = write(copied(&bindings, 9), |_| Some("c".into()), wrote);
            let moment = Moment { now, wall: reads };
            let (kept, unread) = read(text.as_bytes(), TTL, moment);
            assert_eq!(unread, 0);
            // Set back, the clock makes sessions younger, never older.
            assert!(
                kept.len() == 1 || reads > wrote.wall,
                "{wrote:?} {moment:?}"
            );
            assert!(kept.iter().all(|kept| kept.used <= now));
        }
    }
}

#[test]
fn nonsense_is_passed_over() {
    let moment = Moment {
        now: Instant::now(),
        wall: SystemTime::now(),
    };
    for text in ["", "something else\nc\t1\t00", "\u{0}\n"] {
        assert!(read(text.as_bytes(), TTL, moment).0.is_empty());
    }
    let name = "0".repeat(32);
    let soon = u64::MAX;
    let lines = [
        format!("c\t99999999999\t{name}"),
        format!("c\tx\t{name}"),
        "c\t1".to_owned(),
        format!("c\t99999999999\t{name}?"),
        format!("\t1\t{name}"),
        format!("c\t{soon}\t{name}"),
        format!("c\t1\té{name}"),
    ];
    let old = format!("holdfast sessions 1\n{}\n", lines.join("\n"));
    let (kept, unread) = read(old.as_bytes(), TTL, moment);
    assert_eq!((kept.len(), unread), (1, 6));
    let lines = lines.map(|line| {
        let line = format!("00000000000000ab\t{line}");
        format!("{line}\t{}", check(line.as_bytes()))
    });
    let new = format!("{FIRST_LINE}\n{}\n", lines.join("\n"));
    let (kept, unread) = read(new.as_bytes(), TTL, moment);
    assert_eq!((kept.len(), unread), (1, 6));
    assert_eq!(kept[0].client, Client(0xab));
}

#[derive(Clone, Copy, Debug)]
enum Damage {
    Flip(u8),
    Delete,
    Insert(u8),
    Truncate,
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (1..=255_u8).prop_map(Damage::Flip),
        Just(Damage::Flip(b'\n' ^ b'0')),
        Just(Damage::Delete),
        any::<u8>().prop_map(Damage::Insert),
        Just(Damage::Insert(b'\n')),
        Just(Damage::Truncate),
    ]
}

fn file(sessions: &[Vec<u8>], moment: Moment) -> Vec<u8> {
    let mut bindings = bindings(moment.now);
    for (number, names) in sessions.iter().enumerate() {
        let client = Client::new(["", "a", "b"][number % 3]);
        let id = bindings.insert(client, CredentialId(number as u32), moment.now);
        for n in names {
            bindings.add_name(id, Name::new("", &format!("{number} {n}"), "m"));
        }
        bindings.confirm(id);
    }
    let id = |credential_id: CredentialId| Some(format!("credential-{}", credential_id.0).into());
    write(copied(&bindings, 7), id, moment).into_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever becomes of one byte costs one session, or two where lines are joined.
    #[test]
    fn one_byte_costs_one_session(
        sessions in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..4), 1..12),
        damage in damage(),
        at in any::<prop::sample::Index>(),
    ) {
        let moment = Moment { now: Instant::now(), wall: SystemTime::now() };
        let whole = file(&sessions, moment);
        let (before, unread) = read(&whole, TTL, moment);
        prop_assert_eq!((before.len(), unread), (sessions.len(), 0));
        let mut damaged = whole.clone();
        let at = at.index(whole.len());
        let is_break = whole[at] == b'\n';
        let mut most = 1;
        match damage {
            Damage::Flip(bits) => {
                damaged[at] ^= bits;
                most += usize::from(is_break);
            }
            Damage::Delete => {
                damaged.remove(at);
                most += usize::from(is_break);
            }
            Damage::Insert(byte) => damaged.insert(at, byte),
            Damage::Truncate => {
                damaged.truncate(at);
                let lines = whole[at..].split(|byte| *byte == b'\n');
                most = lines.count();
            }
        }
        let (after, unread) = read(&damaged, TTL, moment);
        prop_assert!(after.len() + most >= before.len(), "{} of {}", after.len(), before.len());
        prop_assert!(unread <= 2);
        let mut left = before.iter();
        for kept in &after {
            prop_assert!(left.any(|known| known == kept), "{:?} is altered", kept);
        }
    }
}
