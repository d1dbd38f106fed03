//! What upstreams say, and what clients look for in what they get.

use serde_json::{Value, json};

use super::super::wordings::{CODES, MESSAGES};
use super::Class::{self, *};
use super::ErrorStatus;
use crate::translate::responses::failure::{self, FailedAnswer};
use crate::wire::Dialect;
use crate::wire::problem::{Problem, from_upstream, render, render_in_stream, retold};

const CLASSES: [Class; 5] = [ContextTooLong, Unpaid, Quota, Overloaded, ContentPolicy];

/// What upstreams answer, as their pages and public reports of their users show it.
const SAID: &[(u16, &str, Class)] = &[
    (
        400,
        r#"{"error":{"message":"This model's maximum context length is 128000 tokens. However, your messages resulted in 150000 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
        ContextTooLong,
    ),
    (
        400,
        r#"{"error":{"message":"Input tokens exceed the configured limit of 272000 tokens.","type":"invalid_request_error","param":"messages","code":null}}"#,
        ContextTooLong,
    ),
    (
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 213462 tokens > 200000 maximum"}}"#,
        ContextTooLong,
    ),
    (
        400,
        r#"{"error":{"code":400,"message":"The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).","status":"INVALID_ARGUMENT"}}"#,
        ContextTooLong,
    ),
    (
        400,
        r#"{"error":{"message":"Invalid request: Your request exceeded model token limit: 262144 (requested: 270000)","type":"invalid_request_error"}}"#,
        ContextTooLong,
    ),
    (
        400,
        r#"{"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","type":"exceed_context_size_error"}}"#,
        ContextTooLong,
    ),
    (
        413,
        r#"{"error":"Please reduce the length of the messages or completion."}"#,
        ContextTooLong,
    ),
    (
        500,
        "prompt too long; exceeded max context length by 12 tokens",
        ContextTooLong,
    ),
    (
        400,
        r#"{"code":"InvalidParameter","message":"Range of input length should be [1, 98304]"}"#,
        ContextTooLong,
    ),
    (
        429,
        r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
        Unpaid,
    ),
    (
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#,
        Unpaid,
    ),
    (
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits. You will regain access on 2026-04-01 at 00:00 UTC."}}"#,
        Unpaid,
    ),
    (
        429,
        r#"{"type":"error","error":{"type":"rate_limit_error","message":"Try again later","details":{"error_code":"enforced_spend_limit_reached"}}}"#,
        Unpaid,
    ),
    (
        429,
        r#"{"error":{"message":"No credits","type":"insufficient_quota","param":null,"code":"credit_balance_exhausted"}}"#,
        Unpaid,
    ),
    (
        402,
        r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","code":"invalid_request_error"}}"#,
        Unpaid,
    ),
    (402, "", Unpaid),
    (
        429,
        r#"{"error":{"message":"Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 29000. Please try again in 3s.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#,
        Quota,
    ),
    (
        429,
        r#"{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details. Please retry in 34s.","status":"RESOURCE_EXHAUSTED"}}"#,
        Quota,
    ),
    (
        429,
        r#"{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your organization's rate limit of 40,000 input tokens per minute"}}"#,
        Quota,
    ),
    (
        429,
        r#"{"message":"Too many tokens, please wait before trying again."}"#,
        Quota,
    ),
    (
        529,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
        Overloaded,
    ),
    (
        503,
        r#"{"error":{"code":503,"message":"The model is overloaded. Please try again later.","status":"UNAVAILABLE"}}"#,
        Overloaded,
    ),
    (
        503,
        r#"{"error":{"message":"Our servers are currently overloaded. Please try again later.","type":"service_unavailable_error","code":"server_is_overloaded"}}"#,
        Overloaded,
    ),
    (
        429,
        r#"{"error":{"message":"The engine is currently overloaded, please try again later","type":"engine_overloaded_error"}}"#,
        Overloaded,
    ),
    (
        400,
        r#"{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter"}}"#,
        ContentPolicy,
    ),
    (
        400,
        r#"{"error":{"message":"This request has been flagged.","type":"invalid_request","code":"cyber_policy"}}"#,
        ContentPolicy,
    ),
    (
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"Output blocked by content filtering policy"}}"#,
        ContentPolicy,
    ),
];

