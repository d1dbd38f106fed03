//! What reasoning the known models support, as data.

use std::sync::LazyLock;

use serde::Deserialize;

use super::effort::Level;
use crate::wire::Dialect;

/// What a model supports.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReasoningSupport {
    /// The beginning of the model's name.
    prefix: String,
    /// A name may continue with any word.
    is_line: bool,
    /// `None` for a model without thinking.
    pub thinking: Option<Thinking>,
    /// The most tokens of an answer.
    pub max_output: Option<u64>,
    /// Accepts `temperature`, `top_p` and `top_k`.
    pub sampling: bool,
    /// Accepts a token budget for thinking.
    pub manual_budget: bool,
    /// The setting in a chat, where it is not `reasoning_effort`.
    pub switch: Option<Switch>,
}

/// The settings of Chat vendors that replace `reasoning_effort`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// `thinking`, on or off, with an effort in it.
    Thinking,
    /// `chat_template_kwargs.enable_thinking`, for servers that apply the model's template.
    Template,
    /// The same, and thoughts of earlier turns are kept.
    KeepingTemplate,
    /// `reasoning_split`: thoughts are separate from the answer.
    Split,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thinking {
    /// The least and the most tokens; both 0 for a model with levels only.
    pub min: u64,
    pub max: u64,
    /// Thinking can be off.
    pub zero: bool,
    /// The model can choose the amount.
    pub dynamic: bool,
    #[serde(deserialize_with = "levels")]
    pub levels: Vec<Level>,
}

impl Default for ReasoningSupport {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            is_line: false,
            thinking: None,
            max_output: None,
            sampling: true,
            manual_budget: true,
            switch: None,
        }
    }
}

fn levels<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Level>, D::Error> {
    let names: Vec<String> = Vec::deserialize(deserializer)?;
    names
        .iter()
        .map(|name| Level::of_name(name).ok_or_else(|| serde::de::Error::custom(name)))
        .collect()
}

/// In the order of the file, in which the longer of two prefixes comes first.
static RECORDS: LazyLock<Vec<ReasoningSupport>> =
    LazyLock::new(|| serde_json::from_str(include_str!("models.json")).unwrap_or_default());

/// The support of a model; `None` for an unknown one.
pub fn support(model: &str) -> Option<&'static ReasoningSupport> {
    let name = model.rsplit('/').next().unwrap_or(model);
    let mut name = name.to_ascii_lowercase();
    if name.starts_with("claude") {
        // Some providers write dots in versions where the vendor writes dashes.
        name = name.replace('.', "-");
    }
    RECORDS.iter().find(|support| {
        name.strip_prefix(&support.prefix)
            .is_some_and(|rest| is_variant(rest, support.is_line))
    })
}

/// Whether a suffix of a known name means the same model: a date, a stage, a reseller's tag, or, for a line of models,
/// any word.
fn is_variant(rest: &str, is_line: bool) -> bool {
    const STAGES: [&str; 4] = ["preview", "latest", "exp", "thinking"];
    let Some(first) = rest.chars().next() else {
        return true;
    };
    let next = rest.get(1..).unwrap_or_default();
    let word = next.split('-').next().unwrap_or_default();
    let is_date = word.len() >= 4 && word.bytes().all(|byte| byte.is_ascii_digit());
    match first {
        ':' | '@' => true,
        '-' => is_line || is_date || STAGES.contains(&word),
        '.' => is_line,
        _ => false,
    }
}

impl ReasoningSupport {
    /// A model whose details are unknown.
    pub fn of(thinking: Thinking) -> Self {
        Self {
            thinking: Some(thinking),
            ..Self::default()
        }
    }

    /// Whether the models are of the vendor of this dialect.
    pub fn is_at_home(&self, dialect: Dialect) -> bool {
        match dialect {
            Dialect::Messages => self.prefix.starts_with("claude"),
            Dialect::Gemini => self.prefix.starts_with("gemini"),
            Dialect::Chat | Dialect::Responses => {
                let others = ["claude", "gemini", "grok"];
                let is_others = others.iter().any(|other| self.prefix.starts_with(other));
                !is_others && self.switch.is_none()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        assert!(RECORDS.len() > 20);
        for (index, support) in RECORDS.iter().enumerate() {
            let hidden = RECORDS.iter().take(index).find(|earlier| {
                let rest = support.prefix.strip_prefix(&earlier.prefix);
                rest.is_some_and(|rest| is_variant(rest, earlier.is_line))
            });
            assert!(hidden.is_none(), "{} is never found", support.prefix);
            if let Some(thinking) = &support.thinking {
                assert!(thinking.min <= thinking.max);
                assert!(
                    thinking.max > 0 || !thinking.levels.is_empty(),
                    "{}",
                    support.prefix
                );
            }
        }
        assert!(!support("claude-opus-4-7-20260101").unwrap().manual_budget);
        assert!(
            support("anthropic/claude-3-5-haiku-latest")
                .unwrap()
                .thinking
                .is_none()
        );
        assert!(support("somebodys-model").is_none());
        for (name, expected) in [
            ("claude-opus-4.7", Some("claude-opus-4-7")),
            ("claude-opus-4-1-20250805", Some("claude-opus-4-1")),
            ("claude-sonnet-4-5@20250929", Some("claude-sonnet-4-5")),
            ("moonshotai/kimi-k2:free", Some("kimi-k2")),
            ("gpt-5.6-terra", Some("gpt-5.6")),
            ("gpt-5.4-mini", Some("gpt-5.4")),
            ("gemini-3.1-pro-preview-customtools", Some("gemini-3.1-pro")),
            ("gemini-2.5-flash-lite", Some("gemini-2.5-flash-lite")),
            ("gpt-5.40", None),
            ("zai-org/GLM-4.6-FP8", Some("glm-4.6")),
            ("glm-5.1", Some("glm-5")),
            ("glm-4-9b", None),
            ("deepseek-ai/DeepSeek-V3.1-Terminus", Some("deepseek-v3.1")),
            ("MiniMax-M2.5", Some("minimax-m2")),
            ("gemini-2.5-flash-image", None),
            ("kimi-k2.9", None),
        ] {
            let found = support(name).map(|support| support.prefix.as_str());
            assert_eq!(found, expected, "{name}");
        }
    }
}
