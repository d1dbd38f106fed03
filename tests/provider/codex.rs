//! The format of the Codex backend.

use super::*;

#[test]
fn requests_have_the_format_of_the_backend() {
    let server = Server::answering(stream_answer(&[COMPLETED]));
    let base = format!("{}/backend-api/codex", server.base());
    let body = r#"{"model":"m","input":"hi \"you\"","temperature":1,"top_p":null,"user":"u",
        "stream":false,"store":true,"instructions":null,"service_tier":"flex",
        "prompt_cache_key":"c-1","include":["x"],"metadata":{"user":"kept"},"max_output_tokens":5}"#;
    upstream()
        .call(&call(UpstreamKind::Codex, &base, body))
        .unwrap();
    let seen = server.next();
    assert_eq!(seen.line(), "POST /backend-api/codex/responses HTTP/1.1");
    assert_eq!(seen.header("accept"), Some("text/event-stream"));
    assert_eq!(seen.header("session_id"), Some("c-1"));
    let sent: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
    let expected = serde_json::json!({
        "model": "m",
        "input": [{"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "hi \"you\""}
        ]}],
        "stream": true,
        "store": false,
        "instructions": "",
        "prompt_cache_key": "c-1",
        "include": ["x", "reasoning.encrypted_content"],
        "metadata": {"user": "kept"},
        "parallel_tool_calls": true,
    });
    assert_eq!(sent, expected);
}

#[test]
fn a_body_in_its_format_is_unchanged() {
    let server = Server::answering(stream_answer(&[COMPLETED]));
    let base = format!("{}/backend-api/codex", server.base());
    let body = r#"{"model":"m", "input" : [], "stream":true, "store":false, "instructions":"i",
        "include":["reasoning.encrypted_content"], "parallel_tool_calls":false, "service_tier":"priority"}"#;
    let call = Call {
        stream: true,
        ..call(UpstreamKind::Codex, &base, body)
    };
    upstream().call(&call).unwrap();
    assert_eq!(server.next().text(), body);
}

#[test]
fn a_body_that_is_no_object_is_an_error_of_the_client() {
    let base = "http://127.0.0.1:1/backend-api/codex";
    let failure = failed(&call(UpstreamKind::Codex, base, "[]"));
    assert_eq!(failure.kind, FailureKind::Request);
    assert_eq!(failure.status, Some(400));
}

/// Every member that is removed for the ChatGPT backend.
const FULL: &str = r#"{"model":"other", "input":"hi","previous_response_id":"resp_1","max_output_tokens":5,
        "temperature":1,"top_p":0.5,"truncation":"auto","user":"u","store":true,"stream":false,
        "prompt_cache_key":"c-1","safety_identifier":"s","service_tier":"flex","background":true}"#;

#[test]
fn other_upstreams_get_the_clients_bytes() {
    let server = Server::answering(json_answer("{}"));
    let span = FULL.find("\"other\"").unwrap();
    for below in ["", "/v1", "/openai/v1?api-version=1"] {
        for stream in [false, true] {
            let base = format!("{}{below}", server.base());
            let call = Call {
                stream,
                model: "m",
                model_span: Some(Span {
                    start: span,
                    end: span + 7,
                }),
                ..call(UpstreamKind::Codex, &base, FULL)
            };
            upstream().call(&call).unwrap();
            let seen = server.next();
            assert_eq!(seen.text(), FULL.replace("other", "m"), "{below}");
            assert_eq!(seen.header("session_id"), None);
            let accepted = match stream {
                true => "text/event-stream",
                false => "application/json",
            };
            assert_eq!(seen.header("accept"), Some(accepted));
        }
    }
}

#[test]
fn tokens_are_counted_by_upstreams_with_the_endpoint() {
    let server = Server::answering(json_answer("{\"input_tokens\":3}"));
    let base = server.base();
    let count = Call {
        action: Action::Count,
        ..call(UpstreamKind::Codex, &base, BODY)
    };
    upstream().call(&count).unwrap();
    assert_eq!(
        server.next().line(),
        "POST /responses/input_tokens HTTP/1.1"
    );
}

