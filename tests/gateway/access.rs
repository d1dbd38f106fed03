//! Client authentication and the format of refusals.

use std::net::SocketAddr;

use holdfast::unversioned::demo::Upstreams;
use holdfast::{Gateway, Running, StartError};
use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::harness::{ALL, Dialect, KEY, Setup, configuration, parse};

const ORIGIN: &str = "access-control-allow-origin";

fn start(text: &str) -> Running {
    Gateway::start(parse(text)).unwrap()
}

/// A gateway without client keys.
fn keyless(more: &str) -> Setup {
    let upstreams = Upstreams::start().unwrap();
    let text = configuration(upstreams.address(), &super::harness::Options::default());
    let text = text
        .replace("host: 127.0.0.1\n", "")
        .replace(&format!("api-keys: [{KEY}, other-key]"), more);
    Setup::configured(upstreams, &text)
}

/// Its port on the loopback address.
fn local(gateway: &Running) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], gateway.address().port()))
}

fn call(gateway: &Running, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut client = Client::connect(local(gateway));
    client.send(method, path, headers, b"");
    match method {
        "HEAD" => Answer {
            head: client.head(),
            body: Vec::new(),
            complete: true,
        },
        _ => client.answer(),
    }
}

fn models(gateway: &Running, headers: &[(&str, &str)]) -> u16 {
    call(gateway, "GET", "/v1/models", headers).status()
}

/// Checks the format of an error in its dialect.
fn assert_shape(dialect: Dialect, answer: &Answer, status: u16, [kind, code, google]: [&str; 3]) {
    let body = answer.json();
    let shown = format!("{dialect:?} {body}");
    assert_eq!(answer.status(), status, "{shown}");
    assert_eq!(
        answer.header("content-type"),
        Some("application/json"),
        "{shown}"
    );
    let error = &body["error"];
    assert!(!error["message"].as_str().unwrap().is_empty(), "{shown}");
    match dialect {
        Dialect::Chat | Dialect::Responses => {
            let members: Vec<&String> = error.as_object().unwrap().keys().collect();
            assert_eq!(members, ["message", "type", "param", "code"], "{shown}");
            assert_eq!(error["code"], code, "{shown}");
            let is_permission = status == 403;
            let kind = if is_permission {
                "permission_error"
            } else {
                "invalid_request_error"
            };
            assert_eq!(error["type"], kind, "{shown}");
        }
        Dialect::Messages => {
            assert_eq!(body["type"], "error", "{shown}");
            assert_eq!(error["type"], kind, "{shown}");
        }
        Dialect::Gemini => {
            assert_eq!(error["code"], status, "{shown}");
            assert_eq!(error["status"], google, "{shown}");
        }
    }
}

#[test]
fn lost_keys_refuse_every_request() {
    for host in ["", "host: 127.0.0.1\n", "host: 0.0.0.0\n"] {
        for keys in [
            "['']",
            "[null]",
            "['', ' ']",
            "['${HOLDFAST_NO_SUCH:-}']",
            "${HOLDFAST_NO_SUCH:-}",
        ] {
            let lost = format!("{host}port: 0\napi-keys: {keys}\n");
            let gateway = start(&lost);
            for headers in [
                &[][..],
                &[("X-Api-Key", "")],
                &[("X-Api-Key", " ")],
                &[("Authorization", "Bearer ")],
                &[("Authorization", "Bearer k")],
            ] {
                assert_eq!(models(&gateway, headers), 401, "{lost} {headers:?}");
            }
            assert_eq!(call(&gateway, "GET", "/v1/models?key=", &[]).status(), 401);
            assert_eq!(call(&gateway, "GET", "/healthz", &[]).status(), 200);
            gateway.stop();

            // A reload keeps the previous keys, and applies everything else.
            let gateway = start(&format!("{host}port: 0\napi-keys: [k]\n"));
            gateway.reload(parse(&lost));
            let statuses =
                |keys: [&str; 3]| keys.map(|key| models(&gateway, &[("X-Api-Key", key)]));
            assert_eq!(statuses(["k", "", "other"]), [200, 401, 401], "{lost}");
            gateway.reload(parse(&format!("{host}port: 0\napi-keys: [new]\n")));
            assert_eq!(statuses(["new", "", "k"]), [200, 401, 401], "{lost}");
            gateway.stop();
        }
    }
    // Without previous keys there is nothing to keep.
    let gateway = start("port: 0\n");
    assert_eq!(models(&gateway, &[]), 200);
    gateway.reload(parse("port: 0\napi-keys: ['']\n"));
    assert_eq!(models(&gateway, &[]), 401);
    gateway.stop();
}

