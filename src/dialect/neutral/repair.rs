//! Calls of tools and their results, brought into the one order that every upstream takes (spec/dialects.md
//! 1.12): each turn with calls is followed by a turn that begins with all their results.

use std::collections::HashMap;
use std::collections::HashSet;

use super::{Part, Parts, Role, Text, ToolResult, Turn};

/// Makes the history of calls whole: results go behind the turn with their calls, doubles and strays do not go
/// on as results, calls that were never answered are.
pub fn tool_turns(mut turns: Vec<Turn<'_>>) -> Vec<Turn<'_>> {
    let mut results = results(&mut turns);
    let mut out: Vec<Turn<'_>> = Vec::with_capacity(turns.len());
    let last = turns.len().saturating_sub(1);
    for (index, mut turn) in turns.into_iter().enumerate() {
        match turn.role {
            Role::Assistant => {
                let calls = call_ids(&turn);
                let answers = take(&mut results, &calls);
                if answers.is_empty() && index == last && !calls.is_empty() {
                    // Nobody has run them, and the conversation ends here.
                    if let Parts::List(parts) = &mut turn.parts {
                        parts.retain(|part| !matches!(part, Part::ToolCall(_)));
                    }
                }
                let is_answered = !answers.is_empty() || index < last;
                push(&mut out, turn);
                if is_answered && !calls.is_empty() {
                    push(&mut out, results_turn(&calls, answers));
                }
            }
            Role::User | Role::System => {
                for part in &mut turn.parts {
                    if let Part::ToolResult(result) = part {
                        *part = Part::text(stray(result));
                    }
                }
                push(&mut out, turn);
            }
        }
    }
    out
}

/// Where only instructions are given, the user gives them: no vendor answers a conversation of nothing.
pub fn begun(system: &mut Vec<Text>, turns: &mut Vec<Turn>) {
    if turns.is_empty() && !system.is_empty() {
        let parts: Vec<Part> = system.drain(..).map(Part::Text).collect();
        turns.push(Turn::new(Role::User, parts));
    }
}

/// What the user says first where the client has the assistant begin, which the vendors of Claude and Gemini refuse.
/// Neither takes a text without a letter.
pub const OPENING: &str = "Hello.";

/// Empty turns vanish; what the user says right behind results belongs to the same turn.
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

fn call_ids(turn: &Turn) -> Vec<String> {
    turn.parts
        .iter()
        .filter_map(|part| match part {
            Part::ToolCall(call) => Some(call.id.clone()),
            _ => None,
        })
        .collect()
}

fn results_turn(calls: &[String], mut answers: HashMap<String, ToolResult>) -> Turn<'static> {
    let parts = calls.iter().map(|id| {
        Part::ToolResult(answers.remove(id).unwrap_or_else(|| ToolResult {
            call_id: id.clone(),
            parts: vec![Part::text("No result.")],
            is_error: true,
            ..ToolResult::default()
        }))
    });
    Turn::new(Role::User, parts.collect::<Parts<'_>>())
}

fn stray(result: &ToolResult) -> String {
    let text: Vec<&str> = result
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::Text(Text { text, .. }) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    format!("Tool result for {}: {}", result.call_id, text.join("\n"))
}

/// Takes the results out of a conversation, by the call they answer. Strays, which answer none, stay.
fn results(turns: &mut [Turn]) -> HashMap<String, ToolResult> {
    let known: HashSet<String> = turns.iter().flat_map(call_ids).collect();
    let mut by_call = HashMap::new();
    for turn in turns {
        let Parts::List(parts) = &mut turn.parts else {
            continue;
        };
        parts.retain_mut(|part| match part {
            Part::ToolResult(result) if known.contains(&result.call_id) => {
                // Of several, the last one is what the client means.
                by_call.insert(result.call_id.clone(), std::mem::take(result));
                false
            }
            _ => true,
        });
    }
    by_call
}

fn take(
    results: &mut HashMap<String, ToolResult>,
    calls: &[String],
) -> HashMap<String, ToolResult> {
    let calls = calls.iter();
    calls.filter_map(|id| results.remove_entry(id)).collect()
}

/// Neighbouring turns of one role become one.
pub fn merged(turns: Vec<Turn<'_>>) -> Vec<Turn<'_>> {
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
    use super::super::ToolCall;
    use super::*;

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

    #[test]
    fn results_go_behind_their_calls() {
        use Role::{Assistant, User};
        let repaired = tool_turns(vec![
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
    fn what_does_not_fit_is_made_to_fit() {
        use Role::{Assistant, User};
        let repaired = tool_turns(vec![
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
}
