//! Routes of request targets.

use holdfast::unversioned::http::route::{GeminiMethod, Resolved, Route, StoredOperation, resolve};
use holdfast::unversioned::wire::Dialect;
use proptest::prelude::*;

fn route<'t>(method: &str, target: &'t str) -> Route<'t> {
    match resolve(method, target) {
        Resolved::Serve { route, .. } => route,
        other => panic!("{method} {target}: {other:?}"),
    }
}

fn gemini(model: &str, method: GeminiMethod) -> Route<'_> {
    Route::Gemini {
        model: model.into(),
        method,
    }
}

fn stored(operation: StoredOperation) -> Route<'static> {
    Route::Stored {
        id: "resp_1".into(),
        operation,
    }
}

#[test]
fn every_route() {
    use GeminiMethod::{CountTokens, GenerateContent, StreamGenerateContent};
    for (method, target, expected, dialect) in [
        ("GET", "/", Route::Root, Dialect::Chat),
        ("GET", "/healthz", Route::Health, Dialect::Chat),
        ("HEAD", "/healthz", Route::Health, Dialect::Chat),
        ("GET", "/v1/models", Route::Models, Dialect::Chat),
        (
            "GET",
            "/v1/models/gpt-5",
            Route::Model("gpt-5".into()),
            Dialect::Chat,
        ),
        (
            "GET",
            "/v1/models/team/gpt-5",
            Route::Model("team/gpt-5".into()),
            Dialect::Chat,
        ),
        (
            "GET",
            "/v1/models/team%2Fgpt-5",
            Route::Model("team/gpt-5".into()),
            Dialect::Chat,
        ),
        (
            "POST",
            "/v1/chat/completions",
            Route::ChatCompletions,
            Dialect::Chat,
        ),
        ("POST", "/v1/messages", Route::Messages, Dialect::Messages),
        (
            "POST",
            "/v1/messages/count_tokens",
            Route::CountTokens,
            Dialect::Messages,
        ),
        (
            "POST",
            "/v1/responses",
            Route::Responses,
            Dialect::Responses,
        ),
        (
            "POST",
            "/v1/responses/compact",
            Route::Compact,
            Dialect::Responses,
        ),
        (
            "POST",
            "/v1/responses/input_tokens",
            Route::InputTokens,
            Dialect::Responses,
        ),
        (
            "GET",
            "/v1/responses/resp_1",
            stored(StoredOperation::Answer),
            Dialect::Responses,
        ),
        (
            "GET",
            "/v1/responses/resp_1/input_items?limit=3",
            stored(StoredOperation::InputItems),
            Dialect::Responses,
        ),
        (
            "DELETE",
            "/v1/responses/resp%5F1",
            stored(StoredOperation::Delete),
            Dialect::Responses,
        ),
        (
            "POST",
            "/v1/responses/resp_1/cancel",
            stored(StoredOperation::Cancel),
            Dialect::Responses,
        ),
        (
            "POST",
            "/backend-api/codex/responses",
            Route::Responses,
            Dialect::Responses,
        ),
        (
            "POST",
            "/backend-api/codex/responses/compact",
            Route::Compact,
            Dialect::Responses,
        ),
        (
            "GET",
            "/v1beta/models",
            Route::GeminiModels,
            Dialect::Gemini,
        ),
        (
            "GET",
            "/v1beta/models/models/g",
            Route::GeminiModel("models/g".into()),
            Dialect::Gemini,
        ),
        (
            "POST",
            "/v1beta/models/g:generateContent",
            gemini("g", GenerateContent),
            Dialect::Gemini,
        ),
        (
            "POST",
            "/v1beta/models/a/b(high):streamGenerateContent",
            gemini("a/b(high)", StreamGenerateContent),
            Dialect::Gemini,
        ),
        (
            "POST",
            "/v1beta/models/kimi-k2:free:countTokens",
            gemini("kimi-k2:free", CountTokens),
            Dialect::Gemini,
        ),
        (
            "POST",
            "/v1beta/models/a%2Fb%28high%29%3AgenerateContent",
            gemini("a/b(high)", GenerateContent),
            Dialect::Gemini,
        ),
        (
            "POST",
            "/v1beta/models/%E6%A8%A1:generateContent",
            gemini("模", GenerateContent),
            Dialect::Gemini,
        ),
        (
            "POST",
            "http://host:1/v1/messages",
            Route::Messages,
            Dialect::Messages,
        ),
        ("GET", "HTTPS://host", Route::Root, Dialect::Chat),
        // A base URL with two versions, or without one.
        ("GET", "/v1/v1/models", Route::Models, Dialect::Chat),
        ("GET", "/models", Route::Models, Dialect::Chat),
        ("GET", "/models/m", Route::Model("m".into()), Dialect::Chat),
        (
            "GET",
            "/v1/v1beta/models",
            Route::GeminiModels,
            Dialect::Gemini,
        ),
        (
            "POST",
            "/v1/v1/messages",
            Route::Messages,
            Dialect::Messages,
        ),
        (
            "POST",
            "/v1/v1/v1/responses",
            Route::Responses,
            Dialect::Responses,
        ),
        (
            "POST",
            "/v1beta/v1/chat/completions",
            Route::ChatCompletions,
            Dialect::Chat,
        ),
        (
            "POST",
            "/chat/completions",
            Route::ChatCompletions,
            Dialect::Chat,
        ),
        (
            "POST",
            "/messages/count_tokens",
            Route::CountTokens,
            Dialect::Messages,
        ),
        (
            "POST",
            "/models/g:generateContent",
            gemini("g", GenerateContent),
            Dialect::Gemini,
        ),
        (
            "POST",
            "/v1/v1beta/models/g:generateContent",
            gemini("g", GenerateContent),
            Dialect::Gemini,
        ),
    ] {
        let found = route(method, target);
        assert_eq!(found, expected, "{method} {target}");
        assert_eq!(found.dialect(), dialect, "{method} {target}");
    }
}

