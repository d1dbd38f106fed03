//! Unusual requests and base URLs that are accepted or corrected.

use holdfast::unversioned::demo::{Ending, Manner, Step, Upstreams};
use serde_json::{Value, json};

use super::client::Answer;
use super::harness::{ALL, Dialect, Options, Setup, configuration};

const KEY: (&str, &str) = ("Authorization", "Bearer client-key");
const TEXT: &str = "This is turn 1. You said: hello";

/// Requests a model of `upstream` in Gemini's dialect, with this query.
fn stream(setup: &Setup, upstream: Dialect, query: &str) -> Answer {
    let path = format!(
        "/v1beta/models/{}:streamGenerateContent{query}",
        upstream.model()
    );
    setup.client().call(
        "POST",
        &path,
        &[KEY],
        &Dialect::Gemini.body(&["hello"], true),
    )
}

#[test]
fn a_gemini_stream_is_an_array_without_alt_sse() {
    let setup = Setup::new();
    for upstream in ALL {
        for (query, is_array) in [
            ("", true),
            ("?alt=json", true),
            ("?$alt=json;enum-encoding=int", true),
            ("?%24alt=json%3Benum-encoding%3Dint", true),
            ("?key=x", true),
            ("?alt=sse", false),
            ("?alt=sse&$alt=json", false),
        ] {
            let answer = stream(&setup, upstream, query);
            let what = format!("{upstream:?}{query}: {}", answer.text());
            assert_eq!(answer.status(), 200, "{what}");
            assert!(answer.complete, "{what}");
            let kind = answer.header("content-type").unwrap();
            assert_eq!(kind == "application/json", is_array, "{what}");
            let text = match is_array {
                true => {
                    let elements = answer.json();
                    let elements = elements.as_array().unwrap();
                    assert!(elements.len() > 1, "{what}");
                    elements
                        .iter()
                        .map(|element| Dialect::Gemini.text(element))
                        .collect()
                }
                false => Dialect::Gemini.streamed_text(&answer.data()),
            };
            assert_eq!(text, TEXT, "{what}");
        }
    }
}

#[test]
fn an_array_that_breaks_off_is_valid_json() {
    let setup = Setup::new();
    for upstream in ALL {
        for ending in [
            Ending::Cut(2),
            Ending::Reset(2),
            Ending::Error(2),
            Ending::TruncatedChunk(2),
        ] {
            setup.all_accounts(
                upstream,
                &Step::Answer(Manner {
                    ending,
                    ..Manner::default()
                }),
            );
            let answer = stream(&setup, upstream, "");
            let what = format!("{upstream:?} {ending:?}: {}", answer.text());
            let elements = answer.json();
            let last = elements.as_array().unwrap().last().unwrap();
            assert!(last["error"]["code"].is_u64(), "{what}");
        }
        setup.all_accounts(upstream, &Step::status(400));
        let answer = stream(&setup, upstream, "");
        assert_eq!(answer.status(), 400);
        assert_eq!(
            answer.json()[0]["error"]["code"],
            400,
            "{upstream:?} {}",
            answer.text()
        );
        setup.all_accounts(upstream, &Step::Answer(Manner::default()));
    }
    let path = "/v1beta/models/nothing:streamGenerateContent";
    let answer = setup
        .client()
        .call("POST", path, &[KEY], b"{\"contents\":[]}");
    assert_eq!(answer.json()[0]["error"]["code"], 404, "{}", answer.text());
}

#[test]
fn early_errors_of_arrays_are_arrays() {
    let setup = Setup::with(Options {
        more: "limits: {body: 100, workers: 1, queue-timeout: 50ms}",
        ..Options::default()
    });
    let path = "/v1beta/models/m:streamGenerateContent";
    let other = "/v1beta/models/m:generateContent";
    let long = "x".repeat(101);
    let wrong = ("X-Goog-Api-Key", "wrong");
    for (method, headers, body, status) in [
        ("POST", &[][..], "", 401),
        ("POST", &[wrong], "", 401),
        ("PUT", &[KEY], "", 405),
        ("POST", &[KEY], &long, 413),
        ("POST", &[KEY, ("Content-Encoding", "zip")], "x", 400),
        ("POST", &[KEY], "{", 400),
        ("POST", &[KEY], "{}", 404),
    ] {
        for (path, is_array) in [
            (path.to_owned(), true),
            (format!("{path}?alt=json"), true),
            (format!("{path}?alt=sse"), false),
            (other.to_owned(), false),
        ] {
            let mut client = setup.client();
            let answer = client.call(method, &path, headers, body.as_bytes());
            let what = format!("{method} {path} {headers:?}: {}", answer.text());
            assert_eq!(answer.status(), status, "{what}");
            let json = answer.json();
            assert_eq!(json.is_array(), is_array, "{what}");
            let error = if is_array { &json[0] } else { &json };
            assert_eq!(error["error"]["code"], status, "{what}");
        }
    }
    setup.stop();
}

