//! What is known of models, as data (spec/dialects.md 0.4, 3.5).

use std::sync::LazyLock;

use serde::Deserialize;

use super::Level;

/// What a model can.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Record {
    /// How the model's name begins.
    prefix: String,
    /// `None`: it does not think.
    pub thinking: Option<Thinking>,
    /// Tokens of an answer.
    pub max_output: Option<u64>,
    /// Takes `temperature`, `top_p` and `top_k`.
    pub sampling: bool,
    /// Takes a budget of tokens for its thoughts.
    pub manual_budget: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
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

impl Default for Record {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            thinking: None,
            max_output: None,
            sampling: true,
            manual_budget: true,
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
static RECORDS: LazyLock<Vec<Record>> =
    LazyLock::new(|| serde_json::from_str(include_str!("models.json")).unwrap_or_default());

/// The record of a model; `None` for one that nothing is known of.
pub fn record(model: &str) -> Option<&'static Record> {
    let name = model
        .rsplit('/')
        .next()
        .unwrap_or(model)
        .to_ascii_lowercase();
    RECORDS
        .iter()
        .find(|record| name.starts_with(&record.prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        assert!(RECORDS.len() > 20);
        for (index, record) in RECORDS.iter().enumerate() {
            let hidden = RECORDS
                .iter()
                .take(index)
                .find(|earlier| record.prefix.starts_with(&earlier.prefix));
            assert!(hidden.is_none(), "{} is never found", record.prefix);
            if let Some(thinking) = &record.thinking {
                assert!(thinking.min <= thinking.max);
                assert!(
                    thinking.max > 0 || !thinking.levels.is_empty(),
                    "{}",
                    record.prefix
                );
            }
        }
        assert!(!record("claude-opus-4-7-20260101").unwrap().manual_budget);
        assert!(
            record("anthropic/claude-3-5-haiku-latest")
                .unwrap()
                .thinking
                .is_none()
        );
        assert!(record("somebodys-model").is_none());
    }
}
