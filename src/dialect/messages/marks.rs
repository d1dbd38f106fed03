//! Marks for the prompt cache: those of the client, as many as are allowed, or else our own (spec/dialects.md 1.15).

use serde_json::{Value, json};

use crate::dialect::neutral::{Cache, Part, Role, Text, Tool, Turn};

/// Marks for the prompt cache that one request may have.
const MOST: usize = 4;

/// Puts a mark on a written block.
pub fn mark(block: &mut Value, cache: Option<Cache>) {
    if let Some(cache) = cache {
        block["cache_control"] = said(cache);
    }
}

pub fn said(cache: Cache) -> Value {
    match cache.is_long {
        true => json!({"type": "ephemeral", "ttl": "1h"}),
        false => json!({"type": "ephemeral"}),
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

/// Whoever says nothing of the prompt cache gets its use all the same: up to what the user said before last,
/// and, where they are written, up to the last tool and the system text.
pub fn mark_turns(turns: &mut [Turn]) {
    let is_said = |turn: &Turn<'_>| match turn.parts.is_blank_text() {
        Some(is_blank) => !is_blank,
        None => turn.parts.iter().any(|part| !is_blank(part)),
    };
    let said = turns
        .iter_mut()
        .filter(|turn| turn.role == Role::User && is_said(turn));
    let Some(before_last) = said.rev().nth(1) else {
        return;
    };
    let own = Cache { is_long: false };
    if before_last.parts.mark_plain(own) {
        return;
    }
    before_last.parts.open();
    let parts = before_last.parts.iter_mut().filter(|part| !is_blank(part));
    // Results come first.
    if let Some(last) = parts.max_by_key(|part| !is_result(part))
        && let Some(cache) = place(last)
    {
        *cache = Some(own);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::neutral::ToolResult;

    const MARK: Option<Cache> = Some(Cache { is_long: false });

    fn text(text: &str, cache: Option<Cache>) -> Text {
        Text {
            cache,
            ..Text::new(text)
        }
    }

    fn turn(role: Role, parts: Vec<Part>) -> Turn<'static> {
        Turn::new(role, parts)
    }

    /// Which parts are marked, turn by turn.
    fn marked(turns: &[Turn]) -> Vec<Vec<bool>> {
        let is_marked = |part: &Part| place(&mut part.clone()).is_some_and(|cache| cache.is_some());
        let turns = turns.iter();
        turns
            .map(|turn| turn.parts.iter().map(is_marked).collect())
            .collect()
    }

    #[test]
    fn what_the_user_said_before_last_is_marked_at_its_end() {
        let result = || Part::ToolResult(ToolResult::default());
        let mut turns = vec![
            turn(Role::User, vec![Part::text("a")]),
            turn(Role::Assistant, vec![Part::text("b")]),
            turn(
                Role::User,
                vec![result(), Part::text("c"), result(), Part::text(" ")],
            ),
            turn(Role::Assistant, vec![Part::text("d")]),
            turn(Role::User, vec![Part::text("\n")]),
            turn(Role::User, vec![Part::text("e")]),
        ];
        mark_turns(&mut turns);
        let expected = [
            vec![false],
            vec![false],
            vec![false, true, false, false],
            vec![false],
            vec![false],
            vec![false],
        ];
        assert_eq!(marked(&turns), expected);

        let mut results = vec![
            turn(Role::User, vec![result(), result()]),
            turn(Role::User, vec![Part::text("e")]),
        ];
        mark_turns(&mut results);
        assert_eq!(marked(&results), [vec![false, true], vec![false]]);
    }

    #[test]
    fn of_too_many_marks_the_oldest_go() {
        let said = |cache| Part::Text(text("a", cache));
        let mut system = [text("s", MARK), text("s", MARK)];
        let mut tools = [Tool {
            cache: MARK,
            ..Tool::default()
        }];
        let mut turns = [
            turn(Role::User, vec![said(MARK), Part::Text(text(" ", MARK))]),
            turn(Role::User, vec![said(MARK), said(None), said(MARK)]),
        ];
        assert!(are_there(&system, &turns, &tools));
        limit(&mut system, &mut tools, &mut turns);
        assert_eq!(system.map(|text| text.cache), [None, MARK]);
        assert_eq!(tools.map(|tool| tool.cache), [MARK]);
        // What is blank is not written, nor counted.
        let expected = [vec![false, true], vec![true, false, true]];
        assert_eq!(marked(&turns), expected);
    }
}