#[test]
fn base_urls_may_end_with_the_version() {
    let upstreams = Upstreams::start().unwrap();
    let address = upstreams.address();
    let text = configuration(address, &Options::default());
    let (gemini, rest) = text.split_once("claude-api-key").unwrap();
    let (claude, rest) = rest.split_once("codex-api-key").unwrap();
    let plain = format!("http://{address}\"");
    let text = format!(
        "{}claude-api-key{}codex-api-key{rest}",
        gemini.replace(&plain, &format!("http://{address}/v1beta\"")),
        claude.replace(&plain, &format!("http://{address}/v1/\"")),
    );
    let setup = Setup::configured(upstreams, &text);
    for dialect in ALL {
        let answer = setup.ask(dialect, &["hello"], false);
        assert_eq!(answer.status(), 200, "{dialect:?}: {}", answer.text());
        let path = setup.records().last().unwrap().path.clone();
        let expected = match dialect {
            Dialect::Chat => "/v1/chat/completions",
            Dialect::Responses => "/v1/responses",
            Dialect::Messages => "/v1/messages",
            Dialect::Gemini => "/v1beta/models/demo-gemini:generateContent",
        };
        assert_eq!(path, expected);
    }
}

#[cfg(feature = "compression")]
mod compressed {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// Answers every request with this stream, compressed event by event in chunks, without `Content-Encoding`.
    fn serve(listener: &TcpListener, text: &str) {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = Vec::new();
            let mut piece = [0; 4096];
            let ends = |request: &[u8]| request.ends_with(b"}");
            while !ends(&request) {
                match stream.read(&mut piece) {
                    Ok(count @ 1..) => request.extend_from_slice(&piece[..count]),
                    _ => break,
                }
            }
            if request.starts_with(b"STOP") || request.is_empty() {
                return;
            }
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
            let _ = stream.write_all(head.as_bytes());
            let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            for event in text.split_inclusive("\n\n") {
                coder.write_all(event.as_bytes()).unwrap();
                coder.flush().unwrap();
                chunk(&mut stream, &std::mem::take(coder.get_mut()));
            }
            chunk(&mut stream, &coder.finish().unwrap());
            let _ = stream.write_all(b"0\r\n\r\n");
        }
    }

    fn chunk(stream: &mut impl Write, bytes: &[u8]) {
        let mut out = format!("{:x}\r\n", bytes.len()).into_bytes();
        out.extend_from_slice(bytes);
        out.extend_from_slice(b"\r\n");
        let _ = stream.write_all(&out);
    }

    #[test]
    fn an_undeclared_content_encoding_is_detected() {
        let setup = Setup::new();
        for upstream in ALL {
            let stream = setup
                .ask(upstream, &["hello"], true)
                .text()
                .replace("\r\n", "\n");
            let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let address = listener.local_addr().unwrap();
            let serving = std::thread::spawn(move || serve(&listener, &stream));
            let text = configuration(address, &Options::default());
            let compressed = Setup::configured(Upstreams::start().unwrap(), &text);
            for client in ALL {
                for streams in [true, false] {
                    let body = String::from_utf8(client.body(&["hello"], streams)).unwrap();
                    let [path, body] = [client.path(streams), body]
                        .map(|text| text.replace(&client.model(), &upstream.model()));
                    let answer = compressed
                        .client()
                        .call("POST", &path, &[KEY], body.as_bytes());
                    let what = format!("{client:?} at {upstream:?} {streams}: {}", answer.text());
                    assert_eq!(answer.status(), 200, "{what}");
                    let text = match streams {
                        true => client.streamed_text(&answer.data()),
                        false => client.text(&answer.json()),
                    };
                    assert_eq!(text, TEXT, "{what}");
                }
            }
            compressed.stop();
            let _ = std::net::TcpStream::connect(address).map(|mut last| last.write_all(b"STOP}"));
            serving.join().unwrap();
        }
    }
}

