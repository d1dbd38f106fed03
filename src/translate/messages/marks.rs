//! Marks for the prompt cache: the client's, as many as are allowed, or else default ones (platform.claude.com, "Prompt
//! caching").

use serde_json::{Value, json};

use crate::translate::neutral::{Cache, Part, Parts, Role, Text, Tool, Turn};

/// The most marks of one request.
const MOST: usize = 4;

/// Marks a block.
pub fn mark(block: &mut Value, cache: Option<Cache>) {
    if let Some(cache) = cache {
        block["cache_control"] = cache_control(cache);
    }
}

/// The `cache_control` of a mark.
pub fn cache_control(cache: Cache) -> Value {
    match cache.is_long {
        true => json!({"type": "ephemeral", "ttl": "1h"}),
        false => json!({"type": "ephemeral"}),
    }
}

/// Whether the client has set any mark.
pub fn are_there(system: &[Text], turns: &[Turn], tools: &[Tool]) -> bool {
    let has_mark = |part: &Part| match part {
        Part::Text(text) => text.cache.is_some(),
        Part::Image { cache, .. } | Part::File { cache, .. } => cache.is_some(),
        Part::ToolResult(result) => result.cache.is_some(),
        _ => false,
    };
    let marked = |part: &Part| match part {
        Part::ToolResult(result) => has_mark(part) || result.parts.iter().any(has_mark),
        part => has_mark(part),
    };
    system.iter().any(|text| text.cache.is_some())
        || tools.iter().any(|tool| tool.cache.is_some())
        || turns.iter().flat_map(|turn| &turn.parts).any(marked)
}

/// Sets the default mark of a conversation: at the end of the last but one message of the user. The writers mark the last
/// tool and the system text.
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
    if before_last.parts.mark_raw(own) {
        return;
    }
    before_last.parts.parse();
    let parts = before_last.parts.iter_mut().filter(|part| !is_blank(part));
    // Results come first.
    if let Some(last) = parts.max_by_key(|part| !is_result(part))
        && let Some(cache) = place(last)
    {
        *cache = Some(own);
    }
}

/// A mark, and the size of the prompt before it.
struct Mark<'m> {
    cache: &'m mut Option<Cache>,
    end: usize,
    /// It stays, whatever its worth.
    is_fixed: bool,
}

/// Makes the marks of a client legal: at most four, those inside results included, and no mark for an hour after one for
/// five minutes (platform.claude.com, "Prompt caching").
pub fn settle(system: &mut [Text], tools: &mut [Tool], turns: &mut [Turn]) {
    let mut marks = Vec::new();
    let mut end = 0;
    for tool in tools {
        end += tool.weight();
        marks.extend(Mark::of(&mut tool.cache, end));
    }
    for text in system {
        end += text.text.len();
        marks.extend(Mark::of(&mut text.cache, end));
    }
    // Every conversation shares this beginning.
    if let Some(shared) = marks.last_mut() {
        shared.is_fixed = true;
    }
    for turn in turns {
        let weight = turn.weight();
        let Parts::List(parts) = &mut turn.parts else {
            end += weight;
            continue;
        };
        let (results, others): (Vec<_>, Vec<_>) =
            parts.iter_mut().partition(|part| is_result(part));
        for part in results.into_iter().chain(others) {
            collect(part, &mut end, &mut marks);
        }
    }
    // The next turn continues from here.
    if let Some(last) = marks.last_mut() {
        last.is_fixed = true;
    }
    limit(&mut marks);
    // Up to the last mark for an hour, the price is that for an hour in any case.
    if let Some(last) = marks.iter().rposition(Mark::is_long) {
        for mark in marks.iter_mut().take(last) {
            *mark.cache = Some(Cache { is_long: true });
        }
    }
}

impl<'m> Mark<'m> {
    fn of(cache: &'m mut Option<Cache>, end: usize) -> Option<Self> {
        cache.is_some().then_some(Self {
            cache,
            end,
            is_fixed: false,
        })
    }

    fn is_long(&self) -> bool {
        self.cache.is_some_and(|cache| cache.is_long)
    }
}

/// Collects the marks of a part in the order of writing.
fn collect<'m>(part: &'m mut Part, end: &mut usize, marks: &mut Vec<Mark<'m>>) {
    if is_blank(part) {
        return;
    }
    if let Part::ToolResult(result) = part {
        for inner in &mut result.parts {
            collect(inner, end, marks);
        }
        marks.extend(Mark::of(&mut result.cache, *end));
        return;
    }
    *end += part.weight();
    if let Some(cache) = place(part) {
        marks.extend(Mark::of(cache, *end));
    }
}

