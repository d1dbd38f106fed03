//! Who is talking: the session ids of a request.

use super::scan::Scan;
use super::signals::Signals;
use super::texts::Opening;
use crate::json::{Scanner, Value};

/// The ids of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// `None`: nothing identifies the session.
    pub primary: Option<String>,
    /// Under which an earlier turn of the same conversation is known.
    pub fallback: Option<String>,
    /// Further names of the same conversation. None of them may be shared by several.
    pub others: Vec<String>,
    /// The name that the answer before this request gave to the conversation.
    pub previous_response: Option<String>,
    /// The session of the agent that this one works for.
    pub parent: Option<String>,
    /// The client named the session; otherwise `primary` is made of what the conversation says.
    pub is_named: bool,
}

impl Identity {
    /// All names of the session, the one that says most where it lives first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let first = [&self.previous_response, &self.primary, &self.fallback];
        let others = self.others.iter().map(String::as_str);
        first
            .into_iter()
            .flatten()
            .map(String::as_str)
            .chain(others)
    }
}

/// The ids of a request. `headers` are all that the client sent, names in any case.
pub fn identify<'h>(
    headers: impl IntoIterator<Item = (&'h str, &'h str)>,
    scan: &Scan<'_>,
) -> Identity {
    let signals = Signals::read(headers);
    let mut identity = named(&signals, scan).unwrap_or_else(|| of_opening(&scan.heard.opening()));
    if let (Some(agent), Some(primary)) = (signals.agent(), identity.primary.as_mut()) {
        if identity.is_named {
            identity.parent = Some(primary.clone());
            for id in identity.others.iter_mut().chain([primary]) {
                *id = format!("{id}#{agent}");
            }
        }
    } else if let Some(parent) = signals.parent_session_id {
        identity.parent = Some(format!("header:{parent}"));
    }
    if let Some(response) = id(scan.ids.previous_response_id.as_deref()) {
        identity.previous_response = Some(response_name(response));
    }
    identity
}

/// Whether the headers alone name the session.
pub fn is_named_by<'h>(headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> bool {
    Signals::read(headers).is_strong()
}

/// The name that an answer of Responses gives to its conversation.
pub fn response_name(response: &str) -> String {
    format!("resp:{response}")
}

/// The session that a header or a member of the body names, in the order of preference.
fn named(signals: &Signals<'_>, scan: &Scan<'_>) -> Option<Identity> {
    let name = |kind: &str, id: &str| format!("{kind}:{id}");
    let user_id = scan.user_id.as_deref();
    let claude = user_id.and_then(claude_session);
    let of_header = |kind: &str, value: Option<&str>| value.map(|value| name(kind, value));
    let strong = of_header("claude", signals.claude_code_session)
        .or_else(|| claude.as_deref().map(|session| name("claude", session)))
        .or_else(|| of_header("codex", signals.session_id))
        .or_else(|| of_header("codex", signals.session_id_underscored))
        .or_else(|| of_header("header", signals.x_session_id))
        .or_else(|| of_header("amp", signals.amp_thread))
        .or_else(|| of_header("opencode", signals.opencode_session))
        .or_else(|| of_header("affinity", signals.session_affinity));
    let request = of_header("clientreq", signals.client_request_id);
    let is_strong = strong.is_some();
    let ids = &scan.ids;
    let body_session = id(ids.session_id.as_deref()).or(id(ids.session_id_camel.as_deref()));
    let body_session = body_session.map(|session| name("session", session));
    let conversation = id(ids.conversation.as_deref()).map(|id| name("conv", id));
    let old_conversation = scan.conversation_id.as_deref().map(|id| name("conv", id));
    let primary = strong
        .or_else(|| body_session.clone())
        .or_else(|| id(ids.prompt_cache_key.as_deref()).map(|key| name("pck", key)))
        .or_else(|| conversation.clone())
        .or_else(|| user_id.map(|user| name("user", user)))
        .or_else(|| old_conversation.clone());
    let Some(primary) = primary else {
        // Some clients send a new one with every request: only if nothing else is there.
        let request = request?;
        let mut opening = of_opening(&scan.heard.opening());
        opening.others.push(request.clone());
        opening.primary.get_or_insert(request);
        return Some(opening);
    };
    // A cache key and a user may be shared by many conversations: they are names only where they are all
    // there is.
    let weaker = (!is_strong).then_some(request).flatten();
    let mut others: Vec<String> = [body_session, conversation, old_conversation, weaker]
        .into_iter()
        .flatten()
        .filter(|other| *other != primary)
        .collect();
    others.dedup();
    Some(Identity {
        primary: Some(primary),
        others,
        is_named: true,
        ..Identity::default()
    })
}

/// An id as newer clients must write it; otherwise it is none.
fn id(text: Option<&str>) -> Option<&str> {
    super::signals::valid(text?)
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
            ..Identity::default()
        };
    }
    Identity {
        primary: Some(hash(opening.assistant.as_bytes())),
        fallback: Some(first_turn),
        ..Identity::default()
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
    fn ids_without_a_name_are_stable() {
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
