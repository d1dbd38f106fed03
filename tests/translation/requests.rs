//! What a client says reaches the upstream, whatever its dialect.

use holdfast::unversioned::translate::neutral::ids::UpstreamCallIds;
use holdfast::unversioned::translate::neutral::names::Names;
use holdfast::unversioned::translate::neutral::place::Direction;
use holdfast::unversioned::translate::neutral::{
    Part, Request, Role, Source, ToolChoice, lazy, repair,
};
use holdfast::unversioned::translate::{chat, gemini, messages, responses};
use holdfast::unversioned::wire::Dialect;
use serde_json::{Map, Value, json};

use super::fixtures::{of_kind, translated};
use super::grammar;

pub fn read(dialect: Dialect, body: &[u8]) -> Request<'static> {
    let body = lazy::open(body).unwrap();
    let way = Direction::within(dialect);
    match dialect {
        Dialect::Chat => chat::read::request(body, way),
        Dialect::Responses => responses::read::request(body, way),
        Dialect::Messages => messages::read::request(body, way),
        Dialect::Gemini => gemini::read::request(body, way, "m", true),
    }
    .unwrap()
    .into_owned()
}

/// What of a request must arrive everywhere, in its order: what was said by whom, what was called with what, and
/// what came of it.
pub fn essence(request: Request, names: &Names) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let system: Vec<String> = request.system.into_iter().map(|text| text.text).collect();
    lines.extend(
        system
            .join("\n\n")
            .lines()
            .map(|line| format!("system {line}")),
    );
    let mut turns = repair::tool_turns(request.turns, UpstreamCallIds::new(Dialect::Responses));
    for turn in &mut turns {
        if turn.role == Role::System {
            turn.role = Role::User;
        }
    }
    for turn in repair::merge_turns(turns) {
        let who = match turn.role {
            Role::Assistant => "model",
            Role::User | Role::System => "user",
        };
        let mut said = String::new();
        for part in turn.parts {
            match part {
                Part::Text(text) => said.push_str(&text.text),
                Part::Refusal(text) => said.push_str(&text),
                Part::Image { source, .. } | Part::File { source, .. } | Part::Video(source) => {
                    lines.push(format!("{who} shows {}", medium(&source)));
                }
                Part::Audio { data, .. } => lines.push(format!("{who} plays {data}")),
                Part::ToolCall(call) => {
                    let arguments = match call.arguments.as_str() {
                        "" => Value::Object(Map::new()),
                        text => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
                    };
                    // A tool of text is a tool with one argument elsewhere.
                    let input = arguments.get("input");
                    let arguments = input.unwrap_or(&arguments);
                    lines.push(format!(
                        "{who} calls {} {arguments}",
                        names.wire(&call.name)
                    ));
                }
                Part::ToolResult(result) => {
                    let mut texts = Vec::new();
                    for part in result.parts {
                        match part {
                            Part::Text(text) => texts.push(text.text),
                            Part::Image { source, .. } | Part::File { source, .. } => {
                                lines.push(format!("{who} shows {}", medium(&source)));
                            }
                            _ => {}
                        }
                    }
                    let text = texts.join("\n");
                    let parsed = serde_json::from_str::<Value>(&text);
                    let text = parsed.map_or(text, |value| value.to_string());
                    let text = text.trim_start_matches("Error: ");
                    lines.push(format!("{who} answers {text}"));
                }
                Part::Reasoning { .. } | Part::Opaque(_) => {}
            }
        }
        // Instructions in the middle are the user's words where there are none.
        let said = said
            .replace("<system-reminder>", "")
            .replace("</system-reminder>", "");
        let words: Vec<&str> = said.split_whitespace().collect();
        if !words.is_empty() {
            lines.push(format!("{who} says {}", words.concat()));
        }
    }
    lines.sort();
    lines
}

