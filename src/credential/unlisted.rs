//! Unlisted models: a credential without `models` serves what its vendor serves, so a name that looks like a model of
//! the vendor is passed on instead of being refused.

use super::exclusion;
use super::provider::Provider;

/// The unlisted models of a credential without `models`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unlisted {
    /// Patterns of `excluded-models`, in lower case.
    pub excluded: Vec<String>,
}

impl Unlisted {
    /// Whether `name`, without prefix and thinking suffix, may be passed to `provider`.
    pub fn has(&self, provider: &Provider, name: &str) -> bool {
        is_of_family(provider, name) && !exclusion::any(&self.excluded, name)
    }
}

/// The patterns of vendors' model names, in lower case. OpenAI-compatible servers can have any names, so only their
/// lists count.
const CLAUDE: &[&str] = &["claude-*"];
const GEMINI: &[&str] = &["gemini-*"];
const KIMI: &[&str] = &["kimi-*"];
const XAI: &[&str] = &["grok-*"];
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

/// The patterns of the unlisted names that `provider` may serve.
pub fn families(provider: &Provider) -> &'static [&'static str] {
    match provider {
        Provider::Claude => CLAUDE,
        Provider::Gemini | Provider::Vertex | Provider::GeminiCli => GEMINI,
        Provider::Codex => OPENAI,
        Provider::Kimi => KIMI,
        Provider::Xai => XAI,
        // Names of several vendors' models.
        Provider::Antigravity | Provider::Iflow => &[],
        Provider::Compat { .. } => &["*"],
    }
}

/// The vendor whose pattern matches `name`.
pub fn vendor_of(name: &str) -> Option<Provider> {
    let vendors = [
        Provider::Claude,
        Provider::Codex,
        Provider::Gemini,
        Provider::Xai,
    ];
    vendors
        .into_iter()
        .find(|vendor| is_of_family(vendor, name))
}

/// Whether a pattern of the vendor matches.
fn is_of_family(provider: &Provider, name: &str) -> bool {
    if matches!(provider, Provider::Compat { .. }) {
        return false;
    }
    families(provider).iter().any(|family| {
        let start = family.trim_end_matches('*');
        let beginning = name.get(..start.len());
        // `o3` is a complete name, `gpt-` is not.
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
