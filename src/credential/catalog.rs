//! The built-in lists of models of each kind of upstream, from `catalog.json`.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub struct Section {
    pub owned_by: &'static str,
    /// Ids of models in the section [`SHARING`] that belong to this one too.
    #[serde(default)]
    shared: Vec<&'static str>,
    pub models: Vec<Known>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Known {
    pub id: &'static str,
    pub display_name: &'static str,
    /// The version, as in Gemini's list.
    pub version: Option<&'static str>,
    /// Unix seconds.
    pub created: Option<u64>,
    /// The maximum number of input and output tokens.
    pub context: Option<u64>,
    pub output: Option<u64>,
    /// Plans of accounts that do not have it.
    #[serde(default)]
    pub not_for: Vec<&'static str>,
}

/// The group of a plan of ChatGPT, by which its models differ.
pub fn plan_group(plan: Option<&str>) -> &'static str {
    match plan {
        Some("free") => "free",
        Some("team" | "business" | "go" | "edu" | "enterprise") => "team",
        Some("plus") => "plus",
        _ => "pro",
    }
}

/// The section whose models other sections share.
const SHARING: &str = "gemini";

static SECTIONS: LazyLock<HashMap<&'static str, Section>> = LazyLock::new(|| {
    let mut sections: HashMap<&'static str, Section> =
        serde_json::from_str(include_str!("catalog.json")).unwrap_or_default();
    let all = sections.get(SHARING).map(|section| section.models.clone());
    let all = all.unwrap_or_default();
    for section in sections.values_mut() {
        let shared = all
            .iter()
            .filter(|model| section.shared.contains(&model.id));
        section.models.splice(0..0, shared.cloned());
    }
    sections
});

/// The models of a provider, by its key, or of a channel of credential files.
pub fn section(provider: &str) -> Option<&'static Section> {
    SECTIONS.get(provider)
}

impl Section {
    pub fn find(&self, id: &str) -> Option<&Known> {
        self.models
            .iter()
            .find(|model| model.id.eq_ignore_ascii_case(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_complete_and_has_no_id_twice() {
        for (provider, owner, count) in [
            ("gemini", "google", 13),
            ("vertex", "google", 25),
            ("claude", "anthropic", 15),
            ("codex", "openai", 10),
            ("gemini-cli", "google", 7),
            ("aistudio", "google", 15),
            ("antigravity", "antigravity", 16),
            ("iflow", "iflow", 15),
            ("kimi", "moonshot", 8),
        ] {
            let section = section(provider).expect(provider);
            assert_eq!(section.owned_by, owner);
            assert_eq!(section.models.len(), count, "{provider}");
            for (at, model) in section.models.iter().enumerate() {
                let twin = section.models.iter().position(|other| other.id == model.id);
                assert_eq!(twin, Some(at), "{}", model.id);
                assert!(!model.id.is_empty() && !model.display_name.is_empty());
                assert_eq!(
                    model.context.is_some(),
                    model.output.is_some(),
                    "{}",
                    model.id
                );
            }
        }
    }
}
