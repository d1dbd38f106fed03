use super::*;

/// The same usage in the fields of each vendor.
const EXAMPLE: Usage = Usage {
    input: 1000,
    output: 130,
    cached_read: 900,
    cache_creation: 60,
    reasoning: 50,
    web_searches: 0,
};

#[test]
fn every_dialect_tells_the_same_answer() {
    let chat = br#"{"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":130,"total_tokens":1130,
        "prompt_tokens_details":{"cached_tokens":900,"cache_write_tokens":60},
        "completion_tokens_details":{"reasoning_tokens":50}}}"#;
    assert_eq!(of_body(Dialect::Chat, chat), Some(EXAMPLE));
    let responses = br#"{"type":"response.completed","response":{"usage":{"input_tokens":1000,
        "input_tokens_details":{"cached_tokens":900,"cache_write_tokens":60},
        "output_tokens":130,"output_tokens_details":{"reasoning_tokens":50}}}}"#;
    assert_eq!(of_body(Dialect::Responses, responses), Some(EXAMPLE));
    let messages = br#"{"type":"message","usage":{"input_tokens":40,"cache_read_input_tokens":900,
        "cache_creation_input_tokens":60,"output_tokens":130,
        "output_tokens_details":{"thinking_tokens":50}}}"#;
    assert_eq!(of_body(Dialect::Messages, messages), Some(EXAMPLE));
    let gemini = br#"{"candidates":[],"usageMetadata" : {"promptTokenCount":1000,
        "cachedContentTokenCount":900,"candidatesTokenCount":80,"thoughtsTokenCount":50,
        "totalTokenCount":1130}}"#;
    let expected = Usage {
        cache_creation: 0,
        ..EXAMPLE
    };
    assert_eq!(of_body(Dialect::Gemini, gemini), Some(expected));
}

#[test]
fn the_parts_of_a_messages_stream_add_up() {
    let mut meter = Meter::new(Dialect::Messages);
    meter.read(
        br#"{"type":"message_start","message":{"model":"m","usage":{"input_tokens":40,
        "cache_read_input_tokens":900,"cache_creation_input_tokens":60,"output_tokens":1}}}"#,
    );
    assert_eq!(meter.usage().map(|usage| usage.output), Some(1));
    meter.read(br#"{"type":"content_block_delta","delta":{"text":"\"usage\":{"}}"#);
    meter.read(br#"{"type":"message_delta","delta":{},"usage":{"output_tokens":130}}"#);
    let expected = Usage {
        reasoning: 0,
        ..EXAMPLE
    };
    assert_eq!(meter.usage(), Some(expected));
}

#[test]
fn the_largest_known_number_stands() {
    for (dialect, said, later) in [
        (
            Dialect::Chat,
            r#"{"usage":{"prompt_tokens":7,"completion_tokens":3}}"#,
            r#"{"usage":{"prompt_tokens":0,"completion_tokens":null}}"#,
        ),
        (
            Dialect::Responses,
            r#"{"response":{"usage":{"input_tokens":7,"output_tokens":3}}}"#,
            r#"{"response":{"usage":{"input_tokens":0,"output_tokens":0}}}"#,
        ),
        (
            Dialect::Messages,
            r#"{"message":{"usage":{"input_tokens":7,"output_tokens":3}}}"#,
            r#"{"usage":{"input_tokens":0,"output_tokens":0}}"#,
        ),
        (
            Dialect::Gemini,
            r#"{"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":3}}"#,
            r#"{"usageMetadata":{"promptTokenCount":0,"candidatesTokenCount":null}}"#,
        ),
    ] {
        for order in [[said, later], [later, said]] {
            let mut meter = Meter::new(dialect);
            order.iter().for_each(|json| meter.read(json.as_bytes()));
            let usage = meter.usage().map(|usage| (usage.input, usage.output));
            assert_eq!(usage, Some((7, 3)), "{dialect:?} {order:?}");
        }
    }
}

#[test]
fn what_turns_out_to_be_cached_is_not_counted_twice() {
    let mut meter = Meter::new(Dialect::Messages);
    meter.read(br#"{"message":{"usage":{"input_tokens":12,"output_tokens":1}}}"#);
    meter.read(br#"{"usage":{"input_tokens":4,"cache_read_input_tokens":8,"output_tokens":7}}"#);
    let usage = meter.usage().unwrap();
    assert_eq!((usage.input, usage.cached_read, usage.output), (12, 8, 7));
}

#[test]
fn missing_usage_stays_missing() {
    for body in [
        &br#"{"choices":[],"usage":null}"#[..],
        br#"{"usage":{}}"#,
        br#"{"usage":{"prompt_tokens":"many"}}"#,
        br#"{"usage":{"prompt_tokens":1}"#,
        br#"{"x":{"usage":{"prompt_tokens":1}}}"#,
        br#"[]"#,
    ] {
        assert_eq!(of_body(Dialect::Chat, body), None);
    }
    let mixed = br#"{"message":"fine","usage":{"prompt_tokens":3}}"#;
    assert_eq!(
        of_body(Dialect::Chat, mixed).map(|usage| usage.input),
        Some(3)
    );
}

#[test]
fn gemini_without_candidates_counts_from_the_total() {
    let body = br#"{"usageMetadata":{"promptTokenCount":7,"totalTokenCount":10}}"#;
    assert_eq!(
        of_body(Dialect::Gemini, body).map(|usage| usage.output),
        Some(3)
    );
}
