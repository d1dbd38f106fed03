//! Routes that the gateway answers itself, and client keys.

use serde_json::json;

use super::harness::{ALL, Dialect, KEY, Options, Setup};

#[test]
fn a_key_is_accepted_in_all_five_places() {
    let setup = Setup::new();
    let get = |path: &str, headers: &[(&str, &str)]| {
        let answer = setup.client().call("GET", path, headers, b"");
        (answer.status(), answer.text().to_owned())
    };
    let models = "/v1/models";
    for (path, headers) in [
        (models, vec![("Authorization", "Bearer client-key")]),
        (models, vec![("Authorization", "client-key")]),
        (models, vec![("X-Goog-Api-Key", KEY)]),
        (models, vec![("X-Api-Key", KEY)]),
        ("/v1/models?key=client-key", vec![]),
        ("/v1/models?auth_token=client-key", vec![]),
        (
            models,
            vec![("Authorization", "Bearer wrong"), ("X-Api-Key", KEY)],
        ),
    ] {
        assert_eq!(get(path, &headers).0, 200, "{path} {headers:?}");
    }
    for (path, headers, word) in [
        (models, vec![], "Missing"),
        (models, vec![("X-Api-Key", "")], "Missing"),
        (models, vec![("X-Api-Key", "client-ke")], "Invalid"),
        ("/v1/models?key=x", vec![], "Invalid"),
    ] {
        let (status, text) = get(path, &headers);
        assert_eq!(status, 401, "{path} {headers:?}");
        assert!(text.contains(&format!("\"{word} API key")), "{text}");
    }
    for dialect in ALL {
        let answer = setup.client().call(
            "POST",
            &dialect.path(false),
            &[("X-Api-Key", "wrong")],
            &dialect.body(&["hello"], false),
        );
        assert_eq!(answer.status(), 401);
    }
    assert!(setup.records().is_empty());
}

#[test]
fn the_gemini_cli_endpoint_is_off_by_default_and_local_only() {
    let setup = Setup::new();
    let path = "/v1internal:generateContent";
    let ask = |setup: &Setup, headers: &[(&str, &str)]| {
        let body = br#"{"model":"gemini-2.5-pro","project":"p","request":{}}"#;
        let answer = setup.client().call("POST", path, headers, body);
        (answer.status(), answer.text().to_owned())
    };
    let refusal = |message: &str| {
        let error = json!({"error": {"message": message, "type": "forbidden"}});
        (403, error.to_string())
    };
    let disabled = refusal("Gemini CLI endpoint is disabled");
    assert_eq!(ask(&setup, &[]), disabled);
    assert_eq!(ask(&setup, &[("X-Api-Key", KEY)]), disabled);
    setup.stop();

    let setup = Setup::with(Options {
        more: "enable-gemini-cli-endpoint: true",
        ..Options::default()
    });
    assert_eq!(
        ask(&setup, &[("Host", "gateway")]),
        refusal("CLI reply only allow local access")
    );
    // A reverse proxy on this host connects from it and may send its name.
    for (name, value) in [
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-Real-IP", "192.0.2.1"),
        ("Via", "1.1 proxy"),
        ("Sec-Fetch-Site", "cross-site"),
    ] {
        assert_eq!(
            ask(&setup, &[("Host", "127.0.0.1:1"), (name, value)]),
            refusal("CLI reply only allow local access"),
            "{name}"
        );
    }
    let body = r#"{"model":"gemini-2.5-pro"}"#;
    let length = body.len();
    let mut client = setup.client();
    let head = format!("POST {path} HTTP/1.1\r\nHost: 127.0.0.1:1\r\nContent-Length: {length}");
    client.send_raw(format!("{head}\r\n\r\n{body}").as_bytes());
    let answer = client.answer();
    assert_eq!(answer.status(), 400, "{}", answer.text());
    let reason = "Invalid request: the body has no \"request\"";
    assert_eq!(answer.json()["error"]["message"], reason);
    setup.stop();
}

#[test]
fn public_routes_need_no_key() {
    let setup = Setup::new();
    let mut client = setup.client();
    let health = client.call("GET", "/healthz", &[], b"");
    assert_eq!(
        (health.status(), health.text()),
        (200, "{\"status\":\"ok\"}")
    );
    client.send("HEAD", "/healthz", &[], b"");
    let head = client.head();
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, Some("15"))
    );
    assert_eq!(client.call("GET", "/", &[], b"").status(), 200);
    let preflight = client.call("OPTIONS", "/v1/anything", &[], b"");
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
    let lost = client.call("GET", "/nowhere", &[], b"");
    assert_eq!(lost.status(), 404);
    assert!(lost.text().starts_with("404 page not found\n"));
    for prefix in [
        "/v1/chat/completions",
        "/v1/responses",
        "/v1/messages",
        "/v1beta/models/",
    ] {
        assert!(lost.text().contains(prefix), "{prefix}");
    }
    let moved = client.call("GET", "/v1/models/?a=b", &[], b"");
    assert_eq!(
        (moved.status(), moved.header("location")),
        (301, Some("/v1/models?a=b"))
    );
}

