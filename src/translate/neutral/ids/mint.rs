//! Ids that are made here: of answers, of calls without one, of names that are too long.

use ring::digest::{SHA256, digest};

use super::format::DIGITS;
use crate::wire::Dialect;

/// Makes unique ids from a seed that is unique to the request.
#[derive(Clone, Debug)]
pub struct Mint {
    seed: String,
    made: u64,
}

impl Mint {
    pub fn new(seed: impl Into<String>) -> Self {
        Self {
            seed: seed.into(),
            made: 0,
        }
    }

    /// An id of 24 letters and digits.
    pub fn token(&mut self) -> String {
        self.made += 1;
        let hash = digest(&SHA256, format!("{}/{}", self.seed, self.made).as_bytes());
        hash.as_ref()
            .iter()
            .take(24)
            .filter_map(|byte| DIGITS.get(usize::from(byte % 62)))
            .map(|digit| char::from(*digit))
            .collect()
    }

    /// An id for a call without one.
    pub fn call(&mut self) -> String {
        format!("call_{}", self.token())
    }
}

/// The id of an answer in `dialect`: the upstream's id with the prefix of that dialect.
pub fn answer(dialect: Dialect, upstream: Option<&str>, mint: &mut Mint) -> String {
    let bare = upstream.map(|id| {
        ["chatcmpl-", "resp_", "msg_", "gen-"]
            .iter()
            .find_map(|prefix| id.strip_prefix(prefix))
            .unwrap_or(id)
    });
    let bare = match bare.filter(|id| !id.is_empty()) {
        Some(id) => id.to_owned(),
        None => mint.token(),
    };
    let prefix = match dialect {
        Dialect::Chat => "chatcmpl-",
        Dialect::Responses => "resp_",
        Dialect::Messages => "msg_",
        Dialect::Gemini => "",
    };
    format!("{prefix}{bare}")
}

/// The name of a user or a cache for a vendor that accepts at most `most` characters; a longer one is replaced by its
/// hash.
pub fn short(name: String, most: usize) -> String {
    match name.chars().nth(most) {
        None => name,
        Some(_) => hash(&name),
    }
}

/// The SHA-256 of a text in hexadecimal.
pub fn hash(text: &str) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_become_hashes() {
        assert_eq!(short("é".repeat(64), 64), "é".repeat(64));
        let long = short("x".repeat(65), 64);
        assert_eq!(long.len(), 64);
        assert_eq!(long, short("x".repeat(65), 64));
        assert_ne!(long, short("x".repeat(66), 64));
    }

    #[test]
    fn answers_keep_their_id_under_the_usual_prefix() {
        let mut mint = Mint::new("seed");
        assert_eq!(
            answer(Dialect::Chat, Some("msg_01"), &mut mint),
            "chatcmpl-01"
        );
        assert_eq!(
            answer(Dialect::Messages, Some("resp_a"), &mut mint),
            "msg_a"
        );
        assert_eq!(answer(Dialect::Gemini, Some("chatcmpl-q"), &mut mint), "q");
        let minted = answer(Dialect::Responses, None, &mut mint);
        assert_eq!(minted.len(), "resp_".len() + 24);
        assert_ne!(minted, answer(Dialect::Responses, Some(""), &mut mint));
    }
}
