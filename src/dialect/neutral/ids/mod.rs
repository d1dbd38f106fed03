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

use crate::dialect::Dialect;

pub use distinct::Distinct;
pub use pairs::Pairs;
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
        const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
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

#[cfg(test)]
mod tests {
    use super::*;

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
