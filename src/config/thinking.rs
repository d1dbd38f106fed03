//! `thinking` of a model: how much of it its upstream can be asked for (`spec/config.md` 2.8).

use super::reader::Field;

/// Words for amounts, from little to much.
const LEVELS: [&str; 6] = ["minimal", "low", "medium", "high", "xhigh", "max"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thinking {
    /// Each of the known words once, in the order of the file.
    Levels(Vec<&'static str>),
    /// A number of tokens.
    Budget {
        min: u32,
        max: u32,
        /// Whether it can be none at all.
        zero: bool,
        /// Whether the model can choose it.
        dynamic: bool,
    },
}

pub fn read(field: Field<'_>) -> Option<Thinking> {
    field.node()?;
    let mut block = field.mapping();
    let mut levels = Vec::new();
    for item in block.field("levels").items() {
        let word = item.filled().unwrap_or_default().to_ascii_lowercase();
        match LEVELS.iter().find(|level| **level == word) {
            Some(level) if levels.contains(level) => {}
            Some(level) => levels.push(*level),
            None => item.warn(format!("must be one of {}: skipped", LEVELS.join(", "))),
        }
    }
    let (min, max) = (block.field("min"), block.field("max"));
    let (least, most) = (min.count().unwrap_or(0), max.count().unwrap_or(0));
    let zero = block.field("zero-allowed").flag().unwrap_or(false);
    let dynamic = block.field("dynamic-allowed").flag().unwrap_or(false);
    block.finish();
    let has_range = least > 0 || most > 0;
    if !levels.is_empty() {
        if has_range {
            let field = if min.node().is_some() { min } else { max };
            field.warn("is given beside `levels`, which count");
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