/// Names of tools as the upstream takes them.
fn names(upstream: Dialect, request: &Request) -> Names {
    let defined = request.tools.iter().map(|tool| tool.name.as_str());
    let parts = request.turns.iter().flat_map(|turn| &turn.parts);
    let called = parts.filter_map(|part| match part {
        Part::ToolCall(call) => Some(call.name.as_str()),
        _ => None,
    });
    Names::new(upstream, defined.chain(called))
}

fn medium(source: &Source) -> String {
    match source {
        Source::Data { mime, data } => format!("{mime} {}", &data[..10]),
        Source::Url(url) => url.clone(),
        Source::FileId(id) => id.clone(),
        Source::Text(text) => format!(
            "text/plain {}",
            &holdfast::unversioned::translate::neutral::media::base64(text.as_bytes())[..10]
        ),
    }
}

/// Fixtures that hold what the upstream cannot be told, with the word that the refusal must have.
const REFUSED: [(&str, Dialect, &str); 5] = [
    ("chat-req-06-images-and-file", Dialect::Messages, "audio"),
    ("chat-req-06-images-and-file", Dialect::Responses, "audio"),
    ("gemini-req-06-media-thinking", Dialect::Chat, "provider"),
    ("gemini-req-06-media-thinking", Dialect::Messages, "audio"),
    ("gemini-req-06-media-thinking", Dialect::Responses, "audio"),
];

#[test]
fn everything_that_was_said_arrives() {
    let mut crossings = 0;
    let mut unexpected = Vec::new();
    for fixture in of_kind("request") {
        for upstream in Dialect::ALL {
            let what = format!("{} to {}", fixture.name, upstream.name());
            let refusal = REFUSED
                .iter()
                .find(|(name, to, _)| *name == fixture.name && *to == upstream);
            match (
                translated(fixture.dialect, upstream, &fixture.body()),
                refusal,
            ) {
                (Err(error), Some((_, _, word))) => {
                    assert!(error.to_string().contains(word), "{what}: {error}");
                }
                (Err(error), None) => unexpected.push(format!("{what}: {error}")),
                (Ok(_), Some(_)) => panic!("{what} should be refused"),
                (Ok(translated), None) => {
                    let mut body: Value = serde_json::from_slice(&translated.body).unwrap();
                    if upstream == Dialect::Gemini {
                        body["model"] = "m".into();
                    }
                    assert_eq!(grammar::requests::check(upstream, &body), Ok(()), "{what}");
                    let sent = read(upstream, &translated.body);
                    let asked = read(fixture.dialect, &fixture.body());
                    let names = names(upstream, &asked);
                    let said = essence(asked, &names);
                    assert_eq!(
                        essence(sent, &names),
                        said,
                        "{what}\n{}",
                        String::from_utf8_lossy(&translated.body)
                    );
                    crossings += 1;
                }
            }
        }
    }
    assert!(unexpected.is_empty(), "{unexpected:#?}");
    assert!(crossings > 80, "{crossings}");
}

#[test]
fn tools_and_their_choice_arrive() {
    for fixture in of_kind("request") {
        let asked = read(fixture.dialect, &fixture.body());
        for upstream in Dialect::ALL {
            let Ok(translated) = translated(fixture.dialect, upstream, &fixture.body()) else {
                continue;
            };
            let what = format!("{} to {}", fixture.name, upstream.name());
            let sent = read(upstream, &translated.body);
            let is_limited = matches!(asked.tool_choice, Some(ToolChoice::Allowed { .. }));
            if !is_limited {
                assert_eq!(sent.tools.len(), asked.tools.len(), "{what}");
                for (sent, asked) in sent.tools.iter().zip(&asked.tools) {
                    assert!(
                        sent.name.len() <= 64 || upstream == Dialect::Messages,
                        "{what}"
                    );
                    let described = asked.description.as_deref().unwrap_or_default();
                    let sent = sent.description.as_deref().unwrap_or_default();
                    assert!(sent.starts_with(described), "{what}");
                }
            }
            if asked.tools.is_empty() && asked.web_search.is_none() {
                assert!(sent.tool_choice.is_none(), "{what}");
            }
            let number = |request: &Request| request.sampling.max_tokens;
            if let Some(wanted) = number(&asked) {
                assert_eq!(number(&sent), Some(wanted), "{what}");
            }
            assert_eq!(
                sent.stop.is_empty(),
                asked.stop.is_empty() || upstream == Dialect::Responses,
                "{what}"
            );
        }
    }
}

