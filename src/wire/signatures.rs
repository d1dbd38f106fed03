//! Content of a conversation that belongs to one upstream: reasoning signatures, encrypted reasoning, searches of another
//! vendor. Another credential may refuse it, and a conversation can continue without it.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::Dialect;

/// The placeholder for a signature that Google does not check (ai.google.dev, "Thought signatures").
pub const UNCHECKED: &str = "skip_thought_signature_validator";

/// Whether a refusal is about such content.
pub fn are_refused(dialect: Dialect, body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_lowercase();
    let says = |words: &[&str]| words.iter().all(|word| text.contains(word));
    match dialect {
        Dialect::Messages => {
            says(&["signature", "thinking"])
                || says(&["redacted_thinking", "invalid"])
                || says(&["encrypted_content"])
                || says(&["encrypted_index"])
                || says(&["web_search_tool_result"])
        }
        Dialect::Responses => {
            says(&["invalid_encrypted_content"])
                || says(&["encrypted", "could not be verified"])
                || says(&["encrypted", "decrypt"])
                // xAI, of what it takes for its own.
                || says(&["could not decode the compaction blob"])
        }
        Dialect::Gemini => {
            says(&["thought signature"])
                || says(&["thought_signature"])
                || says(&["thoughtsignature"])
        }
        Dialect::Chat => says(&["signature", "reasoning"]) || says(&["signature", "thinking"]),
    }
}

/// A request without such content; `None` if it has none.
pub fn without(dialect: Dialect, body: &[u8], model: &str) -> Option<Vec<u8>> {
    let mut request: Value = serde_json::from_slice(body).ok()?;
    let members = request.as_object_mut()?;
    let found = match dialect {
        Dialect::Messages => messages(members),
        Dialect::Responses => responses(members),
        Dialect::Gemini => gemini(members),
        Dialect::Chat => chat(members),
    };
    if !found {
        return None;
    }
    if let Some(name) = members.get_mut("model") {
        *name = Value::from(model);
    }
    serde_json::to_vec(&request).ok()
}

fn list<'v>(members: &'v mut Map<String, Value>, key: &str) -> &'v mut [Value] {
    match members.get_mut(key) {
        Some(Value::Array(items)) => items,
        _ => &mut [],
    }
}

fn is_thinking(block: &Value) -> bool {
    matches!(
        block["type"].as_str(),
        Some("thinking" | "redacted_thinking")
    )
}

/// Whether search results are of another vendor, translated: Anthropic's own have encrypted content.
fn is_foreign(result: &Value) -> bool {
    let pages = result["content"].as_array();
    let is_encrypted = |page: &Value| page["encrypted_content"].as_str() != Some("");
    result["type"] == "web_search_tool_result"
        && pages.is_some_and(|pages| !pages.iter().any(is_encrypted))
}

/// Removes such searches with their results and citations. The citing text stays.
fn lost_foreign_searches(blocks: &mut Vec<Value>) -> bool {
    let foreign: HashSet<String> = blocks
        .iter()
        .filter(|block| is_foreign(block))
        .filter_map(|block| block["tool_use_id"].as_str().map(str::to_owned))
        .collect();
    let before = blocks.len();
    blocks.retain(|block| {
        let is_call = block["type"] == "server_tool_use";
        let call = block["id"].as_str().filter(|_| is_call);
        !is_foreign(block) && call.is_none_or(|id| !foreign.contains(id))
    });
    let mut found = blocks.len() < before;
    for block in blocks.iter_mut().filter_map(Value::as_object_mut) {
        if let Some(Value::Array(citations)) = block.get_mut("citations") {
            let before = citations.len();
            citations.retain(|citation| citation["encrypted_index"] != "");
            found |= citations.len() < before;
            if citations.is_empty() {
                block.shift_remove("citations");
            }
        }
    }
    found
}

