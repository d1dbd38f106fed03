use super::*;

fn event(data: &str) -> Vec<u8> {
    format!("data: {data}\n\n").into_bytes()
}

fn opens(dialect: Dialect, data: &str) -> bool {
    is_opening(dialect, &Event::of(&event(data)), data.as_bytes())
}

fn ends(dialect: Dialect, data: &str) -> bool {
    ends_silently(dialect, &Event::of(&event(data)), data.as_bytes())
}

#[test]
fn openings() {
    use Dialect::*;
    for (dialect, data, expected) in [
        (Messages, r#"{"type":"message_start","message":{}}"#, true),
        (
            Messages,
            r#"{"type":"content_block_start","index":0}"#,
            false,
        ),
        (
            Responses,
            r#"{"type":"response.created","response":{}}"#,
            true,
        ),
        (Responses, r#"{"type":"response.in_progress"}"#, true),
        (Responses, r#"{"type":"response.output_item.added"}"#, false),
        (
            Chat,
            r#"{"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
            true,
        ),
        (
            Chat,
            r#"{"choices":[{"delta":{"role":"assistant","content":"a"}}]}"#,
            false,
        ),
        (
            Chat,
            r#"{"choices":[{"delta":{"role":"assistant","tool_calls":[{"index":0}]}}]}"#,
            false,
        ),
        (
            Chat,
            r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#,
            false,
        ),
        (Chat, r#"{"choices":[],"prompt_filter_results":[{}]}"#, true),
        (
            Chat,
            r#"{"choices":[],"usage":{"completion_tokens":1}}"#,
            true,
        ),
        (Chat, r#"{"choices":[{"text":"a"}]}"#, false),
        (
            Chat,
            r#"{"choices":[{"delta":{"content":""},"finish_reason":"length"}]}"#,
            false,
        ),
        (
            Gemini,
            r#"{"candidates":[{"content":{"role":"model"}}],"usageMetadata":{}}"#,
            true,
        ),
        (
            Gemini,
            r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}"#,
            false,
        ),
        (
            Gemini,
            r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#,
            false,
        ),
        (
            Messages,
            r#"{"type":"content_block_start","content_block":{"type":"text","text":""}}"#,
            true,
        ),
        (
            Messages,
            r#"{"type":"content_block_start","content_block":{"type":"thinking","thinking":""}}"#,
            false,
        ),
        (
            Messages,
            r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":""}}"#,
            true,
        ),
        (
            Messages,
            r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}"#,
            false,
        ),
        (
            Messages,
            r#"{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":""}}"#,
            false,
        ),
        (Messages, r#"{"type":"content_block_stop","index":0}"#, true),
        (
            Responses,
            r#"{"type":"response.output_item.added","item":{"type":"message","content":[]}}"#,
            true,
        ),
        (
            Responses,
            r#"{"type":"response.output_item.added","item":{"type":"function_call"}}"#,
            false,
        ),
        (
            Responses,
            r#"{"type":"response.content_part.added","part":{"type":"output_text","text":""}}"#,
            true,
        ),
        (
            Responses,
            r#"{"type":"response.output_text.delta","delta":""}"#,
            true,
        ),
        (
            Responses,
            r#"{"type":"response.output_text.delta","delta":"a"}"#,
            false,
        ),
        (
            Responses,
            r#"{"type":"response.reasoning_text.delta","delta":"a"}"#,
            false,
        ),
        (Responses, r#"{"type":"codex.rate_limits"}"#, true),
    ] {
        assert_eq!(opens(dialect, data), expected, "{data}");
    }
    for dialect in Dialect::ALL {
        for data in [
            "",
            "x",
            "[DONE]",
            "null",
            "[]",
            "7",
            "{}",
            r#"{"object":"x"}"#,
        ] {
            assert!(opens(dialect, data), "{dialect:?} {data}");
        }
    }
}

#[test]
fn bodies_without_an_answer() {
    use Dialect::*;
    // Neither, empty, or void.
    for (dialect, body, expected) in [
        (Chat, r#"{}"#, "void"),
        (Chat, r#"{"choices":[]}"#, "void"),
        (
            Chat,
            r#"{"choices":[{"index":0,"message":{"role":"assistant","content":null}}]}"#,
            "void",
        ),
        (
            Chat,
            r#"{"choices":[{"message":{"role":"assistant","content":""},"finish_reason":"stop"}]}"#,
            "empty",
        ),
        (
            Chat,
            r#"{"choices":[{"message":{"content":""},"finish_reason":"length"}]}"#,
            "",
        ),
        (
            Chat,
            r#"{"choices":[{"message":{"content":""},"finish_reason":"content_filter"}]}"#,
            "",
        ),
        (
            Chat,
            r#"{"choices":[{"text":"a","finish_reason":"stop"}]}"#,
            "",
        ),
        (
            Chat,
            r#"{"choices":[{"message":{"tool_calls":[{"id":"c"}]},"finish_reason":"stop"}]}"#,
            "",
        ),
        (Responses, r#"{}"#, "void"),
        (Responses, r#"{"status":"completed","output":null}"#, "void"),
        (Responses, r#"{"status":"completed","output":[]}"#, "empty"),
        (Responses, r#"{"output":[]}"#, "empty"),
        (
            Responses,
            r#"{"status":"completed","output":[{"type":"message","content":[]}]}"#,
            "empty",
        ),
        (
            Responses,
            r#"{"status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":""}]}]}"#,
            "empty",
        ),
        (Responses, r#"{"status":"queued","output":[]}"#, ""),
        (Responses, r#"{"status":"incomplete","output":[]}"#, ""),
        (
            Responses,
            r#"{"status":"completed","output":[{"type":"function_call"}]}"#,
            "",
        ),
        (Messages, r#"{"type":"message"}"#, "void"),
        (Messages, r#"{"content":[],"stop_reason":null}"#, "void"),
        (
            Messages,
            r#"{"content":[],"stop_reason":"end_turn"}"#,
            "empty",
        ),
        (
            Messages,
            r#"{"content":[{"type":"text","text":""}],"stop_reason":"end_turn"}"#,
            "empty",
        ),
        (Messages, r#"{"content":[],"stop_reason":"refusal"}"#, ""),
        (Messages, r#"{"content":[],"stop_reason":"max_tokens"}"#, ""),
        (Gemini, r#"{}"#, "void"),
        (Gemini, r#"{"candidates":[]}"#, "void"),
        (
            Gemini,
            r#"{"candidates":[{"index":0,"content":{"role":"model"}}]}"#,
            "void",
        ),
        (
            Gemini,
            r#"{"candidates":[{"finishReason":"STOP"}]}"#,
            "empty",
        ),
        (
            Gemini,
            r#"{"candidates":[{"finishReason":"MAX_TOKENS"}]}"#,
            "",
        ),
        (Gemini, r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#, ""),
        (
            Gemini,
            r#"{"response":{"promptFeedback":{"blockReason":"SAFETY"}}}"#,
            "",
        ),
    ] {
        let json: Value = serde_json::from_str(body).unwrap();
        let found = match (is_void_body(dialect, &json), is_empty_body(dialect, &json)) {
            (true, false) => "void",
            (false, true) => "empty",
            (false, false) => "",
            (true, true) => "both",
        };
        assert_eq!(found, expected, "{dialect:?} {body}");
    }
}

#[test]
fn silent_endings() {
    use Dialect::*;
    for (dialect, data, expected) in [
        (
            Messages,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#,
            true,
        ),
        (
            Messages,
            r#"{"type":"message_delta","delta":{"stop_reason":"refusal"}}"#,
            false,
        ),
        (
            Responses,
            r#"{"type":"response.completed","response":{"status":"completed","output":[]}}"#,
            true,
        ),
        (
            Responses,
            r#"{"type":"response.completed","response":{"status":"completed","output":[{}]}}"#,
            false,
        ),
        (
            Responses,
            r#"{"type":"response.completed","response":{}}"#,
            true,
        ),
        (Responses, r#"{"type":"response.completed"}"#, true),
        (
            Responses,
            r#"{"type":"response.incomplete","response":{"status":"incomplete","output":[]}}"#,
            false,
        ),
        (
            Chat,
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
            true,
        ),
        (
            Chat,
            r#"{"choices":[{"delta":{},"finish_reason":"content_filter"}]}"#,
            false,
        ),
        (
            Chat,
            r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
            false,
        ),
        (Gemini, r#"{"candidates":[{"finishReason":"STOP"}]}"#, true),
        (
            Gemini,
            r#"{"candidates":[{"finishReason":"SAFETY"}]}"#,
            false,
        ),
        (
            Gemini,
            r#"{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}"#,
            false,
        ),
    ] {
        assert_eq!(ends(dialect, data), expected, "{data}");
    }
}
