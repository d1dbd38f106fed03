//! What one dialect knows of tools and another does not.

use holdfast::unversioned::translate::{
    self, ChatQuirks, CustomTools, Form, Translated, TranslationInput,
};
use holdfast::unversioned::wire::Dialect;
use serde_json::{Value, json};

use super::calls::{after_call, answer, shown, unchecked};
use super::fixtures::translated;
use super::grammar::requests::check;

const PATCH: &str = "*** Begin Patch\n*** End Patch";

/// Translates, and sees to it that the vendor would take it.
pub fn sent(client: Dialect, upstream: Dialect, body: &Value) -> (Value, Translated) {
    let translated = translated(client, upstream, body.to_string().as_bytes());
    let translated =
        translated.unwrap_or_else(|why| panic!("{} to {}: {why}", client.name(), upstream.name()));
    let sent: Value = serde_json::from_slice(&translated.body).unwrap();
    let mut checked = sent.clone();
    checked["model"] = "m".into();
    assert_eq!(check(upstream, &checked), Ok(()), "{sent}");
    (sent, translated)
}

pub fn others(client: Dialect) -> impl Iterator<Item = Dialect> {
    Dialect::ALL
        .into_iter()
        .filter(move |upstream| *upstream != client)
}

/// One question of a client, with tools.
pub fn asked(client: Dialect, tools: Value) -> Value {
    match client {
        Dialect::Chat => json!({"messages": [{"role": "user", "content": "q"}], "tools": tools}),
        Dialect::Responses => json!({"input": "q", "tools": tools}),
        Dialect::Messages => {
            json!({"max_tokens": 9, "messages": [{"role": "user", "content": "q"}], "tools": tools})
        }
        Dialect::Gemini => {
            json!({"contents": [{"role": "user", "parts": [{"text": "q"}]}], "tools": tools})
        }
    }
}

/// A tool of text, called once.
fn with_text_tool(client: Dialect) -> Value {
    match client {
        Dialect::Chat => json!({"messages": [{"role": "user", "content": "q"},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "custom",
                "custom": {"name": "patch", "input": PATCH}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "x"}],
            "tools": [{"type": "custom", "custom": {"name": "patch", "description": "patches"}}]}),
        _ => json!({"input": [{"role": "user", "content": "q"},
            {"type": "custom_tool_call", "call_id": "c1", "name": "patch", "input": PATCH},
            {"type": "custom_tool_call_output", "call_id": "c1", "output": "x"}],
            "tools": [{"type": "custom", "name": "patch", "description": "patches"}]}),
    }
}

#[test]
fn tools_of_text_are_functions_where_there_are_only_those() {
    let wrapped = json!({"input": PATCH});
    for client in [Dialect::Chat, Dialect::Responses] {
        for upstream in others(client) {
            if upstream == Dialect::Responses {
                continue;
            }
            let what = format!("{} at {}", client.name(), upstream.name());
            let (sent, translated) = sent(client, upstream, &with_text_tool(client));
            let (tool, call) = match upstream {
                Dialect::Chat => {
                    let call = &sent["messages"][1]["tool_calls"][0]["function"]["arguments"];
                    let call = serde_json::from_str(call.as_str().unwrap()).unwrap();
                    (sent["tools"][0]["function"]["parameters"].clone(), call)
                }
                Dialect::Messages => (
                    sent["tools"][0]["input_schema"].clone(),
                    sent["messages"][1]["content"][0]["input"].clone(),
                ),
                _ => (
                    sent["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"].clone(),
                    sent["contents"][1]["parts"][0]["functionCall"]["args"].clone(),
                ),
            };
            assert_eq!(
                tool["properties"]["input"]["type"], "string",
                "{what}: {sent}"
            );
            assert_eq!(call, wrapped, "{what}: {sent}");
            let answer = answer(upstream, &[("c2", "patch", &wrapped.to_string())]);
            let shown = shown(&translated.context, client, &answer);
            assert_eq!(
                shown,
                [("c2".into(), "patch".into(), PATCH.into())],
                "{what}"
            );
        }
    }
}

