//! That the grammars refuse what is wrong.

use holdfast::unversioned::wire::Dialect;

use super::*;

fn named(events: &[&str]) -> Vec<u8> {
    let mut stream = String::new();
    for event in events {
        let json: Value = serde_json::from_str(event).unwrap();
        stream += &format!(
            "event: {}\ndata: {event}\n\n",
            json["type"].as_str().unwrap()
        );
    }
    stream.into_bytes()
}

fn plain(events: &[&str]) -> Vec<u8> {
    events
        .iter()
        .map(|event| format!("data: {event}\n\n"))
        .collect::<String>()
        .into_bytes()
}

/// `good` passes, and no longer with any one of its events left out, told twice, or put before the one before it.
fn is_strict(
    dialect: Dialect,
    good: &[&str],
    stream: impl Fn(&[&str]) -> Vec<u8>,
    spare: &[usize],
) {
    assert_eq!(check(dialect, &stream(good)), Ok(End::Good), "{dialect:?}");
    for index in 0..good.len() {
        let mut less = good.to_vec();
        less.remove(index);
        let mut more = good.to_vec();
        more.insert(index, good[index]);
        let mut swapped = good.to_vec();
        if index > 0 {
            swapped.swap(index - 1, index);
        }
        for (what, changed) in [("without", less), ("twice", more), ("swapped", swapped)] {
            if changed == good || spare.contains(&index) {
                continue;
            }
            let verdict = check(dialect, &stream(&changed));
            assert!(
                verdict.is_err(),
                "{dialect:?} {what} {}: {verdict:?}",
                good[index]
            );
        }
    }
}

#[test]
fn messages() {
    let good = [
        r#"{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"x","content":[],"usage":{"input_tokens":1,"output_tokens":0}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":2}}"#,
        r#"{"type":"message_stop"}"#,
    ];
    // A signature and arguments may be absent.
    is_strict(Dialect::Messages, &good, named, &[2, 5]);
    let unsigned: Vec<&str> = good
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != 2)
        .map(|(_, e)| *e)
        .collect();
    assert!(check(Dialect::Messages, &named(&unsigned)).is_ok());
    for wrong in [
        [
            good[0],
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
        ],
        [good[0], r#"{"type":"what"}"#],
        [good[1], good[0]],
    ] {
        assert!(check(Dialect::Messages, &named(&wrong)).is_err());
    }
    let failed = [
        good[0],
        r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#,
    ];
    assert_eq!(check(Dialect::Messages, &named(&failed)), Ok(End::Error));
    let unnamed = plain(&good);
    assert!(check(Dialect::Messages, &unnamed).is_err());
}

