//! Names that no list has: a credential without a list of its own serves what its vendor serves, so a name of
//! the vendor's family is passed on rather than refused.

use super::exclusion;
use super::presented::Provider;

/// What a credential without `models` serves beyond the models that are known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unlisted {
    /// Patterns of `excluded-models`, in lower case.
    pub excluded: Vec<String>,
}

impl Unlisted {
    /// Whether `name`, without prefix and thinking suffix, is passed on to `provider`.
    pub fn has(&self, provider: &Provider, name: &str) -> bool {
        is_of_family(provider, name) && !exclusion::any(&self.excluded, name)
    }
}

/// Whether a vendor names its models so.
pub fn is_of_family(provider: &Provider, name: &str) -> bool {
    let begins = |start: &str| {
        let beginning = name.get(..start.len());
        name.len() > start.len() && beginning.is_some_and(|b| b.eq_ignore_ascii_case(start))
    };
    match provider {
        Provider::Claude => begins("claude-"),
        Provider::Gemini | Provider::Vertex => begins("gemini-"),
        Provider::Codex => {
            let is_reasoning =
                begins("o") && name.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
            is_reasoning || ["gpt-", "chatgpt-", "codex-"].into_iter().any(begins)
        }
        // Its names are anybody's.
        Provider::Compat { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families() {
        let compat = Provider::Compat {
            name: "openrouter".to_owned(),
        };
        for (name, claude, codex, gemini) in [
            ("claude-sonnet-9", true, false, false),
            ("Claude-Sonnet-9", true, false, false),
            ("gpt-4o", false, true, false),
            ("chatgpt-4o-latest", false, true, false),
            ("o3", false, true, false),
            ("o4-mini", false, true, false),
            ("codex-mini-latest", false, true, false),
            ("gemini-flash-latest", false, false, true),
            ("claude-", false, false, false),
            ("claude", false, false, false),
            ("opus", false, false, false),
            ("o", false, false, false),
            ("é", false, false, false),
            ("", false, false, false),
        ] {
            assert_eq!(is_of_family(&Provider::Claude, name), claude, "{name}");
            assert_eq!(is_of_family(&Provider::Codex, name), codex, "{name}");
            assert_eq!(is_of_family(&Provider::Gemini, name), gemini, "{name}");
            assert_eq!(is_of_family(&Provider::Vertex, name), gemini, "{name}");
            assert!(!is_of_family(&compat, name), "{name}");
        }
    }

    #[test]
    fn exclusions_hold() {
        let unlisted = Unlisted {
            excluded: vec!["gpt-4*".to_owned()],
        };
        assert!(unlisted.has(&Provider::Codex, "gpt-5"));
        assert!(!unlisted.has(&Provider::Codex, "GPT-4o"));
    }
}
