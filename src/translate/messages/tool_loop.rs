//! Thinking in a conversation that ends with results of calls.

use serde_json::json;

use crate::translate::neutral::JsonBody;

/// Disables thinking where the client has lost the thoughts before the calls: with a budget, Anthropic refuses a turn
/// whose calls do not follow its thoughts (platform.claude.com, "Extended thinking", preserving thinking blocks).
pub fn settle_thinking(body: &mut JsonBody) {
    let is_enabled = body
        .get("thinking")
        .is_some_and(|thinking| thinking["type"] == "enabled");
    if is_enabled && body.is_tool_loop_without_thinking {
        body.insert("thinking".to_owned(), json!({"type": "disabled"}));
    }
}

#[cfg(test)]
mod tests {
    use super::super::write;
    use super::*;
    use crate::translate::neutral::names::Names;
    use crate::translate::neutral::{
        Family, Part, Request, Role, Signature, ToolCall, ToolResult, Turn,
    };
    use crate::wire::Dialect;

    fn settled(asked: Vec<Part>, answered: Part, kind: &str) -> String {
        let turn = |role, parts: Vec<Part>| Turn::new(role, parts);
        let turns = vec![
            turn(Role::User, vec![Part::text("q")]),
            turn(Role::Assistant, asked),
            turn(Role::User, vec![answered]),
        ];
        let request = Request {
            turns,
            ..Request::default()
        };
        let names = Names::new(Dialect::Messages, []);
        let mut body = write::request(request, "m", &names, None).unwrap();
        body.insert("thinking".to_owned(), json!({"type": kind}));
        settle_thinking(&mut body);
        body["thinking"]["type"].as_str().unwrap().to_owned()
    }

    #[test]
    fn thinking_is_disabled_only_without_its_thoughts() {
        let call = || {
            Part::ToolCall(ToolCall {
                id: "t".to_owned(),
                name: "f".to_owned(),
                arguments: "{}".to_owned(),
                ..ToolCall::default()
            })
        };
        let result = || {
            Part::ToolResult(ToolResult {
                call_id: "t".to_owned(),
                parts: vec![Part::text("x")],
                ..ToolResult::default()
            })
        };
        let thought = Part::Reasoning {
            text: "hm".to_owned(),
            signature: Some(Signature {
                family: Family::Claude,
                value: "s".to_owned(),
            }),
        };
        let foreign = Part::Reasoning {
            text: "hm".to_owned(),
            signature: None,
        };
        let lost = || vec![Part::text("a"), call()];
        for (asked, answered, kind, expected) in [
            (lost(), result(), "enabled", "disabled"),
            (lost(), result(), "adaptive", "adaptive"),
            (vec![foreign, call()], result(), "enabled", "disabled"),
            (vec![thought, call()], result(), "enabled", "enabled"),
            (vec![Part::text("a")], Part::text("b"), "enabled", "enabled"),
        ] {
            assert_eq!(settled(asked, answered, kind), expected);
        }
    }
}
