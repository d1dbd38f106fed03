//! Whatever is put in, nothing breaks.

use holdfast::unversioned::translate::{self, Stream};
use holdfast::unversioned::wire::Dialect;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::fixtures::{of_kind, translated};

/// JSON made of the words that mean something.
fn json_value() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "user",
        "assistant",
        "system",
        "developer",
        "tool",
        "model",
        "function",
        "text",
        "image",
        "image_url",
        "tool_use",
        "tool_result",
        "thinking",
        "function_call",
        "message",
        "reasoning",
        "auto",
        "none",
        "data:;base64,",
        "call_1",
        "",
        "é",
        "custom",
        "namespace",
    ]);
    let key = prop::sample::select(vec![
        "role",
        "content",
        "type",
        "text",
        "messages",
        "input",
        "contents",
        "parts",
        "tools",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "id",
        "tool_call_id",
        "call_id",
        "tool_use_id",
        "functionCall",
        "functionResponse",
        "response",
        "args",
        "source",
        "data",
        "media_type",
        "image_url",
        "url",
        "system",
        "instructions",
        "output",
        "delta",
        "choices",
        "index",
        "candidates",
        "finishReason",
        "item",
        "usage",
        "stop",
        "tool_choice",
        "signature",
        "thought",
        "thoughtSignature",
        "error",
        "message",
        "content_block",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..5).prop_map(|pairs| pairs
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn requests_of_anything(value in json_value()) {
        for client in Dialect::ALL {
            let field = match client {
                Dialect::Chat | Dialect::Messages => "messages",
                Dialect::Responses => "input",
                Dialect::Gemini => "contents",
            };
            for body in [value.clone(), json!({field: [value.clone()], "tools": [value.clone()]})] {
                for upstream in Dialect::ALL {
                    if let Ok(translated) = translated(client, upstream, body.to_string().as_bytes()) {
                        prop_assert!(serde_json::from_slice::<Value>(&translated.body).is_ok());
                    }
                }
            }
        }
    }

    #[test]
    fn events_of_anything(values in prop::collection::vec(json_value(), 0..6)) {
        for client in Dialect::ALL {
            for upstream in Dialect::ALL {
                let context = translated(client, upstream, b"{}").unwrap().context;
                let mut stream = Stream::new(context.clone(), false);
                let mut out = Vec::new();
                for value in &values {
                    stream.read(value.to_string().as_bytes(), &mut out);
                    let _ = translate::whole(value.to_string().as_bytes(), context.clone());
                }
                stream.end(&mut out);
                prop_assert!(std::str::from_utf8(&out).is_ok());
            }
        }
    }
}

#[test]
fn fixtures_with_a_piece_missing_or_wrong() {
    for fixture in of_kind("request") {
        let body = &fixture.json["body"];
        let mut paths = Vec::new();
        walk(body, &mut String::new(), &mut paths);
        for path in paths {
            for wrong in [
                Value::Null,
                json!(7),
                json!("x"),
                json!([]),
                json!({}),
                json!([{}]),
            ] {
                let mut broken = body.clone();
                *broken.pointer_mut(&path).unwrap() = wrong;
                for upstream in Dialect::ALL {
                    let _ = translated(fixture.dialect, upstream, broken.to_string().as_bytes());
                }
            }
        }
    }
}

/// The paths of all members and elements.
fn walk(value: &Value, path: &mut String, paths: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Array(list) => list
            .iter()
            .enumerate()
            .map(|(at, value)| (at.to_string(), value))
            .collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value))
            .collect(),
        _ => return,
    };
    for (key, child) in children {
        let length = path.len();
        path.push('/');
        path.push_str(&key);
        paths.push(path.clone());
        walk(child, path, paths);
        path.truncate(length);
    }
}

#[test]
fn what_is_nested_too_deeply_is_refused() {
    let deep = format!(
        "{{\"messages\":{}{}}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    for upstream in Dialect::ALL {
        assert!(translated(Dialect::Chat, upstream, deep.as_bytes()).is_err());
    }
}