/// Removes the marks that are worth least, down to the allowed number.
fn limit(marks: &mut Vec<Mark<'_>>) {
    /// How many marks are compared.
    const COMPARED: usize = 64;
    if marks.len() > COMPARED {
        let middle = COMPARED / 2..marks.len() - COMPARED / 2;
        let mut at = 0;
        marks.retain_mut(|mark| {
            let stays = mark.is_fixed || !middle.contains(&at);
            at += 1;
            if !stays {
                *mark.cache = None;
            }
            stays
        });
    }
    while marks.len() > MOST {
        let removable =
            (0..marks.len()).filter(|at| marks.get(*at).is_some_and(|mark| !mark.is_fixed));
        let Some(least) = removable.min_by_key(|at| worth(marks, *at)) else {
            return;
        };
        *marks.remove(least).cache = None;
    }
}

/// The worth of a mark: the bytes between it and the previous mark, which it saves, times the bytes up to the next mark,
/// which estimate the number of prompts that share only this prefix.
fn worth(marks: &[Mark<'_>], at: usize) -> u128 {
    let end = |at: usize| marks.get(at).map_or(0, |mark| mark.end);
    let before = at.checked_sub(1).map_or(0, end);
    let spared = end(at).saturating_sub(before);
    let prompts = end(at + 1).saturating_sub(end(at));
    spared as u128 * prompts as u128
}

/// The mark of a part.
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

/// Whether a part is blank text, which is not written.
pub fn is_blank(part: &Part) -> bool {
    matches!(part, Part::Text(words) if words.text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::neutral::ToolResult;

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

    const HOUR: Option<Cache> = Some(Cache { is_long: true });

    fn said(length: usize, cache: Option<Cache>) -> Part {
        Part::Text(text(&"a".repeat(length), cache))
    }

    #[test]
    fn of_too_many_marks_those_stay_that_pay_most() {
        let mut system = [text(&"s".repeat(900), MARK), text("s", MARK)];
        let mut tools = [Tool {
            cache: MARK,
            ..Tool::default()
        }];
        let mut turns = [
            turn(
                Role::User,
                vec![
                    said(10, MARK),
                    said(4000, None),
                    Part::Text(text(" ", MARK)),
                ],
            ),
            turn(
                Role::User,
                vec![said(4000, MARK), said(5, None), said(1, MARK)],
            ),
        ];
        assert!(are_there(&system, &turns, &tools));
        settle(&mut system, &mut tools, &mut turns);
        // What every conversation begins with, and what the next turn begins with.
        assert_eq!(system.map(|text| text.cache), [None, MARK]);
        assert_eq!(tools.map(|tool| tool.cache), [None]);
        // What is blank is not written, nor counted.
        let expected = [vec![true, false, true], vec![true, false, true]];
        assert_eq!(marked(&turns), expected);
    }

    #[test]
    fn marks_inside_results_count() {
        let result = |cache, inner| {
            Part::ToolResult(ToolResult {
                parts: vec![said(3000, inner)],
                cache,
                ..ToolResult::default()
            })
        };
        let mut turns = vec![turn(
            Role::User,
            vec![
                said(5, MARK),
                result(MARK, MARK),
                result(None, MARK),
                result(MARK, None),
                said(5, MARK),
            ],
        )];
        assert!(are_there(
            &[],
            &[turn(Role::User, vec![result(None, MARK)])],
            &[]
        ));
        settle(&mut [], &mut [], &mut turns);
        let mut count = 0;
        for part in &turns[0].parts {
            count += usize::from(place(&mut part.clone()).is_some_and(|cache| cache.is_some()));
            if let Part::ToolResult(result) = part {
                let inner = result.parts.iter();
                count += inner
                    .filter(|part| place(&mut (*part).clone()).unwrap().is_some())
                    .count();
            }
        }
        assert_eq!(count, MOST);
        assert_eq!(
            place(&mut turns[0].parts[4].clone()),
            Some(&mut MARK.clone())
        );
    }

    #[test]
    fn what_stands_before_an_hour_is_fixed_for_an_hour() {
        let mut system = [text("s", MARK)];
        let mut turns = [
            turn(Role::User, vec![said(5, HOUR), said(5, MARK)]),
            turn(Role::User, vec![said(5, None)]),
        ];
        settle(&mut system, &mut [], &mut turns);
        assert_eq!(system[0].cache, HOUR);
        assert_eq!(
            turns[0].parts,
            Parts::List(vec![said(5, HOUR), said(5, MARK)])
        );
    }

    #[test]
    fn thousands_of_marks_take_no_time() {
        let parts: Vec<Part> = (0..50_000).map(|_| said(1, MARK)).collect();
        let mut system: Vec<Text> = (0..100).map(|_| text("s", MARK)).collect();
        let mut turns = [turn(Role::User, parts)];
        settle(&mut system, &mut [], &mut turns);
        let of_turns = marked(&turns).concat().into_iter();
        let of_system = system.iter().map(|text| text.cache.is_some());
        let count = of_turns
            .chain(of_system)
            .filter(|is_marked| *is_marked)
            .count();
        assert_eq!(count, MOST);
        assert_eq!(system.last().unwrap().cache, MARK);
    }
}
