//! Marks for the prompt cache: those of the client, as many as are allowed, or else our own (spec/dialects.md 1.15).

use serde_json::{Map, Value, json};

use crate::dialect::neutral::{Cache, Part, Role, Text, Tool, Turn};

/// Marks for the prompt cache that one request may have.
const MOST: usize = 4;

/// Puts a mark on a written block.
pub fn mark(block: &mut Value, cache: Option<Cache>) {
    if let Some(cache) = cache {
        block["cache_control"] = match cache.is_long {
            true => json!({"type": "ephemeral", "ttl": "1h"}),
            false => json!({"type": "ephemeral"}),
        };
    }
}

/// Whether the client says anything of the prompt cache.
pub fn are_there(system: &[Text], turns: &[Turn], tools: &[Tool]) -> bool {
    let marked = |part: &Part| match part {
        Part::Text(text) => text.cache.is_some(),
        Part::Image { cache, .. } | Part::File { cache, .. } => cache.is_some(),
        Part::ToolResult(result) => result.cache.is_some(),
        _ => false,
    };
    system.iter().any(|text| text.cache.is_some())
        || tools.iter().any(|tool| tool.cache.is_some())
        || turns.iter().flat_map(|turn| &turn.parts).any(marked)
}

/// Whoever says nothing of the prompt cache gets its use all the same: up to what the user said before last …
pub fn mark_turns(turns: &mut [Turn]) {
    let said = turns
        .iter_mut()
        .filter(|turn| turn.role == Role::User && turn.parts.iter().any(|part| !is_blank(part)));
    let Some(before_last) = said.rev().nth(1) else {
        return;
    };
    let parts = before_last.parts.iter_mut().filter(|part| !is_blank(part));
    // Results come first.
    if let Some(last) = parts.max_by_key(|part| !is_result(part))
        && let Some(cache) = place(last)
    {
        *cache = Some(Cache { is_long: false });
    }
}

/// … and up to the last tool and the system text.
pub fn mark_head(body: &mut Map<String, Value>) {
    for key in ["tools", "system"] {
        let list = body.get_mut(key).and_then(Value::as_array_mut);
        if let Some(last) = list.and_then(|list| list.last_mut()) {
            mark(last, Some(Cache { is_long: false }));
        }
    }
}

/// Takes marks away until there are as many as are allowed: the oldest of the conversation first, and of system
/// text and tools all but the last.
pub fn limit(system: &mut [Text], tools: &mut [Tool], turns: &mut [Turn]) {
    let mut groups: [Vec<&mut Option<Cache>>; 3] = Default::default();
    groups[0].extend(system.iter_mut().map(|text| &mut text.cache));
    groups[1].extend(tools.iter_mut().map(|tool| &mut tool.cache));
    for turn in turns {
        let (results, others): (Vec<_>, Vec<_>) =
            turn.parts.iter_mut().partition(|part| is_result(part));
        let parts = results.into_iter().chain(others);
        groups[2].extend(parts.filter(|part| !is_blank(part)).filter_map(place));
    }
    for group in &mut groups {
        group.retain(|cache| cache.is_some());
    }
    let count: usize = groups.iter().map(Vec::len).sum();
    let mut surplus = count.saturating_sub(MOST);
    for group in &mut groups {
        let removable = group.len().saturating_sub(1).min(surplus);
        for cache in group.drain(..removable) {
            *cache = None;
            surplus -= 1;
        }
    }
}

/// Where a part's mark stands.
fn place(part: &mut Part) -> Option<&mut Option<Cache>> {
    match part {
        Part::Text(text) => Some(&mut text.cache),
        Part::Image { cache, .. } | Part::File { cache, .. } => Some(cache),
        Part::ToolResult(result) => Some(&mut result.cache),
        _ => None,
    }
}

fn is_result(part: &Part) -> bool {
    matches!(part, Part::ToolResult(_))
}

/// Text of nothing but white space is not written.
pub fn is_blank(part: &Part) -> bool {
    matches!(part, Part::Text(words) if words.text.trim().is_empty())
}