#[test]
fn without_keys_it_listens_on_loopback_only() {
    for none in [
        "",
        "api-keys: []\n",
        "api-keys:\n",
        "host: ''\n",
        "allow-anonymous: false\n",
    ] {
        let gateway = start(&format!("port: 0\n{none}"));
        let addresses = gateway.addresses();
        assert!(
            addresses.iter().all(|at| at.ip().is_loopback()),
            "{none} {addresses:?}"
        );
        assert!(addresses.iter().all(|at| at.port() == addresses[0].port()));
        assert_eq!(addresses[0].ip().to_string(), "127.0.0.1");
        assert_eq!(models(&gateway, &[]), 200);
        gateway.stop();
    }
    // The same for a configuration that an embedding program builds.
    let mut config = parse("port: 0\napi-keys: [k]\nhost: 0.0.0.0\n");
    config.api_keys = holdfast::config::ClientKeys::NotConfigured;
    let refused = Gateway::start(config.clone()).err().unwrap();
    assert!(
        matches!(refused, StartError::Unprotected { .. }),
        "{refused}"
    );
    // A reload without keys does not open a gateway that other hosts can reach.
    let gateway = start("port: 0\napi-keys: [k]\n");
    assert!(gateway.address().ip().is_unspecified());
    gateway.reload(parse("port: 0\n"));
    assert_eq!(
        [
            models(&gateway, &[]),
            models(&gateway, &[("X-Api-Key", "k")])
        ],
        [401, 200]
    );
    gateway.reload(config);
    assert_eq!(
        [
            models(&gateway, &[]),
            models(&gateway, &[("X-Api-Key", "k")])
        ],
        [401, 200]
    );
    gateway.stop();
    // On loopback, removing the keys is accepted.
    let gateway = start("host: 127.0.0.1\nport: 0\napi-keys: [k]\n");
    gateway.reload(parse("host: 127.0.0.1\nport: 0\n"));
    assert_eq!(models(&gateway, &[]), 200);
    gateway.stop();
}

#[test]
fn allow_anonymous_serves_all_hosts() {
    let gateway = start("port: 0\nallow-anonymous: true\n");
    assert!(gateway.address().ip().is_unspecified());
    for (headers, status) in [
        (&[][..], 200),
        (&[("Host", "gateway.example")], 200),
        (
            &[
                ("Host", "gateway.example"),
                ("Origin", "http://gateway.example"),
            ],
            403,
        ),
        (&[("Origin", "https://evil.example")], 403),
        (&[("Origin", "null")], 403),
        (&[("Origin", "http://localhost:3000")], 200),
    ] {
        assert_eq!(models(&gateway, headers), status, "{headers:?}");
    }
    // Reloads can add and remove keys.
    gateway.reload(parse("port: 0\napi-keys: [k]\n"));
    assert_eq!(models(&gateway, &[]), 401);
    gateway.reload(parse("port: 0\nallow-anonymous: true\n"));
    assert_eq!(models(&gateway, &[]), 200);
    gateway.stop();
}