/// A picture of the assistant's in the history, as the clients of each dialect have it.
fn with_picture(client: Dialect) -> Option<Value> {
    const PNG: &str = "iVBORw0KGgoAAAA=";
    let tools = json!([{"type": "function", "name": "f", "function": {"name": "f"}}]);
    Some(match client {
        Dialect::Chat => json!({"tools": tools, "messages": [{"role": "user", "content": "draw"},
            {"role": "assistant", "content": "here",
                "images": [{"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{PNG}")}}],
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "x"},
            {"role": "user", "content": "bluer"}]}),
        Dialect::Responses => json!({"tools": tools, "input": [{"role": "user", "content": "draw"},
            {"role": "assistant", "content": "here"},
            {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": PNG},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "x"},
            {"role": "user", "content": "bluer"}]}),
        Dialect::Messages => return None,
        Dialect::Gemini => json!({"contents": [{"role": "user", "parts": [{"text": "draw"}]},
            {"role": "model", "parts": [{"text": "here"}, {"inlineData": {"mimeType": "image/png", "data": PNG}},
                {"functionCall": {"name": "f", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": "x"}}}]},
            {"role": "user", "parts": [{"text": "bluer"}]}]}),
    })
}

#[test]
fn pictures_of_the_assistant_are_shown_to_every_upstream() {
    for client in Dialect::ALL {
        let Some(body) = with_picture(client) else {
            continue;
        };
        for upstream in others(client) {
            let (sent, _) = sent(client, upstream, &body);
            let what = format!("{client:?} to {upstream:?}: {sent}");
            let text = sent.to_string();
            assert_eq!(text.matches("iVBORw0KGgoAAAA=").count(), 1, "{what}");
            assert!(text.contains("here"), "{what}");
            if upstream == Dialect::Gemini {
                continue;
            }
            let turns = ["messages", "input"];
            let turns = turns.iter().find_map(|list| sent[*list].as_array());
            let mut turns = turns.unwrap().iter();
            let shows = turns.find(|turn| turn.to_string().contains("iVBOR"));
            assert_eq!(shows.unwrap()["role"], "user", "{what}");
        }
    }
}

#[test]
fn a_model_that_draws_needs_no_tool_for_it() {
    let body = |choice: Value| {
        let body =
            json!({"input": "q", "tools": [{"type": "image_generation"}], "tool_choice": choice});
        body.to_string()
    };
    let forced = json!({"type": "image_generation"});
    let ask = |body: &str, model: &str| {
        translate::request(&TranslationInput {
            client: Dialect::Responses,
            form: Form::Usual,
            upstream: Dialect::Gemini,
            body: body.as_bytes(),
            model: "m",
            upstream_model: model,
            stream: false,
            suffix: None,
            support: None,
            seed: "seed",
            now: 1,
        })
    };
    for (choice, modalities) in [
        (Value::Null, json!(["TEXT", "IMAGE"])),
        (json!("auto"), json!(["TEXT", "IMAGE"])),
        (forced.clone(), json!(["IMAGE"])),
    ] {
        let translated = ask(&body(choice), "gemini-3-pro-image").unwrap();
        let sent: Value = serde_json::from_slice(&translated.body).unwrap();
        assert_eq!(
            sent["generationConfig"]["responseModalities"], modalities,
            "{sent}"
        );
        assert!(translated.dropped.is_empty(), "{:?}", translated.dropped);
    }
    let translated = ask(&body(Value::Null), "gemini-3-pro").unwrap();
    assert_eq!(translated.dropped, ["image_generation"]);
    assert!(ask(&body(forced), "gemini-3-pro").is_err());
}

/// The first call of a request, as text of its arguments.
fn first_call(upstream: Dialect, sent: &Value) -> Value {
    let json = |text: &Value| serde_json::from_str(text.as_str().unwrap()).unwrap();
    match upstream {
        Dialect::Chat => json(&sent["messages"][1]["tool_calls"][0]["function"]["arguments"]),
        Dialect::Messages => sent["messages"][1]["content"][0]["input"].clone(),
        Dialect::Gemini => sent["contents"][1]["parts"][0]["functionCall"]["args"].clone(),
        Dialect::Responses => sent["input"][1]["input"].clone(),
    }
}

#[test]
fn calls_of_tools_that_are_no_longer_there_keep_their_text() {
    let function = |client: Dialect, name: &str| match client {
        Dialect::Chat => json!([{"type": "function", "function": {"name": name,
            "parameters": {"type": "object", "properties": {}}}}]),
        _ => json!([{"type": "function", "name": name,
            "parameters": {"type": "object", "properties": {}}}]),
    };
    let texts = [
        PATCH,
        "",
        " ",
        "12",
        "[1]",
        "{\"a\":1}",
        "{\"input\":\"x\"}",
        "{",
        "\u{e9}\n",
    ];
    for client in [Dialect::Chat, Dialect::Responses] {
        for upstream in others(client) {
            for tools in [
                Value::Null,
                json!([]),
                function(client, "other"),
                function(client, "patch"),
            ] {
                for text in texts {
                    let mut body = with_text_tool(client);
                    match client {
                        Dialect::Chat => {
                            body["messages"][1]["tool_calls"][0]["custom"]["input"] = text.into();
                        }
                        _ => body["input"][1]["input"] = text.into(),
                    }
                    body["tools"] = tools.clone();
                    let (sent, _) = sent(client, upstream, &body);
                    let call = first_call(upstream, &sent);
                    let expected = match upstream {
                        Dialect::Responses => json!(text),
                        _ => json!({ "input": text }),
                    };
                    let what = format!("{client:?} to {upstream:?} {tools}: {sent}");
                    assert_eq!(call, expected, "{what}");
                }
            }
        }
    }
}

#[test]
fn tools_of_text_stay_where_they_are_known() {
    let body = with_text_tool(Dialect::Responses).to_string();
    let ask = TranslationInput {
        client: Dialect::Responses,
        form: Form::Usual,
        upstream: Dialect::Chat,
        body: body.as_bytes(),
        model: "m",
        upstream_model: "gpt-5.2",
        stream: true,
        suffix: None,
        support: None,
        seed: "seed",
        now: 1,
    };
    let translated = translate::request_with(
        &ask,
        None,
        ChatQuirks {
            custom_tools: CustomTools::Unchanged,
            ..ChatQuirks::default()
        },
    )
    .unwrap();
    let sent: Value = serde_json::from_slice(&translated.body).unwrap();
    assert_eq!(sent["tools"][0]["type"], "custom", "{sent}");
    let call = &sent["messages"][1]["tool_calls"][0];
    assert_eq!(call["custom"]["input"], PATCH, "{sent}");
    // What looks as if it were wrapped is the text itself.
    let text = r#"{"input":"x"}"#;
    let answer = json!({"id": "c", "choices": [{"index": 0, "finish_reason": "tool_calls", "message":
        {"role": "assistant", "tool_calls": [{"id": "c2", "type": "custom", "custom": {"name": "patch", "input": text}}]}}]});
    let shown = shown(&translated.context, Dialect::Responses, &answer);
    assert_eq!(shown, [("c2".into(), "patch".into(), text.into())]);
}

#[test]
fn arguments_that_are_no_object_are_one_for_the_upstream_and_none_for_the_client() {
    for client in [Dialect::Chat, Dialect::Responses] {
        for upstream in others(client) {
            let what = format!("{} at {}", client.name(), upstream.name());
            for (has_input, expected) in [
                (false, PATCH),
                (true, r#"{"input":"*** Begin Patch\n*** End Patch"}"#),
            ] {
                let mut body = after_call(client, "c1", PATCH);
                let schema = match has_input {
                    true => json!({"type": "object", "properties": {"input": {"type": "string"}}}),
                    false => json!({"type": "object", "properties": {}}),
                };
                body["tools"] = match client {
                    Dialect::Chat => {
                        json!([{"type": "function", "function": {"name": "f", "parameters": schema}}])
                    }
                    _ => json!([{"type": "function", "name": "f", "parameters": schema}]),
                };
                let (sent, translated) = sent(client, upstream, &body);
                assert!(
                    sent.to_string().contains("*** Begin Patch"),
                    "{what}: {sent}"
                );
                let wrapped = json!({"input": PATCH}).to_string();
                let answer = answer(upstream, &[("c2", "f", &wrapped)]);
                let (shown, _) = unchecked(&translated.context, client, &answer);
                assert_eq!(
                    shown,
                    [("c2".into(), "f".into(), expected.into())],
                    "{what}"
                );
            }
        }
    }
}

#[test]
fn answers_arguments_that_are_no_object_are_not_dropped() {
    let cases = [
        (PATCH, json!({"input": PATCH})),
        ("[1]", json!({"input": [1]})),
        (" 7", json!({"input": 7})),
        ("", json!({})),
        (" {\"a\": 1}", json!({"a": 1})),
    ];
    for client in [Dialect::Messages, Dialect::Gemini] {
        for upstream in [Dialect::Chat, Dialect::Responses] {
            for (arguments, expected) in &cases {
                let body = asked(client, json!([]));
                let (_, translated) = sent(client, upstream, &body);
                let answer = answer(upstream, &[("c", "f", arguments), ("d", "f", "{\"b\":2}")]);
                let shown = shown(&translated.context, client, &answer);
                let got: Vec<Value> = shown
                    .iter()
                    .map(|(_, _, text)| serde_json::from_str(text).unwrap())
                    .collect();
                assert_eq!(
                    got,
                    [expected.clone(), json!({"b": 2})],
                    "{} of {}",
                    client.name(),
                    upstream.name()
                );
            }
        }
    }
}

#[test]
fn roots_of_schemas_are_objects_everywhere() {
    let schemas = [
        json!({"anyOf": [{"type": "object", "properties": {"a": {"type": "string"}}}, {"type": "null"}]}),
        json!({"oneOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"a": {"const": 2}}}]}),
        json!({"allOf": [{"properties": {"a": {}}}, {"required": ["a"]}]}),
        json!({"$ref": "#/$defs/x", "$defs": {"x": {"type": "object", "properties": {"a": {}}}}}),
        json!({"properties": {"a": {}}}),
        json!({"type": ["object", "null"], "properties": {"a": {}}}),
        json!({"anyOf": [{"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]},
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}]}),
        json!({"oneOf": [{"$ref": "#/$defs/y"}, {"$ref": "#/$defs/x"}], "$defs": {
            "x": {"type": "object", "properties": {"a": {}}}, "y": {"type": "object", "properties": {"b": {}}}}}),
    ];
    for schema in schemas {
        for client in Dialect::ALL {
            let tools = match client {
                Dialect::Chat => {
                    json!([{"type": "function", "function": {"name": "f", "parameters": schema}}])
                }
                Dialect::Responses => {
                    json!([{"type": "function", "name": "f", "parameters": schema}])
                }
                Dialect::Messages => json!([{"name": "f", "input_schema": schema}]),
                Dialect::Gemini => {
                    json!([{"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema}]}])
                }
            };
            for upstream in others(client) {
                let (sent, _) = sent(client, upstream, &asked(client, tools.clone()));
                assert!(
                    sent["tools"].to_string().contains("\"a\""),
                    "{schema}: {sent}"
                );
                assert_eq!(
                    sent["tools"].to_string().contains("\"b\""),
                    schema.to_string().contains("\"b\""),
                    "{schema}: {sent}"
                );
            }
        }
    }
}
