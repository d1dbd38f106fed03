//! `models` of an entry.

use crate::config::credentials::{ModelRow, Thinking};
use crate::config::reader::{Field, Mapping};
use crate::config::word::one_of;

/// The levels, from least to most.
const LEVELS: [&str; 6] = ["minimal", "low", "medium", "high", "xhigh", "max"];

/// `both_names`: whether a row needs `name` and `alias`, not just one of them.
pub fn read(entry: &Mapping<'_>, both_names: bool) -> Option<Vec<ModelRow>> {
    let rows = entry.field("models").mappings();
    let row = |row: &Mapping<'_>| model_row(row, both_names);
    (!rows.is_empty()).then(|| rows.iter().filter_map(row).collect())
}

fn model_row(row: &Mapping<'_>, both_names: bool) -> Option<ModelRow> {
    let (name, alias): (String, String) = (row.get("name"), row.get("alias"));
    let context = row.given("max-context-length");
    let model = ModelRow {
        place: row.place.clone(),
        name: if name.is_empty() {
            alias.clone()
        } else {
            name.clone()
        },
        display_name: row.get("display-name"),
        context: context.filter(|tokens| *tokens > 0),
        thinking: thinking(row.field("thinking")),
        force_mapping: row.get("force-mapping"),
        alias,
    };
    match (name.is_empty(), model.alias.is_empty()) {
        (true, true) if !both_names => row.warn("has neither `name` nor `alias`: skipped"),
        (true, _) | (_, true) if both_names => row.warn("needs both `name` and `alias`: skipped"),
        _ => return Some(model),
    }
    None
}

/// `thinking` of a model.
fn thinking(field: Field<'_>) -> Option<Thinking> {
    field.node()?;
    let block = field.mapping();
    let mut levels = Vec::new();
    for item in block.field("levels").items() {
        let word = item.filled().unwrap_or_default().to_ascii_lowercase();
        match LEVELS.iter().find(|level| **level == word) {
            Some(level) if levels.contains(level) => {}
            Some(level) => levels.push(*level),
            None => item.warn(format!("must be {}: skipped", one_of(&LEVELS))),
        }
    }
    let (min, max) = (block.field("min"), block.field("max"));
    let (least, most): (u32, u32) = (min.value(), max.value());
    let (zero, dynamic) = (block.get("zero-allowed"), block.get("dynamic-allowed"));
    let has_range = least > 0 || most > 0;
    if !levels.is_empty() {
        if has_range {
            let field = if min.node().is_some() { min } else { max };
            field.warn("is ignored, because `levels` is set");
        }
        return Some(Thinking::Levels(levels));
    }
    if !has_range {
        return None;
    }
    if least > most {
        max.warn("is less than `min`: `min` is used");
    }
    Some(Thinking::Budget {
        min: least,
        max: most.max(least),
        zero,
        dynamic,
    })
}
