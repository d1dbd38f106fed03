//! Errors of accounts with a login, and of xAI.

use super::*;

#[test]
fn errors_of_accounts() {
    use Class::*;
    for (kind, status, body, expected) in [
        (
            UpstreamKind::Codex,
            402,
            r#"{"detail":{"code":"deactivated_workspace"}}"#,
            Credential,
        ),
        (
            UpstreamKind::Codex,
            401,
            r#"{"error":{"code":"token_revoked","message":"Encountered invalidated oauth token for user"}}"#,
            Credential,
        ),
        (
            UpstreamKind::Codex,
            401,
            r#"{"error":{"code":"token_invalidated"}}"#,
            Credential,
        ),
        (
            UpstreamKind::Codex,
            503,
            r#"{"error":{"message":"The selected model is at capacity. Please try a different model."}}"#,
            Capacity,
        ),
        (
            UpstreamKind::Claude,
            400,
            r#"{"error":{"message":"This credential is only authorized for use with Claude Code"}}"#,
            Request,
        ),
        (
            UpstreamKind::Claude,
            401,
            r#"{"error":{"type":"authentication_error","message":"OAuth authentication is currently not supported."}}"#,
            Request,
        ),
        (
            UpstreamKind::Claude,
            403,
            r#"{"error":{"message":"Your organization has been disabled"}}"#,
            Credential,
        ),
        (
            UpstreamKind::Claude,
            529,
            r#"{"error":{"type":"overloaded_error"}}"#,
            Transient,
        ),
        (
            UpstreamKind::Kimi,
            429,
            r#"{"error":{"type":"engine_overloaded_error","message":"The engine is currently overloaded, please try again later"}}"#,
            Capacity,
        ),
        (
            UpstreamKind::Kimi,
            429,
            r#"{"error":{"type":"rate_limit_reached_error","message":"try again after 3 seconds"}}"#,
            Quota,
        ),
        (
            UpstreamKind::KimiMessages,
            403,
            r#"{"error":{"message":"You've reached your usage limit for this billing cycle."}}"#,
            Quota,
        ),
        (
            UpstreamKind::Kimi,
            402,
            r#"{"error":{"message":"We could not verify your membership"}}"#,
            Payment,
        ),
        (
            UpstreamKind::KimiMessages,
            403,
            r#"{"error":{"type":"access_terminated_error","message":"Kimi For Coding is currently only available for Coding Agents such as Kimi CLI."}}"#,
            Request,
        ),
        (
            UpstreamKind::Kimi,
            403,
            r#"{"error":{"message":"Access terminated"}}"#,
            Credential,
        ),
        (
            UpstreamKind::Kimi,
            404,
            r#"{"error":{"type":"resource_not_found_error","message":"Not found the model the-model or Permission denied"}}"#,
            Model,
        ),
        (UpstreamKind::Kimi, 403, "{}", Permission),
        (UpstreamKind::Kimi, 429, "{}", Quota),
        (
            UpstreamKind::Xai,
            400,
            r#"{"code":"Client specified an invalid argument","error":"Incorrect API key provided: xa***bc."}"#,
            Credential,
        ),
        (
            UpstreamKind::Xai,
            400,
            r#"{"code":"Client specified an invalid argument","error":"Model grok-4 does not support parameter reasoningEffort."}"#,
            Request,
        ),
        (
            UpstreamKind::Xai,
            403,
            r#"{"code":"permission-denied","error":"Your team has either used all available credits or reached its monthly spending limit."}"#,
            Payment,
        ),
        (
            UpstreamKind::Xai,
            429,
            r#"{"code":"x","error":"Your team has either used all available credits or reached its monthly spending limit."}"#,
            Payment,
        ),
        (UpstreamKind::Xai, 429, "{}", Quota),
    ] {
        assert_eq!(class(kind, status, body), expected, "{status} {body}");
    }
}

#[test]
fn kimi_says_how_long_to_wait() {
    let spent = r#"{"error":{"message":"usage limit for this period"}}"#;
    let busy = r#"{"error":{"type":"engine_overloaded_error"}}"#;
    let limited = r#"{"error":{"message":"please try again after 7 seconds"}}"#;
    let after: &[(&'static str, &str)] = &[("retry-after", "30")];
    for (headers, body, scope, pause) in [
        (
            &[][..],
            spent,
            Scope::Credential,
            Pause::Hint(seconds(3600)),
        ),
        (after, spent, Scope::Credential, Pause::Hint(seconds(30))),
        (&[], busy, Scope::Model, Pause::Fixed(seconds(10))),
        (after, busy, Scope::Model, Pause::Hint(seconds(30))),
        (&[], limited, Scope::Model, Pause::Hint(seconds(7))),
        (&[], "{}", Scope::Model, QUOTA_LADDER),
    ] {
        let fault = fault(UpstreamKind::KimiMessages, 429, headers, body);
        assert_eq!((fault.scope, fault.pause), (scope, pause), "{body}");
    }
}
