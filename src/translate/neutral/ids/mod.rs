//! Identifiers of answers and of calls of tools (spec/dialects.md 2).
//!
//! Everything about ids of calls is here: what each dialect takes ([`rule`]), which result belongs to which call of a
//! conversation ([`pairs`]), the ids that an upstream is sent ([`Distinct`]) and those that a client is shown
//! ([`Shown`]).

mod distinct;
pub mod pairs;
pub mod rule;
mod shown;

use ring::digest::{SHA256, digest};

use crate::wire::Dialect;
use rule::DIGITS;

pub use distinct::Distinct;
pub use pairs::Pairs;
pub use rule::CallIds;
pub use shown::Shown;

/// Makes ids that nobody else has: from a seed that is unique to the request.
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

    /// 24 letters and digits.
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

    /// An id for a call that came without one.
    pub fn call(&mut self) -> String {
        format!("call_{}", self.token())
    }
}

/// The id of an answer in `dialect`: the upstream's, under the prefix that is usual there.
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

/// A name of a user or a cache for whoever takes at most so many characters: a longer one is its hash, which is the same
/// each time.
pub fn short(name: String, most: usize) -> String {
    match name.chars().nth(most) {
        None => name,
        Some(_) => hash(&name),
    }
}

/// 64 characters that stand for a text.
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
