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

/// How vendors name their models: beginnings, in lower case, with something behind each. Those of
/// OpenAI-compatible servers are anybody's, so only their lists count.
const CLAUDE: &[&str] = &["claude-*"];
const GEMINI: &[&str] = &["gemini-*"];
const OPENAI: &[&str] = &[
    "gpt-*",
    "chatgpt-*",
    "codex-*",
    "o0*",
    "o1*",
    "o2*",
    "o3*",
    "o4*",
    "o5*",
    "o6*",
    "o7*",
    "o8*",
    "o9*",
];

/// The patterns of the names that `provider` may serve beyond what is listed here.
pub fn families(provider: &Provider) -> &'static [&'static str] {
    match provider {
        Provider::Claude => CLAUDE,
        Provider::Gemini | Provider::Vertex => GEMINI,
        Provider::Codex => OPENAI,
        Provider::Compat { .. } => &["*"],
    }
}

/// The vendor that names its models so.
pub fn vendor_of(name: &str) -> Option<Provider> {
    let vendors = [Provider::Claude, Provider::Codex, Provider::Gemini];
    vendors
        .into_iter()
        .find(|vendor| is_of_family(vendor, name))
}

/// Whether a vendor names its models so.
fn is_of_family(provider: &Provider, name: &str) -> bool {
    if matches!(provider, Provider::Compat { .. }) {
        return false;
    }
    families(provider).iter().any(|family| {
        let start = family.trim_end_matches('*');
        let beginning = name.get(..start.len());
        // A digit is a name already: `o3`.
        let is_whole = name.len() > start.len() || !start.ends_with('-');
        is_whole && beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(start))
    })
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