#[test]
fn unknown_targets_are_not_found() {
    let long = format!("/v1/models/{}", "m".repeat(600));
    for (method, target) in [
        ("GET", "/v1"),
        ("GET", "/v1/v1"),
        ("GET", "/v1models"),
        ("GET", "/v1/models/v1/.."),
        ("GET", "/models/.."),
        ("POST", "/v1beta/messages"),
        ("POST", "/models/..:generateContent"),
        ("GET", "/V1/models"),
        ("GET", "//v1/models"),
        ("GET", "/v1//models"),
        ("GET", "/v1/models//"),
        ("GET", "/v1/./models"),
        ("GET", "/x/../v1/models"),
        ("GET", "/%76%31/models"),
        ("POST", "/v1/chat%2Fcompletions"),
        ("GET", "/v1/models/.."),
        ("GET", "/v1/models/../healthz"),
        ("GET", "/v1/models/%2e%2e/healthz"),
        ("GET", "/v1/models/%2E./x"),
        ("GET", "/v1/models/..%2fx"),
        ("GET", "/v1/models/..%5cx"),
        ("GET", "/v1/models/%252e%252e"),
        ("GET", "/v1/models/a%00b"),
        ("GET", "/v1/models/a%0d%0ab"),
        ("GET", "/v1/models/%ff"),
        ("GET", "/v1/models/%20"),
        ("GET", long.as_str()),
        ("POST", "/v1beta/models/../v1/files:generateContent"),
        ("POST", "/v1beta/models/..:generateContent"),
        ("POST", "/v1beta/models/:generateContent"),
        ("POST", "/v1beta/models/(high):generateContent"),
        ("POST", "/v1beta/models/a%2f%2e%2e%2fb:countTokens"),
        ("GET", "ftp://host/healthz"),
        ("GET", "/v1/responses/"),
        ("GET", "/v1/responses/.."),
        ("GET", "/v1/responses/%2e%2e"),
        ("GET", "/v1/responses/a%2Fb"),
        ("GET", "/v1/responses/a/b"),
        ("GET", "/v1/responses/a%20b"),
        ("GET", "/v1/responses//input_items"),
        ("GET", "/healthz#top"),
        ("GET", "*"),
        ("CONNECT", "host:443"),
    ] {
        assert_eq!(
            resolve(method, target),
            Resolved::NotFound,
            "{method} {target}"
        );
    }
}

#[test]
fn known_paths_list_their_methods() {
    const GET: &str = "GET, HEAD, OPTIONS";
    const POST: &str = "POST, OPTIONS";
    for (target, allow, dialect) in [
        ("/", GET, Dialect::Chat),
        ("/healthz?x", GET, Dialect::Chat),
        ("/v1/models", GET, Dialect::Chat),
        ("/v1/models/a/b", GET, Dialect::Chat),
        ("/v1/chat/completions", POST, Dialect::Chat),
        ("/v1/completions", POST, Dialect::Chat),
        ("/v1/messages?beta=true", POST, Dialect::Messages),
        ("/v1/messages/count_tokens", POST, Dialect::Messages),
        ("/v1/responses", POST, Dialect::Responses),
        ("/v1/responses/compact", POST, Dialect::Responses),
        ("/v1/responses/input_tokens", POST, Dialect::Responses),
        ("/v1/responses/resp_1/input_items", GET, Dialect::Responses),
        ("/v1/responses/resp_1/cancel", POST, Dialect::Responses),
        ("/backend-api/codex/responses", POST, Dialect::Responses),
        ("/v1beta/models", GET, Dialect::Gemini),
        ("/v1beta/models/g", GET, Dialect::Gemini),
        ("/v1beta/models/g:embedContent", GET, Dialect::Gemini),
        (
            "/v1beta/models/g:generateContent",
            "GET, HEAD, POST, OPTIONS",
            Dialect::Gemini,
        ),
        ("/v1internal:generateContent", POST, Dialect::Gemini),
    ] {
        for method in ["PUT", "DELETE", "PATCH", "TRACE", "get", "BREW"] {
            let Resolved::NotAllowed(known) = resolve(method, target) else {
                panic!("{method} {target}");
            };
            assert_eq!(known.allow, allow, "{method} {target}");
            assert_eq!(known.route.dialect(), dialect, "{method} {target}");
        }
        for method in ["GET", "HEAD", "POST"] {
            let is_allowed = allow.split(", ").any(|allowed| allowed == method);
            let is_served = matches!(resolve(method, target), Resolved::Serve { .. });
            let is_unknown_method = method == "POST" && target.contains("/models/");
            assert_eq!(
                is_served,
                is_allowed || is_unknown_method,
                "{method} {target}"
            );
        }
        let known = match resolve("OPTIONS", target) {
            Resolved::Preflight { known } => known.map(|known| known.allow),
            other => panic!("{other:?}"),
        };
        assert_eq!(known, Some(allow), "{target}");
    }
}