/// What none of these is.
const OTHER: &[(u16, &str)] = &[
    (
        400,
        r#"{"error":{"message":"max_tokens: 300000 > 64000, which is the maximum allowed number of output tokens","type":"invalid_request_error"}}"#,
    ),
    (
        400,
        r#"{"error":{"message":"Invalid 'input': string too long. Expected a string with maximum length 10485760","code":"string_above_max_length"}}"#,
    ),
    (
        401,
        r#"{"error":{"message":"prompt is too long","type":"authentication_error"}}"#,
    ),
    (
        413,
        r#"{"error":{"message":"Request too large for model on tokens per minute (TPM): Limit 6000, Requested 9000","type":"tokens","code":"rate_limit_exceeded"}}"#,
    ),
    (
        413,
        r#"{"type":"error","error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}"#,
    ),
    (
        500,
        r#"{"error":{"message":"Internal server error","type":"server_error"}}"#,
    ),
    (
        403,
        r#"{"error":{"message":"The model is overloaded","type":"permission_error"}}"#,
    ),
    (404, ""),
];

fn told(dialect: Dialect, status: u16, body: &str) -> (u16, Value) {
    let status = ErrorStatus::new(status).unwrap();
    let (status, body) = from_upstream(dialect, status, body.as_bytes(), None, None);
    (status.code(), serde_json::from_slice(&body).unwrap())
}

/// Whether clients of `dialect` know it, by what their packages look for.
fn is_known(dialect: Dialect, class: Class, status: u16, error: &Value) -> bool {
    let message = error["message"].as_str().unwrap().to_lowercase();
    let code = error["code"].as_str().unwrap_or_default();
    let kind = error["type"].as_str().unwrap_or_default();
    match (class, dialect) {
        // Claude Code; OpenCode and pi look into the message.
        (ContextTooLong, Dialect::Messages) => {
            status == 400 && message.contains("prompt is too long")
        }
        (ContextTooLong, Dialect::Gemini) => {
            status == 400
                && message
                    .split_once("input token count")
                    .is_some_and(|(_, rest)| rest.contains("exceeds the maximum"))
        }
        // OpenCode; LiteLLM.
        (ContextTooLong, _) => status == 400 && code == "context_length_exceeded",
        (Unpaid, Dialect::Messages) => message.contains("credit balance is too low"),
        // Gemini CLI asks again for any 429.
        (Unpaid, Dialect::Gemini) => matches!(status, 400 | 402 | 403),
        (Unpaid, _) => status == 429 && code == "insufficient_quota",
        (Quota, Dialect::Messages) => status == 429 && kind == "rate_limit_error",
        (Quota, Dialect::Gemini) => status == 429 && error["status"] == "RESOURCE_EXHAUSTED",
        (Quota, _) => status == 429,
        (Overloaded, Dialect::Messages) => kind == "overloaded_error",
        (Overloaded, Dialect::Gemini) => status == 503 && error["status"] == "UNAVAILABLE",
        (Overloaded, _) => status == 503 && code == "server_is_overloaded",
        (ContentPolicy, Dialect::Messages) => {
            status == 400 && message.contains("output blocked by content filtering policy")
        }
        (ContentPolicy, Dialect::Gemini) => status == 400,
        (ContentPolicy, Dialect::Responses) => {
            status == 400 && (code == "invalid_prompt" || code == "cyber_policy")
        }
        (ContentPolicy, Dialect::Chat) => {
            status == 400 && (code.contains("policy") || code == "content_filter")
        }
    }
}

#[test]
fn whatever_upstreams_say_clients_know_it() {
    for (status, body, class) in SAID {
        for dialect in Dialect::ALL {
            let (told_status, told) = told(dialect, *status, body);
            assert!(
                is_known(dialect, *class, told_status, &told["error"]),
                "{class:?} {dialect:?}: {told_status} {told} for {status} {body}"
            );
            if dialect == Dialect::Gemini {
                assert_eq!(told["error"]["code"], told_status, "{told}");
            }
        }
    }
}

#[test]
fn everything_else_stays_what_it_is() {
    for (status, body) in OTHER {
        for dialect in Dialect::ALL {
            let (told_status, told) = told(dialect, *status, body);
            assert_eq!(told_status, *status, "{body}");
            for class in CLASSES.into_iter().filter(|class| *class != ContentPolicy) {
                let error = &told["error"];
                let known = is_known(dialect, class, told_status, error);
                // The first message is about permissions, whatever it mentions.
                let is_named = *status == 401 || class == Unpaid && dialect == Dialect::Gemini;
                assert!(!known || is_named, "{class:?} {dialect:?} {told}");
            }
        }
    }
}