#[test]
fn nothing_is_sent_as_null() {
    fn has_null(value: &Value, is_content: bool) -> bool {
        match value {
            Value::Null => !is_content,
            Value::Array(list) => list.iter().any(|value| has_null(value, false)),
            Value::Object(map) => map
                .iter()
                // A chat message that only calls has no content, and says so.
                // Arguments are the model's own.
                .filter(|(key, _)| !["enum", "input", "args"].contains(&key.as_str()))
                .any(|(key, value)| has_null(value, key == "content")),
            _ => false,
        }
    }
    for fixture in of_kind("request") {
        for upstream in Dialect::ALL {
            if let Ok(translated) = translated(fixture.dialect, upstream, &fixture.body()) {
                let body: Value = serde_json::from_slice(&translated.body).unwrap();
                assert!(
                    !has_null(&body, false),
                    "{} to {}: {body}",
                    fixture.name,
                    upstream.name()
                );
            }
        }
    }
}

#[test]
fn schemas_are_fit_for_gemini_and_arguments_for_the_client() {
    let body = r##"{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{
        "name":"book","parameters":{"type":"object","additionalProperties":false,"properties":{
        "guests":{"type":"integer","enum":[2,4]},"title":{"$ref":"#/$defs/text"}},
        "$defs":{"text":{"type":"string","minLength":1}}}}}]}"##;
    let translated = translated(Dialect::Chat, Dialect::Gemini, body.as_bytes()).unwrap();
    let sent: Value = serde_json::from_slice(&translated.body).unwrap();
    let schema = &sent["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"];
    assert_eq!(schema["properties"]["guests"]["enum"], json!(["2", "4"]));
    assert_eq!(schema["properties"]["title"]["type"], "string");
    assert!(schema.get("$defs").is_none() && schema.get("additionalProperties").is_none());
    let answer = br#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"book","args":{"guests":"4","title":"t"}}}]},"finishReason":"STOP"}]}"#;
    let (answer, _) = holdfast::unversioned::translate::whole(answer, translated.context).unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let call = &answer["choices"][0]["message"]["tool_calls"][0]["function"];
    let arguments: Value = serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(arguments, json!({"guests": 4, "title": "t"}));
}

#[test]
fn a_loop_that_has_lost_its_thoughts_goes_on_without() {
    use holdfast::unversioned::translate;
    use holdfast::unversioned::translate::{Form, TranslationInput};
    let body = r#"{"reasoning_effort":"medium","messages":[{"role":"user","content":"q"},
        {"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},
        {"role":"tool","tool_call_id":"c","content":"x"}NEXT],
        "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]}"#;
    let thinking = |next: &str, model: &str| {
        let body = body.replace("NEXT", next);
        let ask = TranslationInput {
            client: Dialect::Chat,
            form: Form::Usual,
            upstream: Dialect::Messages,
            body: body.as_bytes(),
            model: "m",
            upstream_model: model,
            stream: true,
            suffix: None,
            support: None,
            seed: "seed",
            now: 1,
        };
        let body: Value = serde_json::from_slice(&translate::request(&ask).unwrap().body).unwrap();
        body["thinking"]["type"].clone()
    };
    // A client of chats has no place for signatures, so its loops never have their thoughts.
    assert_eq!(thinking("", "claude-sonnet-4-5"), "disabled");
    assert_eq!(thinking("", "claude-opus-4-6"), "adaptive");
    let next = r#",{"role":"assistant","content":"a"},{"role":"user","content":"next"}"#;
    assert_eq!(thinking(next, "claude-sonnet-4-5"), "enabled");
}