#[test]
fn the_host_of_an_absolute_target_is_found() {
    use holdfast::unversioned::http::route::authority;
    for (target, expected) in [
        ("/v1/models", None),
        ("*", None),
        ("/x://host/", None),
        ("ftp://host/", None),
        ("http://host", Some("host")),
        ("HTTP://host:80/v1/models", Some("host:80")),
        ("https://a@b/?x", Some("a@b")),
        ("http://host?x=/", Some("host")),
        ("http:///v1/models", Some("")),
    ] {
        assert_eq!(authority(target), expected, "{target}");
    }
}

#[test]
fn unknown_gemini_methods_name_their_path() {
    for path in [
        "/v1beta/models/g",
        "/v1beta/models/g:embedContent",
        "/v1beta/models/g:GenerateContent",
    ] {
        assert_eq!(route("POST", path), Route::UnknownGeminiMethod { path });
    }
}

#[test]
fn a_trailing_slash_is_redirected() {
    for (method, target, status, location) in [
        ("GET", "/healthz/", 301, "/healthz"),
        ("HEAD", "/healthz/", 301, "/healthz"),
        ("GET", "/v1/models/", 301, "/v1/models"),
        ("GET", "/v1/models/a/b/", 301, "/v1/models/a/b"),
        ("GET", "/v1beta/models/?key=k", 301, "/v1beta/models?key=k"),
        (
            "POST",
            "/v1/messages/?beta=true",
            307,
            "/v1/messages?beta=true",
        ),
        (
            "POST",
            "/v1beta/models/g:generateContent/",
            307,
            "/v1beta/models/g:generateContent",
        ),
    ] {
        let location = location.to_owned();
        assert_eq!(
            resolve(method, target),
            Resolved::Redirect { status, location }
        );
    }
    assert_eq!(resolve("POST", "/healthz/"), Resolved::NotFound);
}

#[test]
fn preflights_are_answered_anywhere() {
    for (target, is_known) in [
        ("/", true),
        ("*", false),
        ("/v1/messages", true),
        ("/no/such/path", false),
    ] {
        let Resolved::Preflight { known } = resolve("OPTIONS", target) else {
            panic!("{target}");
        };
        assert_eq!(known.is_some(), is_known, "{target}");
    }
}

#[test]
fn the_query_is_kept() {
    let Resolved::Serve { query, .. } = resolve("POST", "/v1/messages?beta=true&key=a?b") else {
        panic!("a route");
    };
    assert_eq!(query.first("key").as_deref(), Some("a?b"));
}

/// Targets similar to real ones, and random ones.
fn targets() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "/",
        "v1",
        "v1beta",
        "models",
        "healthz",
        "messages",
        "responses",
        "backend-api",
        "codex",
        "..",
        ".",
        "%2e",
        "%2F",
        "%3A",
        ":",
        "generateContent",
        "gpt-5",
        "(high)",
        "?",
        "key=k",
        "http://",
        "%",
        "é",
        "#",
    ]);
    prop_oneof![
        prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat()),
        ".{0,40}",
    ]
}

proptest! {
    #[test]
    fn only_post_is_a_generation(
        method in prop::sample::select(vec!["GET", "HEAD", "POST", "OPTIONS", "PUT"]),
        target in targets(),
    ) {
        match resolve(method, &target) {
            Resolved::Serve { route, .. } => prop_assert!(method == "POST" || !route.is_generation()),
            Resolved::Preflight { .. } => prop_assert_eq!(method, "OPTIONS"),
            Resolved::Redirect { location, .. } => {
                prop_assert!(location.starts_with('/') && !location.starts_with("//"));
            }
            Resolved::NotAllowed(_) | Resolved::NotFound => {}
        }
    }

    #[test]
    fn head_is_served_where_get_is(target in targets()) {
        prop_assert_eq!(resolve("HEAD", &target), resolve("GET", &target));
    }

    #[test]
    fn model_names_contain_no_path_traversal(method in "GET|POST", target in targets()) {
        if let Resolved::Serve {
            route: Route::Model(name) | Route::GeminiModel(name) | Route::Gemini { model: name, .. },
            ..
        } = resolve(&method, &target)
        {
            prop_assert!(!name.split('/').any(|segment| matches!(segment, "" | "." | "..")));
            prop_assert!(!name.contains(['\\', '\r', '\n', '\0']));
        }
    }
}