/// What the gateway tells in one dialect is known again when it comes from an upstream that is a gateway itself.
#[test]
fn classes_survive_any_number_of_gateways() {
    for class in CLASSES {
        for upstream in Dialect::ALL {
            let problem = Problem {
                class: Some(class),
                ..Problem::new(class.status(upstream), "some words")
            };
            let body = render(upstream, &problem);
            let body = String::from_utf8(body).unwrap();
            for dialect in Dialect::ALL {
                let (status, told) = told(dialect, class.status(upstream).code(), &body);
                // Google's words do not tell the others from what has other reasons.
                let is_lost =
                    upstream == Dialect::Gemini && !matches!(class, ContextTooLong | Quota);
                let is_known = is_known(dialect, class, status, &told["error"]);
                assert!(
                    is_known || is_lost,
                    "{class:?} {upstream:?} {dialect:?} {told}"
                );
                if upstream == dialect {
                    assert_eq!(told.to_string(), body, "as it came");
                }
            }
        }
    }
}

#[test]
fn errors_within_streams_are_known_too() {
    for (status, body, class) in SAID {
        let Ok(value) = serde_json::from_str::<Value>(body) else {
            continue;
        };
        if !value["error"].is_object() {
            continue;
        }
        for dialect in [Dialect::Chat, Dialect::Messages, Dialect::Gemini] {
            let mut value = value.clone();
            if dialect == Dialect::Gemini {
                value["error"]["code"] = json!(status);
            }
            let data = value.to_string();
            let Some(problem) = retold(dialect, data.as_bytes()) else {
                continue;
            };
            // Without a status of their own, some can be read only by their words.
            assert_eq!(problem.class, Some(*class), "{data}");
            let event = render_in_stream(dialect, &problem, 0);
            let event = String::from_utf8(event).unwrap();
            let (_, data) = event.split_once("data: ").unwrap();
            let told: Value = serde_json::from_str(data).unwrap();
            let status = class.status(dialect).code();
            assert!(is_known(dialect, *class, status, &told["error"]), "{told}");
            assert_eq!(retold(dialect, told.to_string().as_bytes()), None, "{told}");
        }
    }
    // Codex knows these by their code, and by "try again in" when to come back.
    for (class, code) in [
        (ContextTooLong, "context_length_exceeded"),
        (Unpaid, "insufficient_quota"),
        (Quota, "rate_limit_exceeded"),
        (Overloaded, "server_is_overloaded"),
        (ContentPolicy, "invalid_prompt"),
    ] {
        let problem = Problem {
            class: Some(class),
            retry_after: Some(std::time::Duration::from_secs(7)),
            ..Problem::new(ErrorStatus::BAD_GATEWAY, "some words")
        };
        for is_codex in [false, true] {
            let known = FailedAnswer {
                id: "",
                model: "m",
                created: 0,
                sequence_number: 3,
            };
            let event = match is_codex {
                true => failure::event(&problem, known),
                false => render_in_stream(Dialect::Responses, &problem, 3),
            };
            let event = String::from_utf8(event).unwrap();
            assert!(event.contains(&format!("\"code\":\"{code}\"")), "{event}");
            let says_when = event.contains("Please try again in 7s.");
            assert_eq!(says_when, class == Quota, "{event}");
        }
    }
}

#[test]
fn numbers_are_told_where_they_are_clear() {
    let message = |said: &str| ContextTooLong.message(Dialect::Messages, said);
    let known = "This model's maximum context length is 128000 tokens. However, your messages resulted in 150000 tokens.";
    assert_eq!(
        message(known),
        format!("prompt is too long: 150000 tokens > 128000 maximum: {known}")
    );
    assert_eq!(
        message("1000 of 2000 and 3000"),
        "prompt is too long: 1000 of 2000 and 3000"
    );
    assert_eq!(message(""), "prompt is too long");
}

#[test]
fn the_tables_are_in_lower_case() {
    assert!(CODES.iter().all(|(code, _)| code.to_lowercase() == *code));
    let mut pieces = MESSAGES.iter().flat_map(|(pieces, _)| pieces.iter());
    assert!(pieces.all(|piece| !piece.is_empty() && piece.to_lowercase() == *piece));
}