/// The body of an upstream for a client's, for a model.
fn sent(client: Dialect, body: &Value, upstream: Dialect, model: &str) -> Result<Value, String> {
    use holdfast::unversioned::translate;
    use holdfast::unversioned::translate::{Form, TranslationInput};
    let body = body.to_string();
    let ask = TranslationInput {
        client,
        form: Form::Usual,
        upstream,
        body: body.as_bytes(),
        model: "m",
        upstream_model: model,
        stream: false,
        suffix: None,
        support: None,
        seed: "seed",
        now: 1,
    };
    let translated = translate::request(&ask).map_err(|why| why.to_string())?;
    Ok(serde_json::from_slice(&translated.body).unwrap())
}

#[test]
fn a_tool_that_is_chosen_must_be_there() {
    let function = |name: &str, description: &str| json!({"type": "function", "function": {"name": name, "description": description}});
    let body = |chosen: &str, tools: Value| {
        json!({"messages": [{"role": "user", "content": "x"}], "tools": tools,
        "tool_choice": {"type": "function", "function": {"name": chosen}}})
    };
    for upstream in Dialect::ALL {
        let tools = json!([function("f", "first"), function("f", "second")]);
        let good = sent(Dialect::Chat, &body("f", tools.clone()), upstream, "m").unwrap();
        let text = good.to_string();
        assert!(text.contains("first") && !text.contains("second"), "{text}");
        let why = sent(Dialect::Chat, &body("g", tools), upstream, "m").unwrap_err();
        assert_eq!(why, "tool_choice: there is no tool \"g\"");
        // Without tools there is nothing to choose.
        assert!(sent(Dialect::Chat, &body("g", json!([])), upstream, "m").is_ok());
    }
    let body = json!({"input": "x", "tool_choice": {"type": "function", "name": "child"}, "tools": [
        {"type": "namespace", "name": "crm", "tools": [{"type": "function", "name": "child"}]}]});
    let sent = sent(Dialect::Responses, &body, Dialect::Messages, "m").unwrap();
    assert_eq!(sent["tool_choice"]["name"], "crm__child");
}

#[test]
fn only_some_models_go_on_from_what_was_begun() {
    let body = json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "{"}]});
    for (upstream, model, expected) in [
        (Dialect::Messages, "claude-sonnet-4-5", 2),
        (Dialect::Messages, "claude-opus-4-7", 1),
        (Dialect::Responses, "gpt-5.4", 2),
        (Dialect::Gemini, "gemini-2.5-pro", 1),
    ] {
        let sent = sent(Dialect::Chat, &body, upstream, model).unwrap();
        let turns = ["messages", "input", "contents"]
            .iter()
            .find_map(|key| sent[key].as_array());
        assert_eq!(turns.map(Vec::len), Some(expected), "{model}");
    }
}

#[test]
fn instructions_alone_are_the_users() {
    let body = json!({"messages": [{"role": "system", "content": "count to ten"}]});
    for upstream in Dialect::ALL {
        let sent = sent(Dialect::Chat, &body, upstream, "m").unwrap();
        let mut checked = sent.clone();
        checked["model"] = "m".into();
        assert_eq!(
            grammar::requests::check(upstream, &checked),
            Ok(()),
            "{sent}"
        );
        let turns = ["messages", "input", "contents"]
            .iter()
            .find_map(|key| sent[key].as_array());
        let first = turns.and_then(|turns| turns.first()).unwrap();
        assert_eq!(first["role"], "user", "{sent}");
    }
}

