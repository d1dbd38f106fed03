//! `thinking` of a model.

use crate::config::credentials::Thinking;
use crate::config::reader::Field;
use crate::config::word::one_of;

/// The levels, from least to most.
const LEVELS: [&str; 6] = ["minimal", "low", "medium", "high", "xhigh", "max"];

pub fn read(field: Field<'_>) -> Option<Thinking> {
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
            field.warn("is given beside `levels`, which are used");
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