#[test]
fn without_keys_web_pages_are_refused() {
    let setup = keyless("");
    let ask = |dialect: Dialect, headers: &[(&str, &str)]| {
        let body = dialect.body(&["hello"], false);
        setup
            .client()
            .call("POST", &dialect.path(false), headers, &body)
    };
    let words = |code| ["permission_error", code, "PERMISSION_DENIED"];
    for dialect in ALL {
        let answer = ask(dialect, &[("Origin", "http://localhost:3000")]);
        assert_eq!((answer.status(), answer.header(ORIGIN)), (200, Some("*")));
    }
    let served = setup.records().len();
    for dialect in ALL {
        for (headers, code) in [
            (
                vec![("Origin", "https://evil.example")],
                "origin_not_allowed",
            ),
            (
                vec![("Origin", "null"), ("Content-Type", "text/plain")],
                "origin_not_allowed",
            ),
            (vec![("Sec-Fetch-Site", "cross-site")], "origin_not_allowed"),
            (vec![("Host", "evil.example")], "host_not_allowed"),
            (
                vec![
                    ("Host", "evil.example:8317"),
                    ("Origin", "http://evil.example:8317"),
                ],
                "host_not_allowed",
            ),
            (
                vec![
                    ("Origin", "http://localhost"),
                    ("Origin", "https://evil.example"),
                ],
                "origin_not_allowed",
            ),
        ] {
            let answer = ask(dialect, &headers);
            assert_shape(dialect, &answer, 403, words(code));
            assert_eq!(answer.header(ORIGIN), None, "{headers:?}");
        }
    }
    assert_eq!(setup.records().len(), served);
    // Also for preflights, redirects, public routes and unknown paths, there in plain JSON.
    for (method, path) in [
        ("OPTIONS", "/v1/messages"),
        ("OPTIONS", "/nowhere"),
        ("GET", "/"),
        ("GET", "/healthz"),
        ("HEAD", "/healthz"),
        ("GET", "/v1/models/"),
        ("GET", "/nowhere"),
        ("PUT", "/v1/models"),
        ("POST", "/v1internal:generateContent"),
    ] {
        let headers = [
            ("Origin", "https://evil.example"),
            ("Access-Control-Request-Method", "POST"),
        ];
        let answer = call(setup.gateway(), method, path, &headers);
        assert_eq!(
            (answer.status(), answer.header(ORIGIN)),
            (403, None),
            "{method} {path}"
        );
        if path == "/nowhere" {
            assert!(answer.json()["error"].is_string(), "{}", answer.text());
        }
        let own = call(
            setup.gateway(),
            method,
            path,
            &[("Origin", "http://127.0.0.1:1")],
        );
        assert_eq!(own.header(ORIGIN), Some("*"), "{method} {path}");
    }
    // HTTP/1.0 does not require a Host.
    for (head, status) in [
        (
            "GET http://localhost/v1/models HTTP/1.1\r\nHost: localhost",
            200,
        ),
        ("GET /v1/models HTTP/1.0", 200),
        ("GET /v1/models HTTP/1.0\r\nHost: evil.example", 403),
    ] {
        let mut client = setup.client();
        client.send_raw(format!("{head}\r\nConnection: close\r\n\r\n").as_bytes());
        assert_eq!(client.answer().status(), status, "{head}");
    }
    setup.stop();
}

#[test]
fn with_keys_every_origin_has_cors_headers() {
    let setup = Setup::new();
    for headers in [
        &[
            ("Origin", "https://page.example"),
            ("Host", "gateway.example"),
            ("X-Api-Key", KEY),
        ][..],
        &[("Origin", "null"), ("Host", "x"), ("X-Api-Key", KEY)],
    ] {
        let answer = call(setup.gateway(), "GET", "/v1/models", headers);
        assert_eq!((answer.status(), answer.header(ORIGIN)), (200, Some("*")));
        let refused = call(setup.gateway(), "GET", "/v1/models", &headers[..2]);
        assert_eq!((refused.status(), refused.header(ORIGIN)), (401, Some("*")));
    }
    setup.stop();
}