#[test]
fn forms_of_output_are_output_instruction_as_far_as_they_can_be() {
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer", "minimum": 1, "description": "a number"},
        "minimum": {"type": "string", "maxLength": 3}}});
    let mut body = json!({"messages": [{"role": "user", "content": "x"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "r", "schema": schema}}});
    let told = sent(Dialect::Chat, &body, Dialect::Messages, "claude-opus-4-7").unwrap();
    let properties = &told["output_config"]["format"]["schema"]["properties"];
    let expected = json!({"n": {"type": "integer", "description": "a number (minimum: 1)"},
        "minimum": {"type": "string", "description": "maxLength: 3"}});
    assert_eq!(*properties, expected);

    body["tools"] = json!([{"type": "function", "function": {"name": "f"}}]);
    let old = sent(Dialect::Chat, &body, Dialect::Gemini, "gemini-2.5-pro").unwrap();
    assert!(
        old["generationConfig"]["responseMimeType"].is_null(),
        "{old}"
    );
    let asked = old["systemInstruction"]["parts"][0]["text"]
        .as_str()
        .unwrap();
    assert!(asked.contains("maxLength"), "{asked}");
    let new = sent(Dialect::Chat, &body, Dialect::Gemini, "gemini-3-pro").unwrap();
    assert_eq!(
        new["generationConfig"]["responseMimeType"],
        "application/json"
    );
    assert!(new["systemInstruction"].is_null(), "{new}");
}

#[test]
fn texts_as_files_are_texts_where_files_are_pdfs() {
    let file = json!({"type": "file", "file": {"filename": "a.txt", "file_data": "data:text/plain;base64,aMOp"}});
    let body = json!({"messages": [{"role": "user", "content": [file]}]});
    let sent = sent(Dialect::Chat, &body, Dialect::Messages, "m").unwrap();
    let source = &sent["messages"][0]["content"][0]["source"];
    assert_eq!(
        *source,
        json!({"type": "text", "media_type": "text/plain", "data": "hé"})
    );
}

#[test]
fn what_is_googles_in_a_chat_reaches_google() {
    let body = json!({"messages": [{"role": "user", "content": "x"}], "temperature": 0.5,
        "modalities": ["text", "image"], "image_config": {"aspect_ratio": "16:9"},
        "generationConfig": {"temperature": 1, "mediaResolution": "MEDIA_RESOLUTION_LOW"},
        "tools": [{"google_search": {}}, {"url_context": {}}, {"code_execution": {}}]});
    let google = sent(Dialect::Chat, &body, Dialect::Gemini, "gemini-3-pro").unwrap();
    assert_eq!(
        google["generationConfig"],
        json!({"temperature": 0.5, "mediaResolution": "MEDIA_RESOLUTION_LOW",
            "responseModalities": ["TEXT", "IMAGE"], "imageConfig": {"aspectRatio": "16:9"}})
    );
    let tools = json!([{"googleSearch": {}}, {"urlContext": {}}, {"codeExecution": {}}]);
    assert_eq!(google["tools"], tools);
    // The others have what they have of it.
    for (upstream, count) in [(Dialect::Messages, 3), (Dialect::Responses, 2)] {
        let other = sent(Dialect::Chat, &body, upstream, "m").unwrap();
        let tools = other["tools"].as_array().map(Vec::len);
        assert_eq!(tools, Some(count), "{other}");
    }
}

