//! Anthropic Messages: marks for the prompt cache (platform.claude.com, "Prompt caching").

use serde_json::Value;

use super::messages::each_block;
use super::{Asked, list};
use crate::demo::ask::Fault;

/// The marks in the order in which the vendor goes through them: tools, system text, messages.
fn marks(body: &Value) -> Vec<(String, &Value)> {
    let mut marks = Vec::new();
    for name in ["tools", "system"] {
        for (at, block) in list(&body[name]).iter().enumerate() {
            marks.push((format!("{name}.{at}"), &block["cache_control"]));
        }
    }
    each_block(body, |place, block| {
        marks.push((place.to_owned(), &block["cache_control"]))
    });
    marks.retain(|(_, mark)| !mark.is_null());
    marks
}

/// At most four; the words as in tghamm/Anthropic.SDK, issue 50.
pub fn count(asked: Asked<'_>) -> Option<Fault> {
    let count = marks(asked.body).len();
    let is_too_many = count > 4;
    is_too_many.then(|| {
        format!("A maximum of 4 blocks with cache_control may be provided. Found {count}.").into()
    })
}

/// Marks for an hour come first ("Mixing different TTLs").
pub fn order(asked: Asked<'_>) -> Option<Fault> {
    let mut has_short = false;
    for (place, mark) in marks(asked.body) {
        match mark["ttl"] == "1h" {
            true if has_short => {
                return Some(
                    format!(
                        "{place}.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' \
                         cache_control block. Note that blocks are processed in the following order: `tools`, \
                         `system`, `messages`."
                    )
                    .into(),
                );
            }
            is_long => has_short |= !is_long,
        }
    }
    None
}
