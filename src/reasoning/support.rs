//! What is known of models, as data (spec/dialects.md 0.4, 3.5).

use std::sync::LazyLock;

use serde::Deserialize;

use super::effort::Level;
use crate::wire::Dialect;

/// What a model can.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReasoningSupport {
    /// How the model's name begins.
    prefix: String,
    /// Names may go on with a word of their own.
    is_line: bool,
    /// `None`: it does not think.
    pub thinking: Option<Thinking>,
    /// Tokens of an answer.
    pub max_output: Option<u64>,
    /// Takes `temperature`, `top_p` and `top_k`.
    pub sampling: bool,
    /// Takes a budget of tokens for its thoughts.
    pub manual_budget: bool,
    /// How a chat is told, where it is not by `reasoning_effort`.
    pub switch: Option<Switch>,
}

/// What vendors of chats have in the place of an effort (spec/dialects.md 3.5).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// `thinking`, on or off, with an effort in it.
    Thinking,
    /// `chat_template_kwargs.enable_thinking`, for whoever fills in the model's template.
    Template,
    /// The same; and thoughts of earlier turns are to stay.
    KeepingTemplate,
    /// `reasoning_split`: thoughts come apart from the answer.
    Split,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thinking {
    /// Tokens, least and most; 0 and 0 where only levels count.
    pub min: u64,
    pub max: u64,
    /// It can be left out altogether.
    pub zero: bool,
    /// The model can decide by itself.
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

/// In the order of the file, where the longer beginning of two stands first.
static RECORDS: LazyLock<Vec<ReasoningSupport>> =
    LazyLock::new(|| serde_json::from_str(include_str!("models.json")).unwrap_or_default());

/// The support of a model; `None` for one that nothing is known of.
pub fn support(model: &str) -> Option<&'static ReasoningSupport> {
    let name = model.rsplit('/').next().unwrap_or(model);
    let mut name = name.to_ascii_lowercase();
    if name.starts_with("claude") {
        // Some write versions with dots that the vendor writes with dashes.
        name = name.replace('.', "-");
    }
    RECORDS.iter().find(|support| {
        name.strip_prefix(&support.prefix)
            .is_some_and(|rest| is_variant(rest, support.is_line))
    })
}

/// Whether what follows a known name still means the same model: a date, a stage, a tag of a reseller, or, for a
/// line of models, any name in it.
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
    /// A model of which no more is known.
    pub fn of(thinking: Thinking) -> Self {
        Self {
            thinking: Some(thinking),
            ..Self::default()
        }
    }

    /// Whether the models are those of the vendor whose dialect this is.
    pub fn is_at_home(&self, dialect: Dialect) -> bool {
        match dialect {
            Dialect::Messages => self.prefix.starts_with("claude"),
            Dialect::Gemini => self.prefix.starts_with("gemini"),
            Dialect::Chat | Dialect::Responses => {
                !self.prefix.starts_with("claude") && !self.prefix.starts_with("gemini")
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
