//! Requests to each kind of upstream.

use super::*;

#[test]
fn a_request_is_sent_unchanged() {
    let server = Server::answering(json_answer("{}"));
    for (kind, path) in [
        (UpstreamKind::Compat, "/chat/completions"),
        (UpstreamKind::Claude, "/v1/messages"),
        (UpstreamKind::Gemini, "/v1beta/models/m:generateContent"),
        (
            UpstreamKind::Vertex,
            "/v1/publishers/google/models/m:generateContent",
        ),
    ] {
        let base = server.base();
        assert_eq!(
            text(upstream().call(&call(kind, &base, BODY)).unwrap()),
            "{}"
        );
        let seen = server.next();
        assert_eq!(seen.line(), format!("POST {path} HTTP/1.1"));
        assert_eq!(seen.text(), BODY);
        assert_eq!(seen.header("content-type"), Some("application/json"));
        assert_eq!(seen.header("accept"), Some("application/json"));
        assert_eq!(seen.header("accept-encoding"), Some("identity"));
        assert_eq!(
            seen.header("host"),
            Some(server.address.to_string().as_str())
        );
        assert_eq!(seen.header("transfer-encoding"), None);
    }
}

#[test]
fn only_the_models_name_is_changed() {
    let server = Server::answering(json_answer("{}"));
    let base = server.base();
    for kind in [UpstreamKind::Compat, UpstreamKind::Claude] {
        let call = Call {
            model: "vendor/m \"1\"",
            ..call(kind, &base, BODY)
        };
        upstream().call(&call).unwrap();
        assert_eq!(
            server.next().text(),
            BODY.replace("\"m\"", r#""vendor/m \"1\"""#)
        );
    }
}

#[test]
fn every_kind_of_upstream_gets_its_authentication_header() {
    let server = Server::answering(json_answer("{}"));
    let base = server.base();
    for kind in [
        UpstreamKind::Gemini,
        UpstreamKind::Vertex,
        UpstreamKind::Claude,
        UpstreamKind::Compat,
    ] {
        let client = [
            ("Authorization", "Bearer client"),
            ("X-Api-Key", "client"),
            ("x-goog-api-key", "client"),
            ("Cookie", "client"),
            ("X-Forwarded-For", "client"),
            ("Accept-Encoding", "gzip"),
            ("x-holdfast-lane-peer", "client"),
        ];
        let call = Call {
            client_headers: &client,
            ..call(kind, &base, BODY)
        };
        upstream().call(&call).unwrap();
        let seen = server.next();
        assert!(!seen.head.contains("client"), "{}", seen.head);
        assert_eq!(seen.header("accept-encoding"), Some("identity"));
        let (google, bearer) = match kind {
            UpstreamKind::Gemini | UpstreamKind::Vertex => (Some("k-123"), None),
            _ => (None, Some("Bearer k-123")),
        };
        assert_eq!(seen.header("x-goog-api-key"), google);
        assert_eq!(seen.header("authorization"), bearer);
        assert_eq!(seen.header("x-api-key"), None);
    }
}

#[test]
fn client_headers_are_passed_to_their_vendor() {
    let server = Server::answering(json_answer("{}"));
    let base = server.base();
    let client = [
        ("User-Agent", "client/1"),
        ("anthropic-version", "2099-01-01"),
        ("anthropic-beta", "a, b"),
        ("anthropic-beta", "b,c"),
        ("X-Stainless-Os", "Linux"),
        ("x-goog-api-client", "gl"),
        ("originator", "o"),
    ];
    let claude = Call {
        client_headers: &client,
        ..call(
            UpstreamKind::Claude,
            &base,
            r#"{"betas":["c","d"],"model":"m"}"#,
        )
    };
    upstream().call(&claude).unwrap();
    let seen = server.next();
    assert_eq!(seen.header("user-agent"), Some("client/1"));
    assert_eq!(seen.header("anthropic-version"), Some("2099-01-01"));
    assert_eq!(seen.header("anthropic-beta"), Some("a,b,c,d"));
    assert_eq!(seen.header("x-stainless-os"), Some("Linux"));
    assert_eq!(seen.header("originator"), None);
    assert_eq!(seen.text(), r#"{"model":"m"}"#);

    let gemini = Call {
        client_headers: &client,
        ..call(UpstreamKind::Gemini, &base, "{}")
    };
    upstream().call(&gemini).unwrap();
    let seen = server.next();
    assert_eq!(seen.header("x-goog-api-client"), Some("gl"));
    assert_eq!(seen.header("anthropic-version"), None);

    upstream()
        .call(&call(UpstreamKind::Claude, &base, BODY))
        .unwrap();
    let seen = server.next();
    assert_eq!(seen.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(seen.header("anthropic-beta"), None);
    let product = format!("holdfast/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(seen.header("user-agent"), Some(product.as_str()));
}

#[test]
fn configured_headers_take_precedence_except_for_framing() {
    let server = Server::answering(stream_answer(&["data: {}\n\n"]));
    let base = server.base();
    let own = [
        ("Authorization", "Basic own"),
        ("user-agent", "own"),
        ("X-Extra", "yes"),
        ("Host", "evil"),
        ("content-length", "3"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
        ("Accept", "own"),
        ("Accept-Encoding", "gzip"),
        ("bad name", "x"),
        ("x-bad-value", "a\nb"),
    ];
    let mut call = streaming(&base);
    call.target.headers = &own;
    call.client_headers = &[("User-Agent", "client")];
    upstream().call(&call).unwrap();
    let seen = server.next();
    assert_eq!(seen.header("authorization"), Some("Basic own"));
    assert_eq!(seen.header("user-agent"), Some("own"));
    assert_eq!(seen.header("x-extra"), Some("yes"));
    assert_eq!(
        seen.header("host"),
        Some(server.address.to_string().as_str())
    );
    assert_eq!(seen.header("transfer-encoding"), None);
    assert_eq!(seen.header("connection"), None);
    assert_eq!(seen.header("accept"), Some("text/event-stream"));
    assert_eq!(seen.header("cache-control"), Some("no-cache"));
    assert_eq!(seen.header("accept-encoding"), Some("identity"));
    assert_eq!(seen.text(), BODY);
}

#[test]
fn header_defaults_apply_to_missing_headers() {
    let server = Server::answering(json_answer("{}"));
    let base = server.base();
    let defaults = [
        ("user-agent", "default/1.0".to_owned()),
        ("x-stainless-os", "Default  OS".to_owned()),
        ("x-stainless-arch", "default".to_owned()),
        ("x-stainless-timeout", "600".to_owned()),
    ];
    let mut call = call(UpstreamKind::Claude, &base, BODY);
    call.target.defaults = &defaults;
    call.target.headers = &[("X-Stainless-Timeout", "own")];
    call.client_headers = &[("X-Stainless-Arch", "client")];
    upstream().call(&call).unwrap();
    let seen = server.next();
    assert_eq!(seen.header("user-agent"), Some("default/1.0"));
    assert_eq!(seen.header("x-stainless-os"), Some("Default  OS"));
    assert_eq!(seen.header("x-stainless-arch"), Some("client"));
    assert_eq!(seen.header("x-stainless-timeout"), Some("own"));

    call.client_headers = &[("User-Agent", "client/2")];
    upstream().call(&call).unwrap();
    assert_eq!(server.next().header("user-agent"), Some("client/2"));

    call.target.defaults = &[];
    call.client_headers = &[];
    upstream().call(&call).unwrap();
    let seen = server.next();
    let product = concat!("holdfast/", env!("CARGO_PKG_VERSION"));
    assert_eq!(seen.header("user-agent"), Some(product));
    assert_eq!(seen.header("x-stainless-os"), None);
}

#[test]
fn urls_are_built_from_parts() {
    let server = Server::answering(json_answer("{}"));
    let base = format!("{}/in/here/", server.base());
    let google = |action, stream, alt| Call {
        action,
        stream,
        alt,
        model: "a/b c",
        ..call(UpstreamKind::Gemini, &base, "{}")
    };
    for (call, method) in [
        (google(Action::Generate, false, None), "generateContent"),
        (
            google(Action::Generate, true, None),
            "streamGenerateContent?alt=sse",
        ),
        (
            google(Action::Generate, true, Some("json")),
            "streamGenerateContent?alt=sse",
        ),
        (
            google(Action::Generate, false, Some("a&b")),
            "generateContent?$alt=a%26b",
        ),
        (google(Action::Count, false, Some("json")), "countTokens"),
    ] {
        upstream().call(&call).unwrap();
        let expected = format!("POST /in/here/v1beta/models/a/b%20c:{method} HTTP/1.1");
        assert_eq!(server.next().line(), expected);
    }
    let count = Call {
        action: Action::Count,
        ..call(UpstreamKind::Claude, &base, BODY)
    };
    upstream().call(&count).unwrap();
    assert_eq!(
        server.next().line(),
        "POST /in/here/v1/messages/count_tokens HTTP/1.1"
    );
}

#[test]
fn gemini_bodies_lose_only_their_session_id() {
    let server = Server::answering(json_answer("{}"));
    let base = server.base();
    let body = r#"{"contents":[{"session_id":1}],"session_id":"s","model":"models/x"}"#;
    let call = Call {
        model: "gemini-y",
        ..call(UpstreamKind::Gemini, &base, body)
    };
    upstream().call(&call).unwrap();
    let expected = r#"{"contents":[{"session_id":1}],"model":"models/gemini-y"}"#;
    assert_eq!(server.next().text(), expected);
}

#[test]
fn unsupported_actions_fail_without_a_call() {
    for (kind, action) in [
        (UpstreamKind::Gemini, Action::Compact),
        (UpstreamKind::Vertex, Action::Compact),
        (UpstreamKind::Claude, Action::Compact),
        (UpstreamKind::Compat, Action::Count),
    ] {
        let call = Call {
            action,
            ..call(kind, "http://127.0.0.1:1", BODY)
        };
        let failure = failed(&call);
        assert_eq!(failure.kind, FailureKind::Unsupported);
        assert_eq!(failure.status, Some(501));
    }
}
