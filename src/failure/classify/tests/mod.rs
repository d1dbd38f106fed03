mod accounts;

use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::failure::fault::{Pause, QUOTA_LADDER, Scope, seconds};
use crate::failure::{Headers, Windows};

const NOW: u64 = 1_767_225_600;

fn now() -> SystemTime {
    UNIX_EPOCH + seconds(NOW)
}

fn fault(kind: UpstreamKind, status: u16, headers: &[(&'static str, &str)], body: &str) -> Fault {
    let headers: Headers = headers.iter().copied().collect();
    let failure = Failure::of_status(status, headers, body.as_bytes().to_vec(), now());
    classify(&failure, kind, "the-model", now())
}

fn class(kind: UpstreamKind, status: u16, body: &str) -> Class {
    fault(kind, status, &[], body).class
}

#[test]
fn by_status_alone() {
    for (status, expected) in [
        (400, Class::Request),
        (401, Class::Credential),
        (402, Class::Payment),
        (403, Class::Permission),
        (404, Class::Neutral),
        (405, Class::Neutral),
        (408, Class::Transient),
        (409, Class::Request),
        (413, Class::Request),
        (422, Class::Request),
        (429, Class::Quota),
        (500, Class::Transient),
        (501, Class::Neutral),
        (502, Class::Transient),
        (503, Class::Transient),
        (504, Class::Transient),
        (520, Class::Transient),
        (529, Class::Transient),
    ] {
        assert_eq!(
            class(UpstreamKind::Claude, status, "{}"),
            expected,
            "{status}"
        );
        assert_eq!(
            class(UpstreamKind::Compat, status, "no json"),
            expected,
            "{status}"
        );
    }
}

#[test]
fn by_what_the_body_says() {
    use Class::*;
    for (kind, status, body, expected) in [
        (
            UpstreamKind::Compat,
            401,
            r#"{"error":{"type":"invalid_request_error","code":"invalid_api_key"}}"#,
            Credential,
        ),
        (
            UpstreamKind::Compat,
            401,
            r#"{"error":{"code":"context_length_exceeded"}}"#,
            Request,
        ),
        (
            UpstreamKind::Compat,
            500,
            r#"{"error":{"code":"context_length_exceeded"}}"#,
            Request,
        ),
        (
            UpstreamKind::Compat,
            408,
            r#"{"error":{"type":"invalid_request_error"}}"#,
            Transient,
        ),
        (
            UpstreamKind::Compat,
            503,
            r#"{"error":{"type":"invalid_request_error"}}"#,
            Request,
        ),
        (
            UpstreamKind::Compat,
            404,
            r#"{"error":{"type":"invalid_request_error","code":"model_not_found"}}"#,
            Model,
        ),
        (
            UpstreamKind::Compat,
            404,
            r#"{"error":{"message":"The model `the-model` does not exist"}}"#,
            Model,
        ),
        (
            UpstreamKind::Compat,
            400,
            r#"{"error":{"message":"The requested model is not supported."}}"#,
            Model,
        ),
        (
            UpstreamKind::Compat,
            429,
            r#"{"error":{"code":"insufficient_quota"}}"#,
            Payment,
        ),
        (
            UpstreamKind::Compat,
            403,
            "<html>… Cloudflare …</html>",
            Challenge,
        ),
        (
            UpstreamKind::Compat,
            403,
            "<script src='/cdn-cgi/challenge-platform/x'>",
            Challenge,
        ),
        (
            UpstreamKind::Claude,
            400,
            r#"{"error":{"message":"Your credit balance is too low"}}"#,
            Payment,
        ),
        (
            UpstreamKind::Claude,
            400,
            r#"{"error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits. You will regain access on 2026-04-01 at 00:00 UTC."}}"#,
            Payment,
        ),
        (
            UpstreamKind::Claude,
            400,
            r#"{"error":{"type":"invalid_request_error","message":"You have reached your specified workspace API usage limits."}}"#,
            Payment,
        ),
        (
            UpstreamKind::Claude,
            429,
            r#"{"error":{"type":"rate_limit_error","message":"x","details":{"error_code":"enforced_spend_limit_reached"}}}"#,
            Payment,
        ),
        (
            UpstreamKind::Claude,
            429,
            r#"{"error":{"type":"rate_limit_error","message":"x","details":["enforced_spend_limit_reached"]}}"#,
            Quota,
        ),
        (
            UpstreamKind::Compat,
            429,
            r#"{"error":{"type":"insufficient_quota","code":"credit_balance_exhausted"}}"#,
            Payment,
        ),
        (
            UpstreamKind::Codex,
            429,
            r#"{"error":{"type":"insufficient_quota","code":"insufficient_quota"}}"#,
            Payment,
        ),
        (
            UpstreamKind::Gemini,
            429,
            r#"{"error":{"code":429,"message":"Your prepayment credits are depleted.","status":"RESOURCE_EXHAUSTED"}}"#,
            Payment,
        ),
        (
            UpstreamKind::Gemini,
            429,
            r#"{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"9s"}]}}"#,
            Quota,
        ),
        (
            UpstreamKind::Compat,
            429,
            r#"{"error":{"code":"project_spend_limit_exceeded"}}"#,
            Payment,
        ),
        (
            UpstreamKind::Claude,
            400,
            r#"{"error":{"message":"This organization has been disabled."}}"#,
            Credential,
        ),
        (
            UpstreamKind::Claude,
            429,
            r#"{"error":{"message":"Fast request rejected"}}"#,
            Request,
        ),
        (
            UpstreamKind::Claude,
            403,
            r#"{"error":{"message":"OAuth token has been revoked"}}"#,
            Credential,
        ),
        (
            UpstreamKind::Claude,
            400,
            r#"{"error":"invalid_grant"}"#,
            Credential,
        ),
        (
            UpstreamKind::Gemini,
            400,
            r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key."}}"#,
            Credential,
        ),
        (
            UpstreamKind::Gemini,
            400,
            r#"{"error":{"status":"FAILED_PRECONDITION","message":"User location is not supported"}}"#,
            Credential,
        ),
        (
            UpstreamKind::Gemini,
            429,
            r#"{"error":{"message":"quota … limit: 0"}}"#,
            Model,
        ),
        (
            UpstreamKind::Vertex,
            429,
            r#"{"error":{"message":"Resource exhausted"}}"#,
            Capacity,
        ),
        (
            UpstreamKind::Gemini,
            503,
            r#"{"error":{"message":"The model is overloaded."}}"#,
            Capacity,
        ),
        (
            UpstreamKind::Codex,
            400,
            "Selected model is at capacity",
            Capacity,
        ),
        (
            UpstreamKind::Codex,
            403,
            r#"{"error":{"type":"usage_limit_reached"}}"#,
            Quota,
        ),
        (
            UpstreamKind::Codex,
            429,
            r#"{"error":{"type":"usage_not_included"}}"#,
            Payment,
        ),
        (
            UpstreamKind::Codex,
            404,
            "Item with id 'rs_1' not found. Items are not persisted when `store` is set to false.",
            Request,
        ),
    ] {
        assert_eq!(class(kind, status, body), expected, "{status} {body}");
    }
}

#[test]
fn what_is_lost_for_good_stays_lost() {
    for (kind, status, body) in [
        (UpstreamKind::Claude, 401, r#"{"error":"invalid_grant"}"#),
        (
            UpstreamKind::Claude,
            403,
            "Your organization has been disabled",
        ),
        (
            UpstreamKind::Gemini,
            403,
            r#"{"error":{"details":[{"reason":"SERVICE_DISABLED"}]}}"#,
        ),
        (UpstreamKind::Kimi, 403, "Access terminated."),
    ] {
        let fault = fault(kind, status, &[], body);
        assert_eq!(fault.pause, Pause::UntilChanged, "{body}");
        assert_eq!(fault.scope, Scope::Credential, "{body}");
    }
}

#[test]
fn a_hint_is_believed_where_it_belongs() {
    let hint = |kind, status, headers: &[(&'static str, &str)], body: &str| match fault(
        kind, status, headers, body,
    )
    .pause
    {
        Pause::Hint(time) => Some(time.as_secs_f64()),
        _ => None,
    };
    let after = [("retry-after", "12.5")];
    for status in [429, 503, 529] {
        assert_eq!(hint(UpstreamKind::Compat, status, &after, "{}"), Some(12.5));
    }
    for status in [401, 403, 500] {
        assert_eq!(hint(UpstreamKind::Compat, status, &after, "{}"), None);
    }
    let spent = [
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "6m0s"),
        ("x-ratelimit-remaining-tokens", "7"),
        ("x-ratelimit-reset-tokens", "20h"),
    ];
    assert_eq!(hint(UpstreamKind::Compat, 429, &spent, "{}"), Some(360.0));
    let copied = r#"{"error":{"metadata":{"headers":{"X-RateLimit-Reset":"1767225630000"}}}}"#;
    assert_eq!(hint(UpstreamKind::Compat, 429, &[], copied), Some(30.0));
    let limit = |rest: &str| format!(r#"{{"error":{{"type":"usage_limit_reached"{rest}}}}}"#);
    let at = limit(r#","resets_at":1767225700,"resets_in_seconds":5"#);
    assert_eq!(hint(UpstreamKind::Codex, 429, &[], &at), Some(100.0));
    let past = limit(r#","resets_at":1000,"resets_in_seconds":5"#);
    assert_eq!(hint(UpstreamKind::Codex, 429, &[], &past), Some(5.0));
    let used = [
        ("x-codex-secondary-used-percent", "100"),
        ("x-codex-secondary-reset-after-seconds", "60"),
    ];
    assert_eq!(
        hint(UpstreamKind::Codex, 429, &used, &limit("")),
        Some(60.0)
    );
    let tokens = [
        ("anthropic-ratelimit-tokens-remaining", "0"),
        ("anthropic-ratelimit-tokens-reset", "2026-01-01T00:01:00Z"),
    ];
    assert_eq!(hint(UpstreamKind::Claude, 429, &tokens, "{}"), Some(60.0));
}

#[test]
fn google_says_when_in_many_places() {
    let body = |details: &str, message: &str| {
        format!(r#"{{"error":{{"code":429,"message":"{message}","details":[{details}]}}}}"#)
    };
    let retry = r#"{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"0.5s"}"#;
    let unreadable = r#"{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"?"}"#;
    let info = r#"{"@type":"type.googleapis.com/google.rpc.ErrorInfo","metadata":{"quotaResetDelay":"373.5ms"}}"#;
    let stamp = r#"{"@type":"type.googleapis.com/google.rpc.ErrorInfo","metadata":{"quotaResetTimeStamp":"2026-01-01T00:00:09Z"}}"#;
    for (details, message, expected) in [
        (format!("{info},{retry}"), "", 0.5),
        (format!("{unreadable},{info}"), "", 0.3735),
        (stamp.to_owned(), "", 9.0),
        (
            "{}".to_owned(),
            "Your quota will reset after 1h16m0s.",
            4560.0,
        ),
    ] {
        let fault = fault(UpstreamKind::Gemini, 429, &[], &body(&details, message));
        assert_eq!(fault.class, Class::Quota, "{details}");
        assert_eq!(
            fault.pause,
            Pause::Hint(Duration::from_secs_f64(expected)),
            "{details}"
        );
    }
    let daily = r#"{"@type":"x.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerDayPerProject"}]}"#;
    let fault = fault(
        UpstreamKind::Gemini,
        429,
        &[],
        &body(&format!("{daily},{retry}"), ""),
    );
    // It is four in the afternoon in Los Angeles.
    assert_eq!(fault.pause, Pause::Hint(seconds(8 * 3600)));
}

#[test]
fn google_says_in_words_that_a_quota_is_used_up() {
    for (message, expected) in [
        ("QUOTA_EXHAUSTED", Class::Quota),
        ("Quota exhausted for this model.", Class::Quota),
        ("Resource has been exhausted.", Class::Capacity),
    ] {
        let body = format!(
            r#"{{"error":{{"code":429,"message":"{message}","status":"RESOURCE_EXHAUSTED"}}}}"#
        );
        for kind in [
            UpstreamKind::Gemini,
            UpstreamKind::GeminiCli,
            UpstreamKind::Antigravity,
            UpstreamKind::Vertex,
        ] {
            assert_eq!(
                fault(kind, 429, &[], &body).class,
                expected,
                "{kind:?} {message}"
            );
        }
    }
}

#[test]
fn an_account_without_credits_keeps_its_free_quota() {
    for message in ["m", "Insufficient credits.", "Insufficient balance."] {
        let body = format!(
            r#"{{"error":{{"code":429,"message":"{message}","status":"RESOURCE_EXHAUSTED","details":[{{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"INSUFFICIENT_G1_CREDITS_BALANCE"}}]}}}}"#
        );
        let fault = fault(UpstreamKind::Antigravity, 429, &[], &body);
        assert_eq!(
            (fault.class, fault.scope),
            (Class::Quota, Scope::Model),
            "{message}"
        );
    }
}

#[test]
fn a_rejected_window_is_the_whole_account() {
    let reset = (NOW + 5400).to_string();
    let headers = [
        ("anthropic-ratelimit-unified-status", "rejected"),
        ("anthropic-ratelimit-unified-5h-status", "rejected"),
        ("anthropic-ratelimit-unified-5h-reset", reset.as_str()),
        ("anthropic-ratelimit-unified-7d-status", "allowed"),
        ("retry-after", "60"),
    ];
    let fault_of =
        |headers: &[(&'static str, &str)]| fault(UpstreamKind::Claude, 429, headers, "{}");
    let fault = fault_of(&headers);
    assert_eq!(
        (fault.class, fault.scope),
        (Class::Quota, Scope::Credential)
    );
    let Pause::Hint(hint) = fault.pause else {
        panic!("{fault:?}");
    };
    assert!((seconds(5401)..=seconds(5430)).contains(&hint), "{hint:?}");
    let one_model = [
        ("anthropic-ratelimit-unified-status", "rejected"),
        ("anthropic-ratelimit-unified-5h-status", "allowed"),
        ("anthropic-ratelimit-unified-7d-status", "allowed"),
        ("anthropic-ratelimit-unified-7d_oi-status", "rejected"),
        ("anthropic-ratelimit-unified-7d_oi-reset", reset.as_str()),
    ];
    let fault = fault_of(&one_model);
    assert_eq!((fault.class, fault.scope), (Class::Quota, Scope::Model));
    assert_eq!(fault.pause, QUOTA_LADDER);
}

#[test]
fn answers_tell_how_full_the_windows_are() {
    let read = |kind, headers: &[(&'static str, &str)]| {
        Windows::read(&headers.iter().copied().collect(), kind, now())
    };
    assert_eq!(read(UpstreamKind::Claude, &[("retry-after", "5")]), None);
    let claude = [
        ("anthropic-ratelimit-unified-5h-status", "allowed_warning"),
        ("anthropic-ratelimit-unified-5h-utilization", "0.91"),
        ("anthropic-ratelimit-unified-7d-status", "allowed"),
        ("anthropic-ratelimit-unified-7d-utilization", "0.2"),
    ];
    let windows = read(UpstreamKind::Claude, &claude).unwrap();
    assert_eq!((windows.exhausted, windows.used), (None, 0.91));
    let reset = (NOW + 60).to_string();
    let codex = [
        ("x-codex-primary-used-percent", "100"),
        ("x-codex-primary-reset-at", reset.as_str()),
        ("x-codex-secondary-used-percent", "40"),
    ];
    let windows = read(UpstreamKind::Codex, &codex).unwrap();
    assert_eq!((windows.exhausted, windows.used), (Some(seconds(60)), 1.0));
}

#[test]
fn moments_beyond_all_time_are_none() {
    let far = "999999999999999999999999999999";
    for header in ["x-ratelimit-reset", "retry-after", "retry-after-ms"] {
        let fault = fault(UpstreamKind::Compat, 429, &[(header, far)], "{}");
        assert_eq!(fault.pause, QUOTA_LADDER, "{header}");
    }
    let used = [
        ("x-codex-primary-used-percent", "100"),
        ("x-codex-primary-reset-at", far),
    ];
    let windows = Windows::read(&used.into_iter().collect(), UpstreamKind::Codex, now()).unwrap();
    assert_eq!((windows.exhausted, windows.used), (None, 1.0));
    let body = format!(r#"{{"error":{{"type":"usage_limit_reached","resets_at":{far}}}}}"#);
    assert_eq!(
        fault(UpstreamKind::Codex, 429, &[], &body).pause,
        QUOTA_LADDER
    );
    for header in ["5h-reset", "reset"] {
        let name = if header == "reset" {
            "anthropic-ratelimit-unified-reset"
        } else {
            "anthropic-ratelimit-unified-5h-reset"
        };
        let status = if header == "reset" {
            "anthropic-ratelimit-unified-status"
        } else {
            "anthropic-ratelimit-unified-5h-status"
        };
        let fault = fault(
            UpstreamKind::Claude,
            429,
            &[(status, "rejected"), (name, far)],
            "{}",
        );
        assert_eq!(fault.pause, QUOTA_LADDER, "{header}");
    }
}

#[test]
fn odd_bodies_do_no_harm() {
    for body in [
        "",
        "null",
        "[]",
        "[1]",
        r#"{"error":[]}"#,
        r#"{"error":null}"#,
        "\u{0}\u{ff}",
        "\"error\"",
    ] {
        for kind in [
            UpstreamKind::Gemini,
            UpstreamKind::Vertex,
            UpstreamKind::Claude,
            UpstreamKind::Codex,
            UpstreamKind::Compat,
        ] {
            for status in [400, 401, 403, 404, 429, 500, 503] {
                fault(kind, status, &[], body);
            }
        }
    }
}

/// Names that a client sends are repeated by validators. They must not have credentials blocked.
#[test]
fn what_an_answer_repeats_of_the_request_blocks_nothing() {
    let names = [
        "invalid_grant",
        "service_disabled",
        "consumer_suspended",
        "api_key_invalid",
        "api key not valid",
        "failed_precondition location",
        "deactivated_workspace",
        "organization has been disabled",
        "credit balance is too low",
        "you have reached your specified api usage limits",
        "incorrect api key provided",
        "model is at capacity. please try a different model",
        "not available for your plan",
        "insufficient_quota",
    ];
    let kinds = [
        UpstreamKind::Gemini,
        UpstreamKind::Claude,
        UpstreamKind::Codex,
        UpstreamKind::Kimi,
        UpstreamKind::Xai,
        UpstreamKind::Compat,
    ];
    for name in names {
        let bodies = [
            serde_json::json!({"type": "error", "error": {"type": "invalid_request_error",
                "message": format!("{name}: Extra inputs are not permitted")}}),
            serde_json::json!({"error": {"message": format!("Unknown parameter: '{name}'."),
                "type": "invalid_request_error", "param": name, "code": "unknown_parameter"}}),
            serde_json::json!({"error": {"code": 400, "status": "INVALID_ARGUMENT",
                "message": format!("Invalid JSON payload received. Unknown name \"{name}\": Cannot find field."),
                "details": [{"@type": "type.googleapis.com/google.rpc.BadRequest",
                    "fieldViolations": [{"field": name, "description": format!("Unknown name \"{name}\"")}]}]}}),
            serde_json::json!({"detail": [{"type": "extra_forbidden", "loc": ["body", name],
                "msg": "Extra inputs are not permitted", "input": name}]}),
        ];
        for (body, kind) in bodies
            .iter()
            .flat_map(|body| kinds.map(|kind| (body, kind)))
        {
            let body = body.to_string().into_bytes();
            let failure = Failure::of_status(400, Headers::default(), body, now());
            let fault = classify(&failure, kind, "m", now());
            assert_eq!(fault.class, Class::Request, "{kind:?} {failure:?}");
        }
    }
}