fn messages(members: &mut Map<String, Value>) -> bool {
    let mut found = false;
    let mut loop_lost_its_thoughts = false;
    for message in list(members, "messages") {
        let Some(Value::Array(blocks)) = message.get_mut("content") else {
            continue;
        };
        let before = blocks.len();
        blocks.retain(|block| !is_thinking(block));
        let lost = blocks.len() < before;
        found |= lost;
        found |= lost_foreign_searches(blocks);
        if message["role"] == "assistant" {
            let calls = message["content"].as_array();
            let calls = calls.is_some_and(|c| c.iter().any(|block| block["type"] == "tool_use"));
            loop_lost_its_thoughts = lost && calls;
        }
    }
    if let Some(Value::Array(messages)) = members.get_mut("messages") {
        messages.retain(|message| message["content"].as_array().is_none_or(|c| !c.is_empty()));
    }
    if loop_lost_its_thoughts {
        // While thinking is on, a turn that continues with results must begin with its thoughts.
        members.remove("thinking");
        if let Some(edits) = members.get_mut("context_management") {
            let edits = edits.get_mut("edits").and_then(Value::as_array_mut);
            if let Some(edits) = edits {
                edits.retain(|edit| {
                    !edit["type"]
                        .as_str()
                        .is_some_and(|kind| kind.starts_with("clear_thinking"))
                });
            }
        }
    }
    found
}

fn responses(members: &mut Map<String, Value>) -> bool {
    let Some(Value::Array(items)) = members.get_mut("input") else {
        return false;
    };
    let before = items.len();
    items.retain(|item| item["type"] != "reasoning");
    let found = items.len() < before;
    if found {
        // An item with an id is expected to come with its reasoning.
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            item.remove("id");
        }
    }
    found
}

fn gemini(members: &mut Map<String, Value>) -> bool {
    let mut found = false;
    for content in list(members, "contents") {
        let parts = content.get_mut("parts").and_then(Value::as_array_mut);
        for part in parts.into_iter().flatten().filter_map(Value::as_object_mut) {
            for key in ["thoughtSignature", "thought_signature"] {
                let is_call =
                    part.contains_key("functionCall") || part.contains_key("function_call");
                match part.get_mut(key) {
                    Some(signature) if *signature == UNCHECKED => {}
                    Some(signature) if is_call => {
                        *signature = Value::from(UNCHECKED);
                        found = true;
                    }
                    Some(_) => {
                        part.shift_remove(key);
                        found = true;
                    }
                    None => {}
                }
            }
        }
    }
    found
}