#[test]
fn paths_with_two_versions_or_none_are_served() {
    let setup = Setup::new();
    for (dialect, path) in [
        (Dialect::Chat, "/v1/v1/chat/completions"),
        (Dialect::Chat, "/chat/completions"),
        (Dialect::Responses, "/v1/v1/responses"),
        (Dialect::Messages, "/v1/v1/messages"),
        (Dialect::Messages, "/messages"),
        (Dialect::Gemini, "/models/my-gemini:generateContent"),
        (
            Dialect::Gemini,
            "/v1/v1beta/models/my-gemini:generateContent",
        ),
        (
            Dialect::Gemini,
            "/v1beta/v1beta/models/my-gemini:generateContent",
        ),
    ] {
        let answer = setup
            .client()
            .call("POST", path, &[KEY], &dialect.body(&["hello"], false));
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        assert_eq!(dialect.text(&answer.json()), TEXT, "{path}");
    }
    for path in ["/models", "/v1/v1/models"] {
        let answer = setup.client().call("GET", path, &[KEY], b"");
        assert_eq!(answer.json()["object"], "list", "{path}");
    }
}

#[test]
fn dropped_tools_are_reported_to_the_client() {
    let setup = Setup::new();
    for streams in [false, true] {
        let mut body: Value =
            serde_json::from_slice(&Dialect::Messages.body(&["hello"], streams)).unwrap();
        body["model"] = json!("my-gemini");
        let ask = |body: &Value| {
            let body = body.to_string();
            setup
                .client()
                .call("POST", "/v1/messages", &[KEY], body.as_bytes())
        };
        assert_eq!(ask(&body).header("x-holdfast-dropped"), None);
        let messages = body["messages"].as_array_mut().unwrap();
        messages.push(json!({"role": "assistant", "content": "This is turn 1."}));
        let answer = ask(&body);
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.header("x-holdfast-dropped"), Some("prefill"));
        let text = match streams {
            true => Dialect::Messages.streamed_text(&answer.data()),
            false => Dialect::Messages.text(&answer.json()),
        };
        assert_eq!(text, " You said: hello");
    }
}

#[test]
fn more_than_one_choice_is_refused_by_name() {
    let setup = Setup::new();
    for upstream in [Dialect::Messages, Dialect::Responses] {
        let body = json!({"model": upstream.model(), "n": 2,
            "messages": [{"role": "user", "content": "hello"}]});
        let path = "/v1/chat/completions";
        let answer = setup
            .client()
            .call("POST", path, &[KEY], body.to_string().as_bytes());
        assert_eq!(answer.status(), 400, "{}", answer.text());
        let error = &answer.json()["error"];
        assert_eq!(error["type"], "invalid_request_error");
        assert!(
            error["message"].as_str().unwrap().starts_with("n: "),
            "{error}"
        );
    }
}