#[test]
fn chat() {
    let chunk = |choices: &str| {
        format!(
            r#"{{"id":"i","object":"chat.completion.chunk","created":1,"model":"m","choices":[{choices}]}}"#
        )
    };
    let good = [
        chunk(r#"{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}"#),
        chunk(
            r#"{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":""}}]},"finish_reason":null}"#,
        ),
        chunk(
            r#"{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]},"finish_reason":null}"#,
        ),
        chunk(r#"{"index":0,"delta":{},"finish_reason":"tool_calls"}"#),
        "[DONE]".to_owned(),
    ];
    let good: Vec<&str> = good.iter().map(String::as_str).collect();
    is_strict(Dialect::Chat, &good, plain, &[]);
    let other = good[3].replace("\"i\"", "\"j\"");
    let changed = [good[0], good[1], good[2], &other, good[4]];
    assert!(check(Dialect::Chat, &plain(&changed)).is_err());
}

#[test]
fn gemini() {
    let chunk = |rest: &str| {
        format!(
            r#"{{"responseId":"r","modelVersion":"m","usageMetadata":{{"promptTokenCount":1}},"candidates":[{{"index":0,{rest}}}]}}"#
        )
    };
    let good = [
        chunk(r#""content":{"role":"model","parts":[{"text":"a"}]}"#),
        chunk(
            r#""content":{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}}]},"finishReason":"STOP""#,
        ),
    ];
    let good: Vec<&str> = good.iter().map(String::as_str).collect();
    assert_eq!(check(Dialect::Gemini, &plain(&good)), Ok(End::Good));
    for wrong in [
        vec![good[0]],
        vec![good[1], good[0]],
        vec![good[0], good[1], good[1]],
        vec![good[0], good[1], "[DONE]"],
        vec![],
    ] {
        assert!(check(Dialect::Gemini, &plain(&wrong)).is_err(), "{wrong:?}");
    }
    for part in [
        r#"{"functionCall":{"name":"f","args":[]}}"#,
        r#"{"functionCall":{"args":{}}}"#,
        r#"{"text":"a","functionCall":{"name":"f","args":{}}}"#,
        "{}",
    ] {
        let wrong = chunk(&format!(
            r#""content":{{"role":"model","parts":[{part}]}},"finishReason":"STOP""#
        ));
        assert!(check(Dialect::Gemini, &plain(&[&wrong])).is_err(), "{part}");
    }
}

#[test]
fn responses() {
    let object = |status: &str, more: &str| {
        format!(
            r#"{{"id":"r","object":"response","created_at":1,"status":"{status}","background":false,"error":null,
            "incomplete_details":null,"instructions":null,"max_output_tokens":null,"max_tool_calls":null,"model":"m",
            "parallel_tool_calls":true,"presence_penalty":0,"frequency_penalty":0,"previous_response_id":null,
            "prompt_cache_key":null,"reasoning":{{"effort":null,"summary":null}},"safety_identifier":null,
            "service_tier":"default","store":false,"temperature":1,"text":{{"format":{{"type":"text"}}}},
            "tool_choice":"auto","tools":[],"top_logprobs":0,"top_p":1,"truncation":"disabled","metadata":{{}},{more}}}"#
        )
        .replace("\n            ", "")
    };
    let begun = object(
        "in_progress",
        r#""completed_at":null,"usage":null,"output":[]"#,
    );
    let call = r#"{"id":"f","type":"function_call","call_id":"c","name":"n","arguments":"{}","status":"completed"}"#;
    let usage = r#"{"input_tokens":1,"input_tokens_details":{"cached_tokens":0,"cache_write_tokens":0},"output_tokens":1,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":2}"#;
    let ended = object(
        "completed",
        &format!(r#""completed_at":2,"usage":{usage},"output":[{call}]"#),
    );
    let events = [
        format!(r#"{{"type":"response.created","response":{begun}}}"#),
        format!(r#"{{"type":"response.in_progress","response":{begun}}}"#),
        r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"f","type":"function_call","call_id":"c","name":"n","arguments":"","status":"in_progress"}}"#.to_owned(),
        r#"{"type":"response.function_call_arguments.delta","output_index":0,"item_id":"f","delta":"{}"}"#.to_owned(),
        r#"{"type":"response.function_call_arguments.done","output_index":0,"item_id":"f","name":"n","arguments":"{}"}"#.to_owned(),
        format!(r#"{{"type":"response.output_item.done","output_index":0,"item":{call}}}"#),
        format!(r#"{{"type":"response.completed","response":{ended}}}"#),
    ];
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    let numbered = |events: &[&str]| {
        let events: Vec<String> = events
            .iter()
            .enumerate()
            .map(|(n, event)| event.replacen('{', &format!(r#"{{"sequence_number":{n},"#), 1))
            .collect();
        named(&events.iter().map(String::as_str).collect::<Vec<_>>())
    };
    // Empty arguments come as they like.
    is_strict(Dialect::Responses, &events, numbered, &[3, 4]);
    assert!(
        check(Dialect::Responses, &named(&events)).is_err(),
        "without numbers"
    );
    let wrong = events[6].replace("\"f\"", "\"g\"");
    let changed = [
        events[0], events[1], events[2], events[3], events[4], events[5], &wrong,
    ];
    assert!(check(Dialect::Responses, &numbered(&changed)).is_err());
    is_picky(
        Dialect::Responses,
        &events,
        numbered,
        &[
            (r#""completed_at":2,"#, ""),
            (r#""completed_at":2"#, r#""completed_at":null"#),
            (r#""presence_penalty":0,"#, ""),
            (r#""temperature":1"#, r#""temperature":null"#),
            (r#""temperature":1"#, r#""temperature":3"#),
            (r#""truncation":"disabled""#, r#""truncation":"off""#),
            (r#""cache_write_tokens":0"#, r#""cache_write_tokens":"0""#),
            (
                r#""format":{"type":"text"}"#,
                r#""format":{"type":"words"}"#,
            ),
            (r#""name":"n","arguments":"{}"}"#, r#""arguments":"{}"}"#),
            (
                r#""tools":[]"#,
                r#""tools":[{"type":"function","name":"f","parameters":null}]"#,
            ),
        ],
    );
}

/// `good` passes, and not with the first of a pair in it replaced by the second.
fn is_picky(
    dialect: Dialect,
    good: &[&str],
    stream: impl Fn(&[&str]) -> Vec<u8>,
    changes: &[(&str, &str)],
) {
    assert_eq!(check(dialect, &stream(good)), Ok(End::Good), "{dialect:?}");
    for (from, to) in changes {
        let changed: Vec<String> = good.iter().map(|event| event.replace(from, to)).collect();
        let changed: Vec<&str> = changed.iter().map(String::as_str).collect();
        assert_ne!(changed, good, "{from}");
        let verdict = check(dialect, &stream(&changed));
        assert!(verdict.is_err(), "{dialect:?} with {to} for {from}");
    }
}

#[test]
fn searches_and_citations() {
    let good = [
        r#"{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"x","content":[],"usage":{"input_tokens":1,"output_tokens":0}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"query\":\"q\"}"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[{"type":"web_search_result","url":"u","title":"t","encrypted_content":""}]}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"citations_delta","citation":{"type":"web_search_result_location","url":"u","title":"t","cited_text":"","encrypted_index":""}}}"#,
        r#"{"type":"content_block_stop","index":2}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2,"server_tool_use":{"web_search_requests":1}}}"#,
        r#"{"type":"message_stop"}"#,
    ];
    is_picky(
        Dialect::Messages,
        &good,
        named,
        &[
            (r#""id":"srvtoolu_1""#, r#""id":"toolu_1""#),
            (
                r#""tool_use_id":"srvtoolu_1""#,
                r#""tool_use_id":"srvtoolu_2""#,
            ),
            (r#""web_search_requests":1"#, r#""web_search_requests":0"#),
            (r#","encrypted_index":"""#, ""),
            (r#""encrypted_content":"""#, r#""encrypted_content":null"#),
            (r#"\"query\""#, r#"\"q\""#),
        ],
    );
    let chunk = |delta: &str, finish: &str| {
        format!(
            r#"{{"id":"i","object":"chat.completion.chunk","created":1,"model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]}}"#
        )
    };
    let annotation = r#"{"annotations":[{"type":"url_citation","url_citation":{"url":"u","title":"t","start_index":0,"end_index":4}}]}"#;
    let chunks = [
        chunk(r#"{"role":"assistant","content":""}"#, "null"),
        chunk(r#"{"content":"said"}"#, "null"),
        chunk(annotation, "null"),
        chunk("{}", r#""stop""#),
    ];
    let mut good: Vec<&str> = chunks.iter().map(String::as_str).collect();
    good.push("[DONE]");
    is_picky(
        Dialect::Chat,
        &good,
        plain,
        &[
            (r#""end_index":4"#, r#""end_index":5"#),
            (r#""type":"url_citation""#, r#""type":"citation""#),
            (r#""title":"t","#, ""),
        ],
    );
    let good = [
        r#"{"responseId":"r","modelVersion":"m","candidates":[{"content":{"role":"model","parts":[{"text":"hé said"}]}}]}"#,
        r#"{"responseId":"r","modelVersion":"m","candidates":[{"content":{"role":"model","parts":[{"text":""}]},"finishReason":"STOP","groundingMetadata":{"webSearchQueries":["q"],"groundingChunks":[{"web":{"uri":"u","title":"t"}}],"groundingSupports":[{"segment":{"startIndex":4,"endIndex":8,"text":"said"},"groundingChunkIndices":[0]}]}}]}"#,
    ];
    is_picky(
        Dialect::Gemini,
        &good,
        plain,
        &[
            (r#""startIndex":4"#, r#""startIndex":3"#),
            ("[0]", "[1]"),
            (r#""uri""#, r#""url""#),
        ],
    );
}
