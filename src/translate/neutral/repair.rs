//! Orders calls and results as every upstream accepts them: a turn with calls is followed by a turn that begins with all
//! their results.

use super::ids::matching::ResultMatches;
use super::ids::upstream::UpstreamCallIds;
use super::part::{Part, Role, Text, ToolResult};
use super::parts::texts_of;
use super::turn::{Parts, Turn};

/// Completes the history of calls, with ids that the upstream accepts: results follow the turn with their calls, results
/// without a call become text of the user, and calls without a result get one.
pub fn tool_turns(turns: Vec<Turn<'_>>, mut ids: UpstreamCallIds) -> Vec<Turn<'_>> {
    let mut turns = join_call_turns(turns);
    let mut results = results(&mut turns).into_iter();
    let mut out: Vec<Turn<'_>> = Vec::with_capacity(turns.len());
    let last = turns.len().saturating_sub(1);
    for (index, mut turn) in turns.into_iter().enumerate() {
        let mut answers = Vec::new();
        let mut is_answered = index < last;
        for part in &mut turn.parts {
            if let Part::ToolCall(call) = part {
                call.id = ids.next(&call.id);
                let result = results.next().flatten();
                is_answered |= result.is_some();
                answers.push((call.id.clone(), result));
            }
        }
        let unmatched = unmatched_results(&mut turn);
        if !is_answered && let Parts::List(parts) = &mut turn.parts {
            // The conversation ends with calls that were not run.
            parts.retain(|part| !matches!(part, Part::ToolCall(_)));
        }
        push(&mut out, turn);
        if is_answered && !answers.is_empty() {
            push(&mut out, results_turn(answers));
        }
        push(&mut out, Turn::new(Role::User, unmatched));
    }
    out
}

/// Moves images and files of the assistant to a message of the user: OpenAI has no place for them in messages of the
/// assistant, and Anthropic refuses them there ("'image' blocks are not permitted within assistant
/// turns", quoted in issue 2323 of SEMOSS/Semoss).
pub fn move_media_to_user(turns: Vec<Turn<'_>>) -> Vec<Turn<'_>> {
    let is_media = |part: &Part| matches!(part, Part::Image { .. } | Part::File { .. });
    let mut out = Vec::with_capacity(turns.len());
    for mut turn in turns {
        let mut media = Vec::new();
        if turn.role == Role::Assistant && turn.parts.iter().any(is_media) {
            let parts = std::mem::take(&mut turn.parts).into_iter();
            let (images, others): (Vec<Part>, Vec<Part>) = parts.partition(is_media);
            turn.parts = others.into();
            media = images;
        }
        push(&mut out, turn);
        push(&mut out, Turn::new(Role::User, media));
    }
    out
}

/// Joins consecutive turns of the assistant with calls: Google's SDKs send back each chunk of a stream as a turn.
fn join_call_turns(turns: Vec<Turn<'_>>) -> Vec<Turn<'_>> {
    let has_calls = |turn: &Turn| {
        let mut parts = turn.parts.iter();
        turn.role == Role::Assistant && parts.any(|part| matches!(part, Part::ToolCall(_)))
    };
    let mut out: Vec<Turn<'_>> = Vec::with_capacity(turns.len());
    for turn in turns {
        match out.last_mut() {
            Some(before) if turn.role == Role::Assistant && has_calls(before) => {
                before.parts.append(turn.parts);
            }
            _ => out.push(turn),
        }
    }
    out
}

/// Turns the system text of an empty conversation into a message of the user: no vendor answers an empty conversation.
pub fn ensure_turn(system: &mut Vec<Text>, turns: &mut Vec<Turn>) {
    if turns.is_empty() && !system.is_empty() {
        let parts: Vec<Part> = system.drain(..).map(Part::Text).collect();
        turns.push(Turn::new(Role::User, parts));
    }
}

/// Instructions in the middle of a conversation become a marked message of the user.
pub fn system_as_user(turn: Turn<'_>) -> Turn<'_> {
    if turn.role != Role::System {
        return turn;
    }
    let texts = turn.parts.into_iter().filter_map(|part| match part {
        Part::Text(Text { text, .. }) if !text.trim().is_empty() => Some(Part::text(format!(
            "<system-reminder>\n{text}\n</system-reminder>"
        ))),
        _ => None,
    });
    Turn::new(Role::User, texts.collect::<Vec<_>>())
}

/// The first message of the user where a conversation begins with the assistant, which Anthropic and Google refuse.
/// Neither accepts a blank text.
pub const OPENING: &str = "Hello.";

/// Drops an empty turn; a message of the user after results joins their turn.
fn push<'a>(out: &mut Vec<Turn<'a>>, turn: Turn<'a>) {
    if turn.parts.is_empty() {
        return;
    }
    if let Some(before) = out.last_mut()
        && before.role == Role::User
        && turn.role == Role::User
        && matches!(before.parts.last(), Some(Part::ToolResult(_)))
    {
        before.parts.extend(turn.parts);
        return;
    }
    out.push(turn);
}

fn results_turn(answers: Vec<(String, Option<ToolResult>)>) -> Turn<'static> {
    let parts = answers.into_iter().map(|(id, result)| {
        let unanswered = || ToolResult {
            parts: vec![Part::text("No result.")],
            is_error: true,
            ..ToolResult::default()
        };
        let result = result.unwrap_or_else(unanswered);
        Part::ToolResult(ToolResult {
            call_id: id,
            ..result
        })
    });
    Turn::new(Role::User, parts.collect::<Parts<'_>>())
}

/// Turns the results that are left in a turn into text and media. Those of the assistant's turns are returned: they
/// belong to the user.
fn unmatched_results(turn: &mut Turn) -> Vec<Part> {
    let is_result = |part: &Part| matches!(part, Part::ToolResult(_));
    if !turn.parts.iter().any(is_result) {
        return Vec::new();
    }
    let (results, others): (Vec<Part>, Vec<Part>) = match turn.role {
        Role::Assistant => std::mem::take(&mut turn.parts)
            .into_iter()
            .partition(is_result),
        Role::User | Role::System => {
            let parts = std::mem::take(&mut turn.parts).into_iter();
            turn.parts = parts.flat_map(as_text).collect();
            return Vec::new();
        }
    };
    turn.parts = others.into();
    results.into_iter().flat_map(as_text).collect()
}

/// A result without a call, as text of the user.
fn as_text(part: Part) -> Vec<Part> {
    let Part::ToolResult(result) = part else {
        return vec![part];
    };
    let (texts, media) = texts_of(result.parts);
    let failed = if result.is_error { " (failed)" } else { "" };
    let text = Part::Text(Text {
        text: format!("Tool result for {}{failed}: {texts}", result.call_id),
        cache: result.cache.filter(|_| media.is_empty()),
    });
    std::iter::once(text).chain(media).collect()
}

/// Takes the results out of a conversation, one place per call in order. Results without a call stay.
fn results(turns: &mut [Turn]) -> Vec<Option<ToolResult>> {
    let pairs = ResultMatches::of(turns);
    let mut by_call: Vec<Option<ToolResult>> = (0..pairs.count).map(|_| None).collect();
    let mut calls = pairs.calls.into_iter();
    for turn in turns {
        let Parts::List(parts) = &mut turn.parts else {
            continue;
        };
        parts.retain_mut(|part| {
            let Part::ToolResult(result) = part else {
                return true;
            };
            let place = calls
                .next()
                .flatten()
                .and_then(|call| by_call.get_mut(call));
            match place {
                // The last of several results counts.
                Some(place) => *place = Some(std::mem::take(result)),
                None => return true,
            }
            false
        });
    }
    by_call
}

/// Merges consecutive turns of one role.
pub fn merge_turns(turns: Vec<Turn<'_>>) -> Vec<Turn<'_>> {
    let mut out: Vec<Turn<'_>> = Vec::with_capacity(turns.len());
    for turn in turns {
        match out.last_mut() {
            Some(before) if before.role == turn.role => {
                before.parts.append(turn.parts);
            }
            _ => out.push(turn),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::neutral::part::ToolCall;
    use crate::wire::Dialect;

    fn call(id: &str) -> Part {
        Part::ToolCall(ToolCall {
            id: id.to_owned(),
            name: "f".to_owned(),
            arguments: "{}".to_owned(),
            ..ToolCall::default()
        })
    }

    fn result(id: &str, text: &str) -> Part {
        Part::ToolResult(ToolResult {
            call_id: id.to_owned(),
            parts: vec![Part::text(text)],
            ..ToolResult::default()
        })
    }

    fn turn(role: Role, parts: Vec<Part>) -> Turn<'static> {
        Turn::new(role, parts)
    }

    fn repaired(turns: Vec<Turn<'static>>) -> Vec<Turn<'static>> {
        tool_turns(turns, UpstreamCallIds::new(Dialect::Responses))
    }

    #[test]
    fn results_follow_their_calls() {
        use Role::{Assistant, User};
        let repaired = repaired(vec![
            turn(User, vec![Part::text("go")]),
            turn(Assistant, vec![call("a"), call("b")]),
            turn(User, vec![result("b", "2"), result("b", "two")]),
            turn(User, vec![result("a", "1"), Part::text("and?")]),
        ]);
        assert_eq!(
            repaired,
            [
                turn(User, vec![Part::text("go")]),
                turn(Assistant, vec![call("a"), call("b")]),
                turn(
                    User,
                    vec![result("a", "1"), result("b", "two"), Part::text("and?")]
                ),
            ]
        );
    }

    #[test]
    fn calls_of_consecutive_turns_are_joined() {
        use Role::{Assistant, User};
        let repaired = repaired(vec![
            turn(User, vec![Part::text("go")]),
            turn(Assistant, vec![Part::text("hm")]),
            turn(Assistant, vec![call("a")]),
            turn(Assistant, vec![call("b")]),
            turn(Assistant, vec![Part::text("so")]),
            turn(User, vec![result("a", "1"), result("b", "2")]),
        ]);
        assert_eq!(
            repaired,
            [
                turn(User, vec![Part::text("go")]),
                turn(Assistant, vec![Part::text("hm")]),
                turn(Assistant, vec![call("a"), call("b"), Part::text("so")]),
                turn(User, vec![result("a", "1"), result("b", "2")]),
            ]
        );
    }

    #[test]
    fn unmatched_calls_and_results_are_repaired() {
        use Role::{Assistant, User};
        let repaired = repaired(vec![
            turn(User, vec![Part::text("go"), result("x", "lost")]),
            turn(Assistant, vec![Part::text("hm"), call("a")]),
            turn(User, vec![Part::text("well?")]),
            turn(Assistant, vec![call("c")]),
        ]);
        assert_eq!(repaired.len(), 3);
        assert_eq!(repaired[0].parts[1], Part::text("Tool result for x: lost"));
        let Part::ToolResult(missing) = &repaired[2].parts[0] else {
            panic!("{repaired:?}");
        };
        assert!(missing.is_error && missing.call_id == "a");
        assert_eq!(repaired[2].parts[1], Part::text("well?"));
    }

    #[test]
    fn unmatched_results_keep_their_media() {
        let image = || Part::Image {
            source: crate::translate::neutral::part::Source::Url(
                "https://a.example/a.png".to_owned(),
            ),
            detail: None,
            cache: None,
        };
        let stray = || {
            Part::ToolResult(ToolResult {
                call_id: "x".to_owned(),
                parts: vec![Part::text("a"), image(), Part::text("b")],
                is_error: true,
                ..ToolResult::default()
            })
        };
        let words = || Part::text("Tool result for x (failed): a\nb");
        for (role, expected) in [
            (
                Role::User,
                vec![turn(Role::User, vec![words(), image(), Part::text("c")])],
            ),
            (
                Role::Assistant,
                vec![
                    turn(Role::Assistant, vec![Part::text("c")]),
                    turn(Role::User, vec![words(), image()]),
                ],
            ),
        ] {
            let turns = vec![turn(role, vec![stray(), Part::text("c")])];
            assert_eq!(repaired(turns), expected);
        }
    }
}