#[test]
fn a_clients_word_to_its_vendor_stays_there() {
    let body = json!({"max_tokens": 9, "messages": [{"role": "user", "content": "x"}], "system": [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2"}, {"type": "text", "text": "be brief"}]});
    for upstream in [Dialect::Chat, Dialect::Responses, Dialect::Gemini] {
        let sent = sent(Dialect::Messages, &body, upstream, "m")
            .unwrap()
            .to_string();
        assert!(
            sent.contains("be brief") && !sent.contains("cc_version"),
            "{sent}"
        );
    }
}

/// What goes to a Gemini upstream as the turn of the model behind the first question.
fn models_turn(client: Dialect, body: &Value, model: &str) -> Value {
    let sent = sent(client, body, Dialect::Gemini, model).unwrap();
    sent["contents"][1]["parts"].clone()
}

#[test]
fn calls_and_results_have_ids_where_the_model_takes_them() {
    let body = json!({"messages": [{"role": "user", "content": "q"},
        {"role": "assistant", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "c2", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c2", "content": "2"},
        {"role": "tool", "tool_call_id": "c1", "content": "1"}]});
    for (model, first, second) in [
        ("gemini-3-pro-preview", json!("c1"), json!("c2")),
        ("gemini-2.5-flash", Value::Null, Value::Null),
        ("gemini-1.5-pro", Value::Null, Value::Null),
    ] {
        let sent = sent(Dialect::Chat, &body, Dialect::Gemini, model).unwrap();
        for (turn, kind) in [(1, "functionCall"), (2, "functionResponse")] {
            let parts = &sent["contents"][turn]["parts"];
            assert_eq!(parts[0][kind]["id"], first, "{model}");
            assert_eq!(parts[1][kind]["id"], second, "{model}");
        }
    }
}

#[test]
fn geminis_signatures_go_back_to_where_they_were() {
    const UNCHECKED: &str = "skip_thought_signature_validator";
    let thought =
        |signature: &str| json!({"type": "thinking", "thinking": "hm", "signature": signature});
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "f", "input": {}});
    let text = json!({"type": "text", "text": "a"});
    // Of each part that is sent: what it is, and its signature.
    for (blocks, new, old) in [
        (
            json!([thought("gemini#S"), call("c1"), call("c2")]),
            json!([["call", "S"], ["call", null]]),
            json!([["call", "S"], ["call", null]]),
        ),
        (
            json!([
                thought("gemini#S"),
                call("c1"),
                thought("gemini#T"),
                call("c2")
            ]),
            json!([["call", "S"], ["call", "T"]]),
            json!([["call", "S"], ["call", "T"]]),
        ),
        (
            json!([thought("gemini#S"), text, call("c1")]),
            json!([["thought", "S"], ["text", null], ["call", UNCHECKED]]),
            json!([["text", null], ["call", null]]),
        ),
        (
            json!([thought("Eclaude"), call("c1")]),
            json!([["call", UNCHECKED]]),
            json!([["call", null]]),
        ),
        (
            json!([thought("gemini#S"), text]),
            json!([["thought", "S"], ["text", null]]),
            json!([["text", null]]),
        ),
    ] {
        let results: Vec<Value> = ["c1", "c2"]
            .iter()
            .map(|id| json!({"type": "tool_result", "tool_use_id": id, "content": "x"}))
            .collect();
        let body = json!({"max_tokens": 9, "messages": [{"role": "user", "content": "q"},
            {"role": "assistant", "content": blocks}, {"role": "user", "content": results}]});
        for (model, expected) in [("gemini-3-pro", new), ("gemini-2.5-pro", old)] {
            let parts = models_turn(Dialect::Messages, &body, model);
            let seen: Vec<Value> = parts
                .as_array()
                .unwrap()
                .iter()
                .map(|part| {
                    let kind = match part {
                        part if part["thought"] == true => "thought",
                        part if part["functionCall"].is_object() => "call",
                        _ => "text",
                    };
                    json!([kind, part["thoughtSignature"]])
                })
                .collect();
            assert_eq!(Value::from(seen), expected, "{model}: {blocks}");
        }
    }
    // A reasoning item stands for the same.
    let body = json!({"input": [{"role": "user", "content": "q"},
        {"type": "reasoning", "summary": [], "encrypted_content": "gemini#S"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "x"}]});
    let parts = models_turn(Dialect::Responses, &body, "gemini-3-pro");
    assert_eq!(parts[0]["thoughtSignature"], "S", "{parts}");
    assert_eq!(parts.as_array().map(Vec::len), Some(1));
}