#[test]
fn an_invalid_key_is_reported_in_the_clients_dialect() {
    let setup = Setup::new();
    let words = ["authentication_error", "invalid_api_key", "UNAUTHENTICATED"];
    for dialect in ALL {
        for headers in [&[][..], &[("X-Api-Key", "wrong")]] {
            for streams in [false, true] {
                let body = dialect.body(&["hello"], streams);
                let answer = setup
                    .client()
                    .call("POST", &dialect.path(streams), headers, &body);
                assert_shape(dialect, &answer, 401, words);
            }
        }
    }
    for (path, headers, dialect) in [
        ("/v1/models", &[][..], Dialect::Chat),
        (
            "/v1/models/m",
            &[("anthropic-version", "2023-06-01")],
            Dialect::Messages,
        ),
        (
            "/v1/models",
            &[("anthropic-version", "2023-06-01")],
            Dialect::Messages,
        ),
        ("/v1beta/models", &[], Dialect::Gemini),
        ("/v1beta/models/m", &[], Dialect::Gemini),
    ] {
        let answer = call(setup.gateway(), "GET", path, headers);
        assert_shape(dialect, &answer, 401, words);
    }
    // Unknown paths have no dialect.
    for (method, path, key, status) in [
        ("GET", "/nowhere", Some("wrong"), 401),
        ("POST", "/v1/nowhere?x=y", Some("wrong"), 401),
        ("HEAD", "/nowhere", Some("wrong"), 401),
        ("GET", "/nowhere?key=wrong", None, 401),
        ("GET", "/nowhere?key=client-key", Some("wrong"), 404),
        ("GET", "/nowhere", Some("client-key"), 404),
        ("GET", "/nowhere", None, 404),
        ("OPTIONS", "/nowhere", Some("wrong"), 204),
    ] {
        let headers: Vec<_> = key.map(|key| ("X-Api-Key", key)).into_iter().collect();
        let mut client = setup.client();
        if method == "HEAD" {
            client.send(method, path, &headers, b"");
            assert_eq!(client.head().status, status, "{path} {key:?}");
            continue;
        }
        let answer = client.call(method, path, &headers, b"");
        assert_eq!(answer.status(), status, "{method} {path} {key:?}");
        if status == 401 {
            let said = answer.json()["error"].to_string();
            assert!(said.starts_with("\"Invalid API key: "), "{path} {said}");
        }
    }
    assert!(setup.records().is_empty());
    setup.stop();
}

#[test]
fn example_keys_are_reported_in_the_clients_dialect() {
    let gateway = start("host: 127.0.0.1\nport: 0\napi-keys: [mine, your-api-key-2]\n");
    let words = [
        "permission_error",
        "unsafe_example_api_key",
        "PERMISSION_DENIED",
    ];
    for dialect in ALL {
        let mut client = Client::connect(gateway.address());
        let body = dialect.body(&["hello"], false);
        let answer = client.call(
            "POST",
            &dialect.path(false),
            &[("X-Api-Key", "mine")],
            &body,
        );
        assert_shape(dialect, &answer, 403, words);
        assert_eq!(answer.header(ORIGIN), Some("*"));
    }
    gateway.stop();
}

#[test]
fn an_unknown_model_is_not_found_and_similar_ones_are_named() {
    let setup = Setup::new();
    let words = ["not_found_error", "model_not_found", "NOT_FOUND"];
    let assert_told = |dialect: Dialect, answer: &Answer, near: bool| {
        assert_shape(dialect, answer, 404, words);
        let message = answer.json()["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(
            message.contains("my-mesages") || message.contains("zzz"),
            "{message}"
        );
        assert_eq!(
            message.contains("did you mean `my-messages`"),
            near,
            "{message}"
        );
    };
    for dialect in ALL {
        for (name, near) in [("my-mesages", true), ("zzz", false)] {
            for streams in [false, true] {
                let path = dialect.path(streams).replace(&dialect.model(), name);
                let body = String::from_utf8(dialect.body(&["hello"], streams)).unwrap();
                let body = body.replace(&dialect.model(), name);
                let key = [("X-Api-Key", KEY)];
                let answer = setup.client().call("POST", &path, &key, body.as_bytes());
                assert_told(dialect, &answer, near);
            }
        }
    }
    for (path, more, dialect) in [
        ("/v1/models/my-mesages", None, Dialect::Chat),
        (
            "/v1/models/my-mesages",
            Some(("anthropic-version", "x")),
            Dialect::Messages,
        ),
        ("/v1beta/models/my-mesages", None, Dialect::Gemini),
        ("/v1beta/models/models/my-mesages", None, Dialect::Gemini),
    ] {
        let mut headers = vec![("X-Api-Key", KEY)];
        headers.extend(more);
        let answer = call(setup.gateway(), "GET", path, &headers);
        assert_told(dialect, &answer, true);
    }
    assert!(setup.records().is_empty());
    setup.stop();
}