#[test]
fn models_are_listed_in_the_clients_format() {
    let setup = Setup::new();
    let get = |path: &str, headers: &[(&str, &str)]| {
        let mut all = vec![("X-Api-Key", KEY)];
        all.extend_from_slice(headers);
        setup.client().call("GET", path, &all, b"")
    };
    let ids = |list: &serde_json::Value, array: &str, id: &str| -> Vec<String> {
        list[array]
            .as_array()
            .unwrap()
            .iter()
            .map(|model| model[id].as_str().unwrap().to_owned())
            .collect()
    };
    let expected = ["my-chat", "my-gemini", "my-messages", "my-responses"];
    let openai = get("/v1/models", &[]).json();
    assert_eq!(openai["object"], "list");
    assert_eq!(ids(&openai, "data", "id"), expected);
    let claude = get("/v1/models", &[("anthropic-version", "2023-06-01")]).json();
    assert_eq!(claude["has_more"], false);
    let mut claude_ids = ids(&claude, "data", "id");
    claude_ids.sort();
    assert_eq!(claude_ids, expected);
    let gemini = get("/v1beta/models", &[]).json();
    assert_eq!(ids(&gemini, "models", "name")[0], "models/my-chat");
    assert_eq!(get("/v1/models/my-chat", &[]).json()["id"], "my-chat");
    assert_eq!(get("/v1/models/none", &[]).status(), 404);
    assert_eq!(
        get("/v1beta/models/my-gemini", &[]).json()["name"],
        "models/my-gemini"
    );
    assert_eq!(get("/v1beta/models/none", &[]).status(), 404);
}

#[test]
fn invalid_requests_are_refused_by_name() {
    let setup = Setup::new();
    let ask = |path: &str, body: &[u8]| {
        let answer = setup
            .client()
            .call("POST", path, &[("X-Api-Key", KEY)], body);
        (answer.status(), answer.json())
    };
    let deep = [vec![b'['; 200_000], vec![b']'; 200_000]].concat();
    let deep = [
        b"{\"model\":\"my-chat\",\"messages\":",
        deep.as_slice(),
        b"}",
    ]
    .concat();
    for (body, words) in [
        (&b"{\"model\":\"my-chat\""[..], "JSON"),
        (b"{\"model\":\"my-chat\"}x", "JSON"),
        (b"{\"model\":\"\xff\"}", "JSON"),
        (b"[]", "object"),
        (b"\"x\"", "object"),
        (b"{}", "model"),
        (b"{\"model\":7}", "model"),
        (b"{\"model\":\"\"}", "model"),
        (
            b"{\"model\":\"my-chat\",\"model\":\"other\"}",
            "more than one",
        ),
        (
            b"{\"MODEL\":\"other\",\"model\":\"my-chat\"}",
            "more than one \"model\"",
        ),
        (
            br#"{"model":"my-chat","\u004dodel":"other"}"#,
            "more than one \"model\"",
        ),
        (
            "{\"model\":\"my-chat\",\"stream\":false,\"\u{17f}tream\":true}".as_bytes(),
            "more than one \"stream\"",
        ),
        (
            b"{\"model\":\"my-chat\",\"Stream\":true}",
            "\"stream\" in another spelling",
        ),
        (b"{\"MODEL\":\"my-chat\"}", "\"model\" in another spelling"),
        (b"{\"model\":\"../x\"}", "model"),
    ] {
        let (status, answer) = ask("/v1/chat/completions", body);
        assert_eq!(status, 400, "{answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(words), "{message} lacks {words}");
    }
    assert!(setup.records().is_empty());
    // Deep nesting is accepted: the upstream decides.
    let (status, _) = ask("/v1/chat/completions", &deep);
    assert_eq!(status, 400);
    assert_eq!(setup.reports(1)[0].attempts, 1);
    let (status, answer) = ask("/v1beta/models/my-gemini:unknown", b"{}");
    assert_eq!((status, &answer["error"]["code"]), (404, &json!(404)));
    let (status, answer) = ask(
        "/v1/responses/compact",
        b"{\"model\":\"my-responses\",\"stream\":true}",
    );
    assert_eq!(status, 400, "{answer}");
}

#[test]
fn every_answer_has_a_request_id() {
    let setup = Setup::new();
    let first = setup.ask(Dialect::Chat, &["hello"], false);
    let second = setup.ask(Dialect::Chat, &["hello"], true);
    let id = |answer: &super::client::Answer| answer.header("x-request-id").unwrap().to_owned();
    assert_eq!(id(&first).len(), 8);
    assert_ne!(id(&first), id(&second));
    let refused = setup
        .client()
        .call("POST", "/v1/messages", &[("X-Api-Key", KEY)], b"{}");
    assert_eq!(id(&refused).len(), 8);
    for (method, path, key) in [
        ("GET", "/", ""),
        ("GET", "/healthz", ""),
        ("HEAD", "/healthz", ""),
        ("GET", "/v1/models", KEY),
        ("GET", "/v1/models", "wrong"),
        ("GET", "/v1/models/", KEY),
        ("GET", "/nowhere", KEY),
        ("OPTIONS", "/v1/messages", ""),
        ("POST", "/v1beta/models/m:unheard", KEY),
    ] {
        let answer = setup
            .client()
            .call(method, path, &[("X-Api-Key", key)], b"");
        assert_eq!(id(&answer).len(), 8, "{method} {path}");
    }
}

#[cfg(feature = "compression")]
#[test]
fn compressed_bodies_are_decoded() {
    use std::io::Write;

    let setup = Setup::new();
    let body = Dialect::Chat.body(&["hello"], false);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&body).unwrap();
    let gzip = gzip.finish().unwrap();
    let ask = |coding: &str, body: &[u8]| {
        let headers = [("X-Api-Key", KEY), ("Content-Encoding", coding)];
        setup
            .client()
            .call("POST", "/v1/chat/completions", &headers, body)
    };
    assert_eq!(ask("gzip", &gzip).status(), 200);
    assert_eq!(setup.records()[0].header("content-encoding"), None);
    assert_eq!(ask("identity", &body).status(), 200);
    assert_eq!(ask("gzip", &gzip[..gzip.len() / 2]).status(), 400);
    assert_eq!(ask("unheard-of", b"\x01\x02").status(), 400);
}