/// A conversation that is valid for the client's vendor and not for others.
fn odd(client: Dialect) -> Value {
    let parameters = json!({"type": "object", "properties": {"at": {"type": "string"}}});
    let mark = json!({"type": "ephemeral"});
    let long = "u".repeat(200);
    match client {
        Dialect::Chat => {
            let text = |text: &str| json!({"type": "text", "text": text, "cache_control": mark});
            let call = |id: &str| {
                json!({"id": id, "type": "function",
                    "function": {"name": "look", "arguments": "{\"at\":\"a\"}"}})
            };
            let result =
                |id: &str| json!({"role": "tool", "tool_call_id": id, "content": [text("seen")]});
            json!({"max_tokens": 5.0, "stop": ["\n", "END"], "user": long,
                "temperature": 0.5, "top_p": 0.9, "presence_penalty": 0.5, "frequency_penalty": 0.5,
                "tools": [{"type": "function", "function": {"name": "look", "parameters": parameters}}],
                "messages": [{"role": "system", "content": [text(" "), text("be brief")]},
                    {"role": "assistant", "content": "hello"},
                    {"role": "user", "content": [text("one"), text("two"), text("three")]},
                    {"role": "assistant", "content": "", "tool_calls": [call("f:0"), call("f:1")]},
                    result("f:0"), result("f:1"),
                    {"role": "user", "content": " "},
                    {"role": "assistant", "content": "I see \n"}]})
        }
        Dialect::Responses => {
            let said = |role: &str, kind: &str, text: &str| json!({"role": role, "content": [{"type": kind, "text": text}]});
            let call = |id: &str| {
                json!({"type": "function_call", "call_id": id, "name": "look",
                    "arguments": "{\"at\":\"a\"}"})
            };
            let result =
                |id: &str| json!({"type": "function_call_output", "call_id": id, "output": "seen"});
            json!({"max_output_tokens": 1, "prompt_cache_key": long, "user": long,
                "temperature": 0.5, "top_p": 0.9,
                "tools": [{"type": "function", "name": "look", "parameters": parameters}],
                "input": [said("assistant", "output_text", "hello"),
                    said("user", "input_text", "one"),
                    call("f:0"), call("f:1"), result("f:0"), result("f:1"),
                    said("user", "input_text", " "),
                    said("assistant", "output_text", "I see \n")]})
        }
        Dialect::Messages => {
            let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "look", "input": {"at": "a"}});
            let result =
                |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": "seen"});
            json!({"max_tokens": 1, "metadata": {"user_id": long},
                "temperature": 0.5, "top_k": 7, "stop_sequences": ["END"],
                "tools": [{"name": "look", "input_schema": parameters}],
                "messages": [{"role": "assistant", "content": "hello"},
                    {"role": "user", "content": "one"},
                    {"role": "assistant", "content": [call("f_0"), call("f_1")]},
                    {"role": "user", "content": [result("f_1"), result("f_0")]},
                    {"role": "assistant", "content": "I see \n"}]})
        }
        Dialect::Gemini => {
            let call = json!({"functionCall": {"name": "look", "args": {"at": "a"}}});
            let result =
                json!({"functionResponse": {"name": "look", "response": {"result": "seen"}}});
            json!({"generationConfig": {"maxOutputTokens": 5.0, "topK": 40.0, "stopSequences": ["\n"],
                "temperature": 0.5, "topP": 0.9, "presencePenalty": 0.5},
                "tools": [{"functionDeclarations": [{"name": "look",
                    "parameters": {"type": "OBJECT", "properties": {"at": {"type": "STRING"}}}}]}],
                "contents": [{"role": "model", "parts": [{"text": "hello"}]},
                    {"role": "user", "parts": [{"text": "one"}]},
                    {"role": "model", "parts": [call, call]},
                    {"role": "user", "parts": [result, result]},
                    {"role": "model", "parts": [{"text": "I see \n"}]}]})
        }
    }
}

#[test]
fn vendors_accept_translated_requests() {
    for chat in ["gpt-5.2", "mistral-small-latest"] {
        accept_translated_requests(chat);
    }
}

fn accept_translated_requests(chat: &str) {
    let upstreams = Upstreams::start().unwrap();
    let text = configuration(upstreams.address(), &Options::default());
    let text = text
        .replace("name: demo-messages", "name: claude-opus-4-6")
        .replace("name: demo-gemini", "name: gemini-3-pro")
        .replace("name: demo-responses", "name: gpt-5.2")
        .replace("name: demo-chat", &format!("name: {chat}"));
    let setup = Setup::configured(upstreams, &text);
    for client in ALL {
        for upstream in ALL.into_iter().filter(|upstream| *upstream != client) {
            let mut body = odd(client);
            if client != Dialect::Gemini {
                body["model"] = upstream.model().into();
            }
            let path = client
                .path(false)
                .replace(&client.model(), &upstream.model());
            let answer = setup
                .client()
                .call("POST", &path, &[KEY], body.to_string().as_bytes());
            let what = format!("{client:?} to {upstream:?}: {}", answer.text());
            assert_eq!(answer.status(), 200, "{what}");
            let dropped = answer.header("x-holdfast-dropped").unwrap_or_default();
            let is_openais =
                upstream == Dialect::Responses || upstream == Dialect::Chat && chat == "gpt-5.2";
            assert_eq!(
                dropped.contains("temperature"),
                is_openais,
                "{what} {dropped}"
            );
        }
    }
}