fn chat(members: &mut Map<String, Value>) -> bool {
    let mut found = false;
    for message in list(members, "messages")
        .iter_mut()
        .filter_map(Value::as_object_mut)
    {
        for key in ["reasoning_details", "thinking_blocks"] {
            found |= message.shift_remove(key).is_some();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stripped(dialect: Dialect, body: Value) -> Option<Value> {
        let body = without(dialect, body.to_string().as_bytes(), "upstream-name")?;
        Some(serde_json::from_slice(&body).unwrap())
    }

    #[test]
    fn thoughts_go_and_a_loop_goes_on_without_thinking() {
        let body = json!({"model": "m", "thinking": {"type": "enabled", "budget_tokens": 1024},
            "context_management": {"edits": [{"type": "clear_thinking_20251015"}, {"type": "clear_tool_uses_20250919"}]},
            "messages": [
                {"role": "user", "content": "q"},
                {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "d"}]},
                {"role": "user", "content": "r"},
                {"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": "s"},
                    {"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "x"}]}]});
        let expected = json!({"model": "upstream-name",
            "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
            "messages": [
                {"role": "user", "content": "q"},
                {"role": "user", "content": "r"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "x"}]}]});
        assert_eq!(stripped(Dialect::Messages, body), Some(expected));
    }

    #[test]
    fn searches_of_another_vendor_go_and_their_words_stay() {
        let call = |id: &str| json!({"type": "server_tool_use", "id": id, "name": "web_search", "input": {"query": "q"}});
        let result = |id: &str, content: Value| json!({"type": "web_search_tool_result", "tool_use_id": id, "content": content});
        let page = |encrypted: &str| json!({"type": "web_search_result", "url": "u", "title": "t", "encrypted_content": encrypted});
        let cited = |index: &str| json!({"type": "web_search_result_location", "url": "u", "cited_text": "c", "encrypted_index": index});
        let words = |citations: Value| json!({"type": "text", "text": "a", "citations": citations});
        let plain = json!({"type": "text", "text": "a"});
        let failed = json!({"type": "web_search_tool_result_error", "error_code": "unavailable"});
        for (given, left) in [
            (
                json!([
                    call("s1"),
                    result("s1", json!([page("")])),
                    words(json!([cited("")]))
                ]),
                Some(json!([plain])),
            ),
            (
                json!([call("s1"), result("s1", json!([])), plain]),
                Some(json!([plain])),
            ),
            (
                json!([
                    call("s1"),
                    result("s1", json!([page("")])),
                    call("s2"),
                    result("s2", json!([page("E")])),
                    words(json!([cited(""), cited("E")]))
                ]),
                Some(json!([
                    call("s2"),
                    result("s2", json!([page("E")])),
                    words(json!([cited("E")]))
                ])),
            ),
            (
                json!([
                    call("s1"),
                    result("s1", json!([page("E")])),
                    words(json!([cited("E")]))
                ]),
                None,
            ),
            (
                json!([call("s1"), result("s1", failed), words(json!([])), 1]),
                None,
            ),
        ] {
            let body = |content: &Value| {
                json!({"model": "upstream-name", "thinking": {"type": "enabled"},
                    "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": content}]})
            };
            let left = left.map(|left| body(&left));
            assert_eq!(stripped(Dialect::Messages, body(&given)), left, "{given}");
        }
    }

    #[test]
    fn thinking_stays_on_where_no_loop_is_open() {
        let body = json!({"thinking": {"type": "enabled"}, "messages": [
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": "s"}, {"type": "text", "text": "a"}]},
            {"role": "user", "content": "next"}]});
        let stripped = stripped(Dialect::Messages, body).unwrap();
        assert_eq!(stripped["thinking"]["type"], "enabled");
        assert_eq!(
            stripped["messages"][0]["content"],
            json!([{"type": "text", "text": "a"}])
        );
    }

    #[test]
    fn other_dialects() {
        let body = json!({"model": "m", "input": [
            {"type": "message", "id": "msg_1", "role": "user", "content": "q"},
            {"type": "reasoning", "id": "rs_1", "encrypted_content": "e"},
            {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}]});
        let expected = json!({"model": "upstream-name", "input": [
            {"type": "message", "role": "user", "content": "q"},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]});
        assert_eq!(stripped(Dialect::Responses, body), Some(expected));

        let body = json!({"contents": [{"role": "model", "parts": [
            {"text": "t", "thoughtSignature": "s"}, {"functionCall": {"name": "f"}, "thoughtSignature": "s"}]}]});
        let expected = json!({"contents": [{"role": "model", "parts": [
            {"text": "t"}, {"functionCall": {"name": "f"}, "thoughtSignature": UNCHECKED}]}]});
        assert_eq!(stripped(Dialect::Gemini, body), Some(expected));

        let body =
            json!({"messages": [{"role": "assistant", "content": "a", "reasoning_details": [{}]}]});
        let expected = json!({"messages": [{"role": "assistant", "content": "a"}]});
        assert_eq!(stripped(Dialect::Chat, body), Some(expected));
    }

    #[test]
    fn what_carries_nothing_is_left_alone() {
        for dialect in [
            Dialect::Chat,
            Dialect::Responses,
            Dialect::Messages,
            Dialect::Gemini,
        ] {
            for body in [
                json!({}),
                json!([]),
                json!({"messages": "x", "input": "x", "contents": [{"parts": 1}]}),
                json!({"messages": [{"role": "user", "content": "q"}], "input": [1, {"type": "message"}]}),
            ] {
                assert_eq!(stripped(dialect, body), None);
            }
        }
    }

    #[test]
    fn refusals_are_known() {
        for (dialect, text) in [
            (
                Dialect::Messages,
                "messages.1.content.0: Invalid `signature` in `thinking` block",
            ),
            (
                Dialect::Messages,
                "messages.1.content.1.web_search_tool_result.content.0: Invalid `encrypted_content`",
            ),
            (
                Dialect::Messages,
                "messages.1.content.2.citations.0: Invalid `encrypted_index`",
            ),
            (
                Dialect::Responses,
                "The encrypted content gAAA... could not be verified.",
            ),
            (
                Dialect::Responses,
                r#"{"error":{"code":"invalid_encrypted_content"}}"#,
            ),
            (
                Dialect::Responses,
                "Could not decrypt the provided encrypted_content. Ensure the value is the unmodified encrypted_content.",
            ),
            (
                Dialect::Responses,
                "Could not decode the compaction blob. Ensure it is unmodified from the compact response.",
            ),
            (Dialect::Gemini, "Corrupted thought signature."),
        ] {
            assert!(are_refused(dialect, text.as_bytes()), "{text}");
        }
        for dialect in [
            Dialect::Chat,
            Dialect::Responses,
            Dialect::Messages,
            Dialect::Gemini,
        ] {
            assert!(!are_refused(dialect, b"max_tokens: must be positive"));
        }
    }
}
