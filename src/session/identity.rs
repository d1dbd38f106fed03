//! Who is talking: the session id of a request (`spec/routing.md` 3.2 to 3.4).

use super::scan::Scan;
use super::texts::Opening;
use crate::json::{Scanner, Value};

/// The ids of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// `None`: nothing identifies the session.
    pub primary: Option<String>,
    /// Under which an earlier turn of the same conversation is known.
    pub fallback: Option<String>,
}

impl Identity {
    fn named(kind: &str, id: &str) -> Self {
        Self {
            primary: Some(format!("{kind}:{id}")),
            fallback: None,
        }
    }
}

/// The first source that a request has. `header` gives the first value of a header by its name in lower case.
pub fn identify<'h>(header: impl Fn(&str) -> Option<&'h str>, scan: &Scan<'_>) -> Identity {
    let user_id = scan.user_id.as_deref();
    if let Some(session) = user_id.and_then(claude_session) {
        return Identity::named("claude", &session);
    }
    if let Some(id) = header("x-session-id").filter(|id| !id.is_empty()) {
        return Identity::named("header", id);
    }
    if let Some(id) = user_id {
        return Identity::named("user", id);
    }
    if let Some(id) = scan.conversation_id.as_deref() {
        return Identity::named("conv", id);
    }
    of_opening(&scan.heard.opening())
}

/// The session in a `user_id` of Claude Code: at its end in the older form, a member in the newer one.
fn claude_session(user_id: &str) -> Option<String> {
    const MARK: &str = "_session_";
    let before = user_id.trim_end_matches(|c| matches!(c, 'a'..='f' | '0'..='9' | '-'));
    if before.len() < user_id.len() && before.ends_with(MARK) {
        return user_id.get(before.len()..).map(str::to_owned);
    }
    if !user_id.starts_with('{') {
        return None;
    }
    let mut scanner = Scanner::new(user_id.as_bytes()).ok()?;
    let mut session = None;
    scanner
        .object(|scanner, key| {
            let (value, _) = scanner.value()?;
            if key.is("session_id") {
                session.get_or_insert(value);
            }
            Ok(())
        })
        .and_then(|()| scanner.end())
        .ok()?;
    session
        .filter(|value: &Value<'_>| !value.is_blank())
        .map(|value| value.text().into_owned())
}

fn of_opening(opening: &Opening) -> Identity {
    if opening.has_no_beginning() {
        return Identity::default();
    }
    let hash = |assistant: &[u8]| {
        let mut hash = Fnv1a::default();
        for (label, text) in [
            ("sys:", opening.system.as_bytes()),
            ("usr:", opening.user.as_bytes()),
            ("ast:", assistant),
        ] {
            if !text.is_empty() {
                hash.add(label.as_bytes());
                hash.add(text);
                hash.add(b"\n");
            }
        }
        format!("msg:{:016x}", hash.0)
    };
    let first_turn = hash(b"");
    if opening.assistant.is_empty() {
        return Identity {
            primary: Some(first_turn),
            fallback: None,
        };
    }
    Identity {
        primary: Some(hash(opening.assistant.as_bytes())),
        fallback: Some(first_turn),
    }
}

/// The 64-bit FNV-1a hash (RFC 9923). Its weakness against chosen texts is no matter: who chooses them can as
/// well choose the id.
struct Fnv1a(u64);

impl Default for Fnv1a {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv1a {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// The FNV-1a hash of `bytes`.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = Fnv1a::default();
    hash.add(bytes);
    hash.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_the_specification() {
        for (text, hash) in [
            ("usr:Hello world\n", 0x6f3a_f826_5071_0693_u64),
            (
                "usr:Hello world\nast:Hi! How can I help?\n",
                0x0964_de51_a03c_0514,
            ),
            (
                "sys:You are helpful\nusr:Hello\nast:Hi there!\n",
                0x46d2_b383_fc62_05a1,
            ),
        ] {
            assert_eq!(fnv1a(text.as_bytes()), hash, "{text:?}");
        }
    }
}
