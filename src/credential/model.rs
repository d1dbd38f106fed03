//! The models that a credential offers: its `models` list, else the built-in list, without exclusions.

use std::collections::HashMap;
use std::sync::Arc;

use super::catalog::{Known, Section, plan_group};
use super::{exclusion, name};
use crate::config::{self, ModelRow};
use crate::reasoning::{Level, ReasoningSupport, Thinking};

/// A model that a credential offers, without the prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// The name that clients request.
    pub id: String,
    /// The upstream names as configured; never empty. Several form a pool, in file order.
    pub upstream: Vec<String>,
    /// The configured reasoning support of each of `upstream`; may be shorter.
    pub thinking: Vec<Option<Arc<ReasoningSupport>>>,
    /// Whether answers have this id as the model, whatever name was requested.
    pub force_mapping: bool,
    pub display_name: String,
    pub owned_by: String,
    /// Unix seconds.
    pub created: Option<u64>,
    /// The version, as in Gemini's list.
    pub version: Option<&'static str>,
    /// The maximum number of input tokens.
    pub context: Option<u64>,
    /// The maximum number of output tokens.
    pub output: Option<u64>,
}

impl Model {
    /// A model of which only the name is known.
    pub fn unlisted(id: &str, owned_by: &str) -> Self {
        Self {
            id: id.to_owned(),
            upstream: vec![id.to_owned()],
            thinking: Vec::new(),
            force_mapping: false,
            display_name: id.to_owned(),
            owned_by: owned_by.to_owned(),
            created: None,
            version: None,
            context: None,
            output: None,
        }
    }
}

/// How to treat several rows with the same alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    /// Use the first row.
    First,
    /// Form a pool.
    Pool,
}

/// The built-in list as models.
pub fn known(section: &Section) -> Vec<Model> {
    known_for(section, None)
}

/// The built-in list as models, without those that an account with this plan does not have.
pub fn known_for(section: &Section, plan: Option<&str>) -> Vec<Model> {
    let plan = plan_group(plan);
    let model = |known: &Known| Model {
        id: known.id.to_owned(),
        upstream: vec![known.id.to_owned()],
        thinking: Vec::new(),
        force_mapping: false,
        display_name: known.display_name.to_owned(),
        owned_by: section.owned_by.to_owned(),
        created: known.created,
        version: known.version,
        context: known.context,
        output: known.output,
    };
    let models = section.models.iter();
    models
        .filter(|known| !known.not_for.contains(&plan))
        .map(model)
        .collect()
}

/// Configured rows as models, with the details of the built-in list, and the rows that were ignored.
pub fn listed<'r>(
    rows: impl IntoIterator<Item = &'r ModelRow>,
    repeats: Repeats,
    owned_by: &str,
    section: Option<&Section>,
) -> (Vec<Model>, Vec<&'r ModelRow>) {
    let mut models: Vec<Model> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut passed = Vec::new();
    for row in rows {
        let id = if row.alias.is_empty() {
            &row.name
        } else {
            &row.alias
        };
        let place = *places
            .entry(id.to_ascii_lowercase())
            .or_insert(models.len());
        match (models.get_mut(place), repeats) {
            (None, _) => models.push(model(row, id, owned_by, section)),
            (Some(_), Repeats::First) => passed.push(row),
            (Some(pool), Repeats::Pool) => {
                let known = |name: &String| name.eq_ignore_ascii_case(&row.name);
                if !pool.upstream.iter().any(known) {
                    pool.upstream.push(row.name.clone());
                    pool.thinking.push(thinking(row));
                }
                pool.force_mapping |= row.force_mapping;
            }
        }
    }
    (models, passed)
}

fn model(row: &ModelRow, id: &str, owned_by: &str, section: Option<&Section>) -> Model {
    let (base, _) = name::split_configured(&row.name);
    let known = section.and_then(|section| section.find(base));
    let shown = row.display_name.as_ref().unwrap_or(&row.name);
    Model {
        id: id.to_owned(),
        upstream: vec![row.name.clone()],
        thinking: vec![thinking(row)],
        force_mapping: row.force_mapping,
        display_name: shown.clone(),
        owned_by: owned_by.to_owned(),
        created: known.and_then(|known| known.created),
        version: known.and_then(|known| known.version),
        context: row
            .context
            .or_else(|| known.and_then(|known| known.context)),
        output: known.and_then(|known| known.output),
    }
}

/// The ids that a pattern matches.
pub fn excluded(models: &[Model], pattern: &str) -> Vec<String> {
    let ids = models.iter().map(|model| &model.id);
    ids.filter(|id| exclusion::matches(pattern, id))
        .cloned()
        .collect()
}

fn thinking(row: &ModelRow) -> Option<Arc<ReasoningSupport>> {
    let thinking = match row.thinking.as_ref()? {
        config::Thinking::Levels(words) => Thinking {
            levels: words
                .iter()
                .filter_map(|word| Level::of_name(word))
                .collect(),
            ..Thinking::default()
        },
        config::Thinking::Budget {
            min,
            max,
            zero,
            dynamic,
        } => Thinking {
            min: u64::from(*min),
            max: u64::from(*max),
            zero: *zero,
            dynamic: *dynamic,
            levels: Vec::new(),
        },
    };
    Some(Arc::new(ReasoningSupport::of(thinking)))
}

/// Removes the models that the patterns match.
pub fn exclude(models: &mut Vec<Model>, patterns: &[String]) {
    models.retain(|model| !exclusion::any(patterns, &model.id));
}