#[test]
fn requests_for_stored_answers_have_no_body() {
    let server = Server::answering(json_answer("{}"));
    let base = format!("{}/v1", server.base());
    for (verb, path, line) in [
        (
            Verb::Get,
            "resp_1?include=x",
            "GET /v1/responses/resp_1?include=x HTTP/1.1",
        ),
        (
            Verb::Delete,
            "resp_1",
            "DELETE /v1/responses/resp_1 HTTP/1.1",
        ),
        (
            Verb::Post,
            "resp_1/cancel",
            "POST /v1/responses/resp_1/cancel HTTP/1.1",
        ),
    ] {
        let call = Call {
            action: Action::Stored(Stored { verb, path }),
            ..call(UpstreamKind::Codex, &base, "")
        };
        assert_eq!(text(upstream().call(&call).unwrap()), "{}");
        let seen = server.next();
        assert_eq!(seen.line(), line);
        assert_eq!(seen.header("authorization"), Some("Bearer k-123"));
        let length = (verb == Verb::Post).then_some("0");
        assert_eq!(seen.header("content-length"), length, "{line}");
    }
}

#[test]
fn compaction_is_not_streamed() {
    let server = Server::answering(json_answer("{\"output\":[]}"));
    let base = format!("{}/backend-api/codex", server.base());
    let compact = Call {
        action: Action::Compact,
        ..call(
            UpstreamKind::Codex,
            &base,
            r#"{"model":"m","stream":false,"input":[]}"#,
        )
    };
    assert_eq!(text(upstream().call(&compact).unwrap()), "{\"output\":[]}");
    let seen = server.next();
    assert_eq!(
        seen.line(),
        "POST /backend-api/codex/responses/compact HTTP/1.1"
    );
    assert_eq!(seen.header("accept"), Some("application/json"));
    assert_eq!(seen.text(), r#"{"model":"m","input":[],"instructions":""}"#);
    let streamed = Call {
        stream: true,
        ..compact
    };
    assert_eq!(failed(&streamed).status, Some(400));
}

fn collected(events: &[&str]) -> Result<String, Failure> {
    let server = Server::answering(stream_answer(events));
    let base = format!("{}/backend-api/codex", server.base());
    let answer = upstream().call(&call(UpstreamKind::Codex, &base, BODY))?;
    let whole = whole::open(answer, &asked(Dialect::Responses, MAX_EVENT), None)?;
    Ok(String::from_utf8(whole.held().to_vec()).unwrap())
}

#[test]
fn a_stream_becomes_one_answer() {
    let usage = r#""usage":{"input_tokens":3,"output_tokens":2}"#;
    let expected = format!(r#"{{"id":"r","output":[{{"n":0}},{{"n": 1}}],{usage}}}"#);
    assert_eq!(
        collected(&[CREATED, ITEM, FIRST_ITEM, COMPLETED]).unwrap(),
        expected
    );
    let full = COMPLETED.replace("[]", "[7]");
    let expected = format!(r#"{{"id":"r","output":[7],{usage}}}"#);
    assert_eq!(collected(&[ITEM, &full]).unwrap(), expected);
    let bare = "data: {\"type\":\"response.incomplete\",\"response\":{\"id\":\"r\",\"status\":\"incomplete\"}}\n\n";
    assert_eq!(
        collected(&[ITEM, bare]).unwrap(),
        r#"{"id":"r","status":"incomplete","output":[{"n": 1}]}"#
    );
    assert_eq!(
        collected(&[bare.trim_end()]).unwrap(),
        r#"{"id":"r","status":"incomplete"}"#
    );
}

#[test]
fn a_stream_that_fails_is_a_failure() {
    let error = r#"{"code":"rate_limit_exceeded","message":"slow"}"#;
    let failed =
        format!("data: {{\"type\":\"response.failed\",\"response\":{{\"error\":{error}}}}}\n\n");
    let failure = collected(&[ITEM, &failed]).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Status);
    assert_eq!(failure.status, Some(429));
    assert_eq!(failure.body, format!("{{\"error\":{error}}}").as_bytes());
    let failure = collected(&[ITEM]).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Broken);
    assert_eq!(failure.status, Some(408));
    assert!(failure.message.contains("before response.completed"));
}
