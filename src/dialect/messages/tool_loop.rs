//! A turn that goes on with results of tools, and whether it still has its thoughts.

use serde_json::{Value, json};

use crate::dialect::neutral::Written;

/// While a model is told to think within a budget, the turn that called the tools must begin with its thoughts,
/// or the vendor refuses the request. Where the client has lost them, this one request goes on without
/// (spec/dialects.md 3.7).
pub fn settle_thinking(body: &mut Written) {
    let is_enabled = body
        .get("thinking")
        .is_some_and(|thinking| thinking["type"] == "enabled");
    if is_enabled && has_lost_its_thoughts(body.last_turns()) {
        body.insert("thinking".to_owned(), json!({"type": "disabled"}));
    }
}

fn has_lost_its_thoughts(messages: &[Value]) -> bool {
    let [asked, answered] = messages else {
        return false;
    };
    let is = |block: &Value, kinds: &[&str]| {
        let kind = block["type"].as_str().unwrap_or_default();
        kinds.contains(&kind)
    };
    let goes_on = blocks(answered, "user")
        .iter()
        .any(|block| is(block, &["tool_result"]));
    let asked = blocks(asked, "assistant");
    let calls = asked.iter().any(|block| is(block, &["tool_use"]));
    let thought = asked
        .first()
        .is_some_and(|block| is(block, &["thinking", "redacted_thinking"]));
    goes_on && calls && !thought
}

fn blocks<'m>(message: &'m Value, role: &str) -> &'m [Value] {
    match &message["content"] {
        Value::Array(blocks) if message["role"] == role => blocks,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::neutral::Turns;

    fn settled(asked: Value, answered: Value, kind: &str) -> Value {
        let mut messages = Turns::default();
        let turns = [
            json!({"role": "user", "content": "q"}),
            json!({"role": "assistant", "content": asked}),
            json!({"role": "user", "content": answered}),
        ];
        messages.extend(turns).unwrap();
        let mut body = Written::default();
        body.set_turns("messages", messages);
        body.insert("thinking".to_owned(), json!({"type": kind}));
        settle_thinking(&mut body);
        body["thinking"]["type"].clone()
    }

    #[test]
    fn only_a_loop_without_its_thoughts_goes_on_without() {
        let call = json!({"type": "tool_use", "id": "t", "name": "f", "input": {}});
        let result = json!([{"type": "tool_result", "tool_use_id": "t", "content": "x"}]);
        let thought = json!({"type": "thinking", "thinking": "hm", "signature": "s"});
        let lost = json!([{"type": "text", "text": "a"}, call]);
        assert_eq!(settled(lost.clone(), result.clone(), "enabled"), "disabled");
        assert_eq!(
            settled(lost.clone(), result.clone(), "adaptive"),
            "adaptive"
        );
        assert_eq!(settled(lost, json!("next"), "enabled"), "enabled");
        assert_eq!(
            settled(json!([thought, call]), result.clone(), "enabled"),
            "enabled"
        );
        assert_eq!(settled(json!("text"), result, "enabled"), "enabled");
    }
}