#[test]
fn a_wrong_method_is_reported_in_the_clients_dialect() {
    let setup = Setup::new();
    let words = [
        "invalid_request_error",
        "method_not_allowed",
        "INVALID_ARGUMENT",
    ];
    for (method, path, dialect, allow) in [
        (
            "GET",
            "/v1/chat/completions",
            Dialect::Chat,
            "POST, OPTIONS",
        ),
        ("GET", "/v1/messages", Dialect::Messages, "POST, OPTIONS"),
        (
            "PUT",
            "/v1/messages/count_tokens",
            Dialect::Messages,
            "POST, OPTIONS",
        ),
        ("GET", "/v1/responses", Dialect::Responses, "POST, OPTIONS"),
        (
            "DELETE",
            "/v1/models/m",
            Dialect::Chat,
            "GET, HEAD, OPTIONS",
        ),
        ("POST", "/v1/models", Dialect::Chat, "GET, HEAD, OPTIONS"),
        ("POST", "/healthz", Dialect::Chat, "GET, HEAD, OPTIONS"),
        (
            "PATCH",
            "/v1beta/models",
            Dialect::Gemini,
            "GET, HEAD, OPTIONS",
        ),
        (
            "PUT",
            "/v1beta/models/m:generateContent",
            Dialect::Gemini,
            "GET, HEAD, POST, OPTIONS",
        ),
    ] {
        for headers in [&[][..], &[("X-Api-Key", KEY)]] {
            let answer = call(setup.gateway(), method, path, headers);
            assert_shape(dialect, &answer, 405, words);
            assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
        }
        let options = call(setup.gateway(), "OPTIONS", path, &[]);
        assert_eq!(
            (options.status(), options.header("allow")),
            (204, Some(allow)),
            "{path}"
        );
    }
    let head = call(setup.gateway(), "HEAD", "/v1/messages", &[]);
    assert_eq!(
        (head.status(), head.header("allow")),
        (405, Some("POST, OPTIONS"))
    );
    setup.stop();
}

#[test]
fn head_is_get_without_a_body() {
    let setup = Setup::new();
    let key = [("X-Api-Key", KEY)];
    for (path, headers) in [
        ("/", &[][..]),
        ("/healthz", &[]),
        ("/healthz/", &[]),
        ("/v1/models", &key),
        ("/v1/models", &[]),
        (
            "/v1/models",
            &[("X-Api-Key", KEY), ("anthropic-version", "x")],
        ),
        ("/v1/models/my-chat", &key),
        ("/v1/models/none", &key),
        ("/v1beta/models", &key),
        ("/v1beta/models/my-gemini", &key),
        ("/v1beta/models/none", &key),
        ("/nowhere", &[]),
    ] {
        let get = call(setup.gateway(), "GET", path, headers);
        let mut client = setup.client();
        client.send("HEAD", path, headers, b"");
        let head = client.head();
        assert_eq!(head.status, get.status(), "{path}");
        for name in ["content-type", "content-length", "location", ORIGIN] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
        assert_eq!(
            head.header("content-length"),
            Some(get.body.len().to_string().as_str())
        );
        // No body precedes the next answer.
        client.send("GET", "/healthz", &[], b"");
        assert_eq!(client.answer().json(), json!({"status": "ok"}), "{path}");
    }
    setup.stop();
}

#[test]
fn unavailable_endpoints_name_no_missing_command() {
    let setup = Setup::new();
    for dialect in ALL {
        setup.all_accounts(dialect, &holdfast::unversioned::demo::Step::status(401));
        for _ in 0..2 {
            let answer = setup.ask(dialect, &["hello"], false);
            assert_eq!(answer.status(), 503, "{dialect:?}");
            let error: Value = answer.json()["error"].clone();
            let message = error["message"].as_str().unwrap();
            // It names no path and no command, since none exists.
            assert!(
                !message.contains('/') && !message.contains("holdfast "),
                "{message}"
            );
        }
    }
    setup.stop();
}
