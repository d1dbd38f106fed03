//! Google's upstreams with credential files: Gemini CLI, Antigravity, service accounts; and Imagen.

use holdfast::unversioned::budget::Budget;
use holdfast::unversioned::credential::Account;
use holdfast::unversioned::provider::models::has_list;
use serde_json::{Value, json};

use super::*;

const ASKED: &str =
    r#"{"contents":[{"role":"user","parts":[{"text":"hi \u00e9"}]}], "seed" : 1.50}"#;
const ANSWERED: &str =
    r#"{"response":{"candidates":[{"content":{"parts":[{"text":"ho"}]}}]},"traceId":"t"}"#;

fn account() -> &'static Account {
    static ACCOUNT: std::sync::LazyLock<Account> = std::sync::LazyLock::new(|| Account {
        file: "a.json".into(),
        project: Some("project-1".to_owned()),
        ..Account::default()
    });
    &ACCOUNT
}

fn of_file<'a>(kind: UpstreamKind, base: &'a str, body: &'a str) -> Call<'a> {
    let call = call(kind, base, body);
    Call {
        target: Target {
            account: Some(account()),
            ..call.target
        },
        model_span: None,
        ..call
    }
}

fn sent(seen: &Seen) -> Value {
    serde_json::from_slice(&seen.body).unwrap()
}

#[test]
fn gemini_cli_gets_the_clients_bytes_in_an_envelope() {
    let server = Server::answering(json_answer(ANSWERED));
    let base = server.base();
    let answer = upstream()
        .call(&Call {
            model: "models/gemini-x",
            client_headers: &[("x-goog-api-client", "c"), ("Authorization", "Bearer own")],
            ..of_file(UpstreamKind::GeminiCli, &base, ASKED)
        })
        .unwrap();
    assert_eq!(answer.length(), None);
    assert_eq!(
        text(answer),
        r#"{"candidates":[{"content":{"parts":[{"text":"ho"}]}}]}"#
    );
    let seen = server.next();
    assert_eq!(seen.line(), "POST /v1internal:generateContent HTTP/1.1");
    assert_eq!(seen.header("authorization"), Some("Bearer k-123"));
    assert_eq!(seen.header("x-goog-api-client"), Some("c"));
    assert_eq!(seen.header("x-goog-api-key"), None);
    assert_eq!(
        seen.text(),
        format!(r#"{{"model":"gemini-x","project":"project-1","request":{ASKED}}}"#)
    );
}

#[test]
fn a_project_that_is_not_known_is_left_out() {
    let server = Server::answering(json_answer(ANSWERED));
    let base = server.base();
    upstream()
        .call(&call(UpstreamKind::GeminiCli, &base, ASKED))
        .unwrap();
    assert_eq!(
        server.next().text(),
        format!(r#"{{"model":"m","request":{ASKED}}}"#)
    );
}

#[test]
fn events_come_without_their_envelope() {
    let events = [
        "data: {\"response\":{\"a\":1},\"traceId\":\"t\"}\r\n\r\n",
        "data: {\"error\":{\"code\":500}}\r\n\r\n",
    ];
    let server = Server::answering(stream_answer(&events));
    let base = server.base();
    for kind in [UpstreamKind::GeminiCli, UpstreamKind::Antigravity] {
        let call = Call {
            stream: true,
            alt: Some("json"),
            ..of_file(kind, &base, ASKED)
        };
        let answer = upstream().call(&call).unwrap();
        assert_eq!(
            text(answer),
            "data: {\"a\":1}\r\n\r\ndata: {\"error\":{\"code\":500}}\r\n\r\n"
        );
        assert_eq!(
            server.next().line(),
            "POST /v1internal:streamGenerateContent?alt=sse HTTP/1.1"
        );
    }
}

#[test]
fn errors_are_not_in_an_envelope() {
    let error = r#"{"error":{"code":403,"message":"no","status":"PERMISSION_DENIED"}}"#;
    let server = Server::answering(status_answer(403, error));
    let base = server.base();
    for kind in [UpstreamKind::GeminiCli, UpstreamKind::Antigravity] {
        let failure = failed(&of_file(kind, &base, ASKED));
        assert_eq!(failure.status, Some(403));
        assert_eq!(failure.body, error.as_bytes());
    }
}

#[test]
fn gemini_cli_counts_the_conversation_and_estimates_the_rest() {
    let server = Server::answering(json_answer(r#"{"totalTokens":7}"#));
    let base = server.base();
    let count = |body: &str| {
        let call = Call {
            action: Action::Count,
            ..of_file(UpstreamKind::GeminiCli, &base, body)
        };
        let answer: Value = serde_json::from_str(&text(upstream().call(&call).unwrap())).unwrap();
        let seen = server.next();
        assert_eq!(seen.line(), "POST /v1internal:countTokens HTTP/1.1");
        assert_eq!(
            seen.text(),
            r#"{"request":{"model":"models/m","contents":[ {"role":"user"} ]}}"#
        );
        answer["totalTokens"].as_u64().unwrap()
    };
    assert_eq!(count(r#"{"contents":[ {"role":"user"} ]}"#), 7);
    let more = r#"{"generateContentRequest":{"model":"models/x","contents":[ {"role":"user"} ],"systemInstruction":{"parts":[{"text":"one two three four five six"}]},"tools":[{"functionDeclarations":[{"name":"f","description":"does it"}]}]}}"#;
    let counted = count(more);
    assert!((12..60).contains(&counted), "{counted}");
}

#[test]
fn antigravitys_envelope_names_the_request_and_the_session() {
    let server = Server::answering(json_answer(ANSWERED));
    let base = server.base();
    let send = |model: &'static str, session: Option<&'static str>| {
        let call = Call {
            model,
            session,
            ..of_file(UpstreamKind::Antigravity, &base, ASKED)
        };
        upstream().call(&call).unwrap();
        sent(&server.next())
    };
    let first = send("gemini-3-flash", None);
    assert_eq!(first["model"], "gemini-3-flash");
    assert_eq!(first["project"], "project-1");
    assert_eq!(first["requestType"], "agent");
    let id = first["requestId"].as_str().unwrap();
    assert!(id.starts_with("agent-") && id.len() == 42, "{id}");
    let keys: Vec<&String> = first.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        ["model", "project", "requestId", "requestType", "request"]
    );
    let session = first["request"]["sessionId"].as_str().unwrap();
    let number: i64 = session.parse().unwrap();
    assert!(number <= 0, "{session}");
    assert_eq!(first["request"]["seed"], 1.5);

    let again = send("gemini-3-flash", None);
    assert_eq!(again["request"]["sessionId"], session);
    assert_ne!(again["requestId"], first["requestId"]);
    let named = send("gemini-3-flash", Some("s"));
    assert_ne!(named["request"]["sessionId"], session);
    assert_eq!(
        send("gemini-3-flash", Some("s"))["request"]["sessionId"],
        named["request"]["sessionId"]
    );

    let image = send("gemini-3-pro-image", None);
    assert_eq!(image["requestType"], "image_gen");
    let id = image["requestId"].as_str().unwrap();
    assert!(id.starts_with("image_gen/") && id.ends_with("/12"), "{id}");
    assert_eq!(image["request"].get("sessionId"), None);
}

const TOOLS: &str = r#"{"model":"models/m","session_id":"s","contents":[],"safetySettings":[{}],"toolConfig":{"functionCallingConfig":{"mode":"AUTO"}},"generationConfig":{"maxOutputTokens":99999,"topK":1,"responseJsonSchema":{"type":"object","properties":{"a":{"type":"string","$id":"x"}}}},"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":{"type":"object"}}]}]}"#;

#[test]
fn antigravity_gets_what_its_models_accept() {
    let server = Server::answering(json_answer(ANSWERED));
    let base = server.base();
    let send = |model: &'static str| {
        let call = Call {
            model,
            ..of_file(UpstreamKind::Antigravity, &base, TOOLS)
        };
        upstream().call(&call).unwrap();
        let request = sent(&server.next())["request"].take();
        for gone in ["model", "session_id", "safetySettings"] {
            assert_eq!(request.get(gone), None, "{gone}");
        }
        assert_eq!(
            request["generationConfig"]["responseSchema"],
            json!({"type": "object", "properties": {"a": {"type": "string"}}})
        );
        request
    };
    let gemini = send("gemini-3-flash");
    assert_eq!(gemini["generationConfig"].get("maxOutputTokens"), None);
    assert_eq!(
        gemini["toolConfig"]["functionCallingConfig"]["mode"],
        "AUTO"
    );
    let function = &gemini["tools"][0]["functionDeclarations"][0];
    assert_eq!(*function, json!({"name": "f"}));
    let claude = send("claude-sonnet-4-6");
    assert_eq!(claude["generationConfig"]["maxOutputTokens"], 64000);
    assert_eq!(
        claude["toolConfig"]["functionCallingConfig"]["mode"],
        "VALIDATED"
    );
    let function = &claude["tools"][0]["functionDeclarations"][0];
    assert_eq!(function["parameters"]["required"], json!(["reason"]));
    assert_eq!(function.get("parametersJsonSchema"), None);
}

#[test]
fn antigravity_counts_whole_requests() {
    let server = Server::answering(json_answer(r#"{"totalTokens":7}"#));
    let base = server.base();
    let call = Call {
        action: Action::Count,
        ..of_file(UpstreamKind::Antigravity, &base, TOOLS)
    };
    assert_eq!(
        text(upstream().call(&call).unwrap()),
        r#"{"totalTokens":7}"#
    );
    let seen = server.next();
    assert_eq!(seen.line(), "POST /v1internal:countTokens HTTP/1.1");
    let sent = sent(&seen);
    let keys: Vec<&String> = sent.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["request"]);
    assert!(sent["request"]["tools"].is_array());
    assert_eq!(sent["request"].get("safetySettings"), None);
}

#[test]
fn some_models_of_antigravity_only_stream() {
    let events = [
        "data: {\"response\":{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}],\"role\":\"model\"}}]}}\n\n",
        "data: {\"response\":{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\"}],\"role\":\"model\"},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":1,\"candidatesTokenCount\":2,\"totalTokenCount\":3}}}\n\n",
    ];
    let server = Server::answering(stream_answer(&events));
    let base = server.base();
    for (model, path) in [
        ("claude-sonnet-4-6", "streamGenerateContent?alt=sse"),
        ("gemini-3-pro-high", "streamGenerateContent?alt=sse"),
        ("gemini-3-flash", "generateContent"),
    ] {
        let call = Call {
            model,
            ..of_file(UpstreamKind::Antigravity, &base, ASKED)
        };
        let answer = upstream().call(&call).unwrap();
        assert_eq!(
            server.next().line(),
            format!("POST /v1internal:{path} HTTP/1.1")
        );
        let whole = whole::open(answer, &asked(Dialect::Gemini, MAX_EVENT), None).unwrap();
        let whole: Value = serde_json::from_slice(whole.held()).unwrap();
        let parts = &whole["candidates"][0]["content"]["parts"];
        assert_eq!(*parts, json!([{"text": "ab"}]), "{model}");
        assert_eq!(whole["usageMetadata"]["totalTokenCount"], 3);
    }
}

#[test]
fn without_a_project_nothing_is_sent() {
    let server = Server::answering(json_answer(ANSWERED));
    let base = server.base();
    for kind in [UpstreamKind::Antigravity, UpstreamKind::Vertex] {
        let call = of_file(kind, &base, ASKED);
        let nobody = Account::default();
        let failure = failed(&Call {
            target: Target {
                account: Some(&nobody),
                ..call.target
            },
            ..call
        });
        assert_eq!(failure.kind, FailureKind::Unsupported);
        assert!(failure.message.contains("project"), "{}", failure.message);
    }
    assert!(server.seen.try_recv().is_err());
}

const EXHAUSTED: &str = r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"m","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"QUOTA_EXHAUSTED","metadata":{"quotaResetDelay":"2h"}}]}}"#;
const NO_CREDITS: &str = r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"m","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"INSUFFICIENT_G1_CREDITS_BALANCE"}]}}"#;

fn pays(seen: &Seen) -> bool {
    let types = sent(seen)["enabledCreditTypes"].take();
    assert!(types.is_null() || types == json!(["GOOGLE_ONE_AI"]));
    !types.is_null()
}

#[test]
fn credits_are_spent_once_the_quota_is_used_up() {
    let server = in_turn(vec![status_answer(429, EXHAUSTED), json_answer(ANSWERED)]);
    let base = server.base();
    let upstream = upstream();
    let call = Call {
        credits: true,
        ..of_file(UpstreamKind::Antigravity, &base, ASKED)
    };
    upstream.call(&call).unwrap();
    assert!(!pays(&server.next()) && pays(&server.next()));
    upstream.call(&call).unwrap();
    assert!(pays(&server.next()), "until the quota returns");
    let unpaid = Call {
        credits: false,
        ..call
    };
    upstream.call(&unpaid).unwrap();
    assert!(!pays(&server.next()));
    assert!(server.seen.try_recv().is_err());
}

#[test]
fn credits_that_are_refused_are_not_tried_again() {
    for refusal in [EXHAUSTED, NO_CREDITS, "{}"] {
        let server = in_turn(vec![
            status_answer(429, EXHAUSTED),
            status_answer(429, refusal),
            status_answer(429, EXHAUSTED),
        ]);
        let base = server.base();
        let upstream = upstream();
        let call = Call {
            credits: true,
            ..of_file(UpstreamKind::Antigravity, &base, ASKED)
        };
        let failure = upstream.call(&call).err().unwrap();
        assert_eq!(
            failure.body,
            EXHAUSTED.as_bytes(),
            "the first answer counts"
        );
        assert!(!pays(&server.next()) && pays(&server.next()));
        assert!(upstream.call(&call).is_err());
        assert!(!pays(&server.next()));
        assert!(server.seen.try_recv().is_err());
    }
}

#[test]
fn without_credits_the_free_quota_serves() {
    for status in [400, 402, 403, 429, 500] {
        let server = in_turn(vec![
            status_answer(429, EXHAUSTED),
            json_answer(ANSWERED),
            status_answer(status, NO_CREDITS),
            json_answer(ANSWERED),
        ]);
        let base = server.base();
        let upstream = upstream();
        let call = Call {
            credits: true,
            ..of_file(UpstreamKind::Antigravity, &base, ASKED)
        };
        upstream.call(&call).unwrap();
        assert!(!pays(&server.next()) && pays(&server.next()));
        upstream.call(&call).unwrap();
        assert!(pays(&server.next()) && !pays(&server.next()), "{status}");
        upstream.call(&call).unwrap();
        assert!(!pays(&server.next()), "{status}: not tried again");
    }
}

#[test]
fn only_exhaustion_is_paid_for() {
    let short = EXHAUSTED
        .replace("QUOTA_EXHAUSTED", "RATE_LIMIT_EXCEEDED")
        .replace("2h", "4m");
    let no_credits =
        EXHAUSTED.replace("\"QUOTA_EXHAUSTED\"", "\"INSUFFICIENT_G1_CREDITS_BALANCE\"");
    for answer in [
        status_answer(429, &short),
        status_answer(429, &no_credits),
        status_answer(503, "{}"),
        status_answer(403, EXHAUSTED),
    ] {
        let server = Server::answering(answer);
        let base = server.base();
        let call = Call {
            credits: true,
            ..of_file(UpstreamKind::Antigravity, &base, ASKED)
        };
        assert!(upstream().call(&call).is_err());
        assert!(!pays(&server.next()));
        while let Ok(seen) = server.seen.try_recv() {
            assert!(!pays(&seen));
        }
    }
}

#[test]
fn service_accounts_have_project_and_region_in_the_path() {
    let server = Server::answering(json_answer("{}"));
    let base = server.base();
    for (location, region) in [
        (None, "us-central1"),
        (Some("global"), "global"),
        (Some("eu-west4"), "eu-west4"),
    ] {
        let account = Account {
            location: location.map(str::to_owned),
            ..account().clone()
        };
        let call = of_file(UpstreamKind::Vertex, &base, ASKED);
        let call = Call {
            stream: true,
            target: Target {
                account: Some(&account),
                ..call.target
            },
            ..call
        };
        upstream().call(&call).unwrap();
        let seen = server.next();
        assert_eq!(
            seen.line(),
            format!(
                "POST /v1/projects/project-1/locations/{region}/publishers/google/models/m:streamGenerateContent?alt=sse HTTP/1.1"
            )
        );
        assert_eq!(seen.header("authorization"), Some("Bearer k-123"));
        assert_eq!(seen.header("x-goog-api-key"), None);
        assert_eq!(seen.text(), ASKED);
    }
}

#[test]
fn a_region_cannot_be_another_host() {
    let account = Account {
        location: Some("evil.example/".to_owned()),
        ..account().clone()
    };
    let call = of_file(UpstreamKind::Vertex, "", ASKED);
    let failure = failed(&Call {
        target: Target {
            account: Some(&account),
            ..call.target
        },
        ..call
    });
    assert_eq!(failure.kind, FailureKind::Request);
}

#[test]
fn vertex_counts_what_its_api_counts() {
    let server = Server::answering(json_answer(r#"{"totalTokens":7}"#));
    let base = server.base();
    for body in [
        r#"{"model":"x","contents":[],"tools":[],"safetySettings":[],"cachedContent":"c"}"#,
        r#"{"generateContentRequest":{"model":"models/x","contents":[],"tools":[]}}"#,
    ] {
        let call = call(UpstreamKind::Vertex, &base, body);
        let call = Call {
            action: Action::Count,
            model_span: None,
            ..call
        };
        upstream().call(&call).unwrap();
        assert_eq!(server.next().text(), r#"{"contents":[],"tools":[]}"#);
    }
}

#[test]
fn pictures_are_asked_for_and_answered_as_by_gemini() {
    let server = Server::answering(json_answer(
        r#"{"predictions":[{"bytesBase64Encoded":"QQ==","mimeType":"image/png"}]}"#,
    ));
    let base = server.base();
    let gemini = r#"{"contents":[{"role":"user","parts":[{"text":"a cat"}]}],"generationConfig":{"imageConfig":{"aspectRatio":"16:9"}}}"#;
    let wanted = json!({"instances": [{"prompt": "a cat"}], "parameters": {"sampleCount": 1, "aspectRatio": "16:9"}});
    let other = r#"{"messages":[{"content":""},{"content":"a cat"}],"sampleCount":2,"negativePrompt":"dogs"}"#;
    let told = json!({"instances": [{"prompt": "a cat", "negativePrompt": "dogs"}], "parameters": {"sampleCount": 2}});
    for (body, wanted) in [
        (gemini, &wanted),
        (other, &told),
        (
            r#"{"prompt":"a cat","sampleCount":2,"negativePrompt":"dogs"}"#,
            &told,
        ),
    ] {
        for (stream, file) in [(false, false), (false, true), (true, false), (true, true)] {
            let call = match file {
                true => of_file(UpstreamKind::Vertex, &base, body),
                false => call(UpstreamKind::Vertex, &base, body),
            };
            let call = Call {
                model: "Imagen-4.0",
                stream,
                ..call
            };
            let answer = upstream().call(&call).unwrap();
            let seen = server.next();
            assert!(
                seen.line()
                    .ends_with("publishers/google/models/Imagen-4.0:predict HTTP/1.1"),
                "{}",
                seen.line()
            );
            assert_eq!(seen.line().contains("/projects/project-1/"), file);
            assert_eq!(sent(&seen), *wanted);
            let told = match stream {
                false => {
                    let whole = whole::open(answer, &asked(Dialect::Gemini, MAX_EVENT), None);
                    String::from_utf8(whole.unwrap().held().to_vec()).unwrap()
                }
                true => relay(answer, Dialect::Gemini, STYLE).unwrap().0,
            };
            let told: Value = serde_json::from_str(told.trim_start_matches("data: ")).unwrap();
            let part = &told["candidates"][0]["content"]["parts"][0];
            assert_eq!(part["inlineData"]["data"], "QQ==");
        }
    }
    for body in ["{}", r#"{"prompt":" "}"#] {
        let failure = failed(&Call {
            model: "imagen-4.0",
            ..call(UpstreamKind::Vertex, &base, body)
        });
        assert_eq!(failure.kind, FailureKind::Request, "{body}");
    }
}

#[test]
fn models_are_procedures() {
    for (kind, answer, line, body) in [
        (
            UpstreamKind::GeminiCli,
            r#"{"buckets":[{"modelId":"m-1"}]}"#,
            "POST /v1internal:retrieveUserQuota HTTP/1.1",
            r#"{"project":"project-1"}"#,
        ),
        (
            UpstreamKind::Antigravity,
            r#"{"models":{"m-1":{}}}"#,
            "POST /v1internal:fetchAvailableModels HTTP/1.1",
            "{}",
        ),
    ] {
        let server = Server::answering(json_answer(answer));
        let base = server.base();
        let target = of_file(kind, &base, "").target;
        let list = upstream().models(target, alone()).unwrap();
        let names: Vec<&str> = list.models.iter().map(|model| model.id.as_str()).collect();
        assert_eq!(names, ["m-1"]);
        let seen = server.next();
        assert_eq!((seen.line(), seen.text()), (line, body));
        assert_eq!(seen.header("authorization"), Some("Bearer k-123"));
        assert_eq!(seen.header("content-type"), Some("application/json"));
        assert!(has_list(kind, ""));
    }
}

#[test]
fn pictures_without_memory_are_refused() {
    let drawn = r#"{"predictions":[{"bytesBase64Encoded":"QQ=="}]}"#;
    let server = Server::answering(json_answer(drawn));
    let base = server.base();
    let call = Call {
        model: "imagen-4.0",
        ..of_file(UpstreamKind::Vertex, &base, r#"{"prompt":"a cat"}"#)
    };
    let budget = Budget::new(1000);
    let failure = upstream().with_budget(&budget).call(&call).err().unwrap();
    assert_eq!(failure.kind, FailureKind::Memory);
    assert_eq!(failure.status, Some(503));
    assert_eq!(budget.used(), 0);
}
