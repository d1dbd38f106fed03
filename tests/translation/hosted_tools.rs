//! Tools that vendors run themselves, and the pieces of their results.

use holdfast::unversioned::translate::{self};
use holdfast::unversioned::wire::Dialect;
use serde_json::{Value, json};

use super::calls::{after_call, answer};
use super::fixtures::translated;
use super::tools::{asked, others, sent};

/// Tools of vendors: of whom, how they are defined, what they are called where they are left out, and the upstreams
/// that have them.
fn hosted() -> Vec<(Dialect, Value, &'static str, &'static [Dialect])> {
    use Dialect::{Gemini, Messages, Responses};
    vec![
        (
            Messages,
            json!({"type": "bash_20250124", "name": "bash"}),
            "bash_20250124",
            &[],
        ),
        (
            Messages,
            json!({"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"}),
            "text_editor_20250728",
            &[],
        ),
        (
            Messages,
            json!({"type": "mcp_toolset", "mcp_server_name": "x"}),
            "mcp_toolset",
            &[],
        ),
        (
            Messages,
            json!({"type": "code_execution_20250825", "name": "code_execution"}),
            "code_execution_20250825",
            &[Responses, Gemini],
        ),
        (
            Messages,
            json!({"type": "web_fetch_20250910", "name": "web_fetch"}),
            "web_fetch_20250910",
            &[Gemini],
        ),
        (
            Responses,
            json!({"type": "local_shell"}),
            "local_shell",
            &[],
        ),
        (
            Responses,
            json!({"type": "file_search", "vector_store_ids": ["v"]}),
            "file_search",
            &[],
        ),
        (
            Responses,
            json!({"type": "mcp", "server_label": "x", "authorization": "secret"}),
            "mcp",
            &[],
        ),
        (
            Responses,
            json!({"type": "image_generation"}),
            "image_generation",
            &[],
        ),
        (
            Responses,
            json!({"type": "code_interpreter", "container": {"type": "auto"}}),
            "code_interpreter",
            &[Messages, Gemini],
        ),
        (
            Gemini,
            json!({"codeExecution": {}}),
            "codeExecution",
            &[Messages, Responses],
        ),
        (Gemini, json!({"urlContext": {}}), "urlContext", &[Messages]),
        (Gemini, json!({"googleMaps": {}}), "googleMaps", &[]),
    ]
}

/// The same in a chat.
fn in_chat(home: Dialect, tool: &Value) -> Option<Value> {
    match home {
        Dialect::Gemini => match tool.as_object()?.keys().next()?.as_str() {
            "codeExecution" => Some(json!({"code_execution": {}})),
            "urlContext" => Some(json!({"url_context": {}})),
            _ => None,
        },
        _ => Some(tool.clone()),
    }
}

fn word(upstream: Dialect, name: &str) -> &'static str {
    let is_code = name.starts_with("code");
    match (upstream, is_code) {
        (Dialect::Messages, true) => "\"code_execution_20250825\"",
        (Dialect::Messages, false) => "\"web_fetch_20250910\"",
        (Dialect::Responses, _) => "\"code_interpreter\"",
        (_, true) => "\"codeExecution\"",
        (_, false) => "\"urlContext\"",
    }
}

#[test]
fn tools_of_vendors_are_mapped_or_named() {
    for (home, tool, name, upstreams) in hosted() {
        let mut clients = vec![(home, tool.clone())];
        clients.extend(in_chat(home, &tool).map(|tool| (Dialect::Chat, tool)));
        for (client, tool) in clients {
            for upstream in others(client) {
                if upstream == home && client != home && home != Dialect::Gemini {
                    // ChatQuirks by its type, it is passed on.
                    let (sent, translated) = sent(client, upstream, &asked(client, json!([tool])));
                    assert_eq!(sent["tools"][0]["type"], name, "{sent}");
                    assert!(translated.dropped.is_empty());
                    continue;
                }
                let what = format!("{name} from {} to {}", client.name(), upstream.name());
                let (sent, translated) = sent(client, upstream, &asked(client, json!([tool])));
                let has = upstreams.contains(&upstream) || upstream == home;
                match has {
                    true => {
                        assert!(
                            sent["tools"].to_string().contains(word(upstream, name)),
                            "{what}: {sent}"
                        );
                        assert!(translated.dropped.is_empty(), "{what}");
                    }
                    false => {
                        assert!(sent["tools"].is_null(), "{what}: {sent}");
                        assert_eq!(translated.dropped, [name], "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_left_out_is_not_repeated_as_if_it_were_active() {
    let function = json!({"type": "function", "name": "f", "parameters": {"type": "object"}});
    let tools = json!([function, {"type": "mcp", "server_label": "x"}, {"type": "web_search"}]);
    for (upstream, kept) in [
        (Dialect::Chat, 2),
        (Dialect::Messages, 2),
        (Dialect::Gemini, 1),
    ] {
        let (_, translated) = sent(
            Dialect::Responses,
            upstream,
            &asked(Dialect::Responses, tools.clone()),
        );
        let answer = answer(upstream, &[("c", "f", "{}")]).to_string();
        let (whole, _) = translate::whole(answer.as_bytes(), translated.context).unwrap();
        let whole: Value = serde_json::from_slice(&whole).unwrap();
        let repeated = whole["tools"].as_array().unwrap();
        assert_eq!(repeated.len(), kept, "{repeated:?}");
        let mut whole = function.clone();
        whole["description"] = Value::Null;
        whole["strict"] = false.into();
        assert_eq!(repeated[0], whole);
    }
}

#[test]
fn a_tool_that_is_left_out_cannot_be_forced() {
    let named = |name: &str| json!({"type": "tool", "name": name});
    let typed = |kind: &str| json!({"type": kind});
    let allowed = |mode: &str| json!({"type": "allowed_tools", "mode": mode, "tools": [{"type": "mcp", "server_label": "x"}]});
    let bash = json!([{"type": "bash_20250124", "name": "bash"}]);
    let mcp = json!([{"type": "mcp", "server_label": "x"}, {"type": "function", "name": "f"}]);
    for (client, tools, choice, word) in [
        (Dialect::Messages, bash.clone(), named("bash"), "bash"),
        (
            Dialect::Messages,
            bash,
            json!({"type": "any"}),
            "bash_20250124",
        ),
        (Dialect::Responses, mcp.clone(), typed("mcp"), "mcp"),
        (Dialect::Responses, mcp.clone(), allowed("required"), "mcp"),
        (
            Dialect::Chat,
            json!([{"type": "file_search"}]),
            typed("file_search"),
            "file_search",
        ),
    ] {
        for upstream in others(client)
            .filter(|upstream| (client, *upstream) != (Dialect::Chat, Dialect::Responses))
        {
            let mut body = asked(client, tools.clone());
            body["tool_choice"] = choice.clone();
            let why = translated(client, upstream, body.to_string().as_bytes());
            let why = why
                .map(|translated| String::from_utf8(translated.body))
                .unwrap_err();
            assert_eq!(why.path, "tool_choice", "{why}");
            assert!(
                why.why.contains(word) && why.why.contains(upstream.name()),
                "{why}"
            );
        }
    }
    // Where nothing need be called, nothing is.
    let mut body = asked(Dialect::Responses, mcp);
    body["tool_choice"] = allowed("auto");
    let (sent, _) = sent(Dialect::Responses, Dialect::Messages, &body);
    assert_eq!(sent["tool_choice"]["type"], "none", "{sent}");
}

#[test]
fn a_tool_that_both_have_can_be_forced() {
    let code = json!([{"type": "code_interpreter", "container": {"type": "auto"}}]);
    let mut body = asked(Dialect::Responses, code);
    body["tool_choice"] = json!({"type": "code_interpreter"});
    let (to_messages, _) = sent(Dialect::Responses, Dialect::Messages, &body);
    assert_eq!(
        to_messages["tool_choice"],
        json!({"type": "tool", "name": "code_execution"})
    );
    let mut body = asked(
        Dialect::Messages,
        json!([{"type": "code_execution_20250825", "name": "code_execution"}]),
    );
    body["tool_choice"] = json!({"type": "tool", "name": "code_execution"});
    let (to_responses, _) = sent(Dialect::Messages, Dialect::Responses, &body);
    assert_eq!(
        to_responses["tool_choice"],
        json!({"type": "code_interpreter"})
    );
}

#[test]
fn calls_of_vendors_tools_become_calls_and_results() {
    let items = [
        (
            json!({"type": "local_shell_call", "id": "l", "call_id": "c", "action": {"type": "exec", "command": ["ls"]}}),
            json!({"type": "local_shell_call_output", "call_id": "c", "output": "a.txt"}),
            "ls",
            "a.txt",
        ),
        (
            json!({"type": "local_shell_call", "call_id": "c", "action": {"type": "exec", "command": ["ls"]}}),
            json!({"type": "function_call_output", "call_id": "c", "output": "a.txt"}),
            "ls",
            "a.txt",
        ),
        (
            json!({"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}}),
            json!({"type": "shell_call_output", "call_id": "c", "output": [{"stdout": "a.txt", "outcome": {"type": "exit"}}]}),
            "ls",
            "a.txt",
        ),
        (
            json!({"type": "apply_patch_call", "call_id": "c", "operation": {"type": "delete_file", "path": "b"}}),
            json!({"type": "apply_patch_call_output", "call_id": "c", "status": "completed", "output": "gone"}),
            "delete_file",
            "gone",
        ),
        (
            json!({"type": "mcp_call", "id": "m", "server_label": "s", "name": "look", "arguments": "{\"at\":1}", "output": "seen"}),
            json!({"type": "reasoning", "summary": []}),
            "at",
            "seen",
        ),
    ];
    for (call, output, word, result) in items {
        for upstream in others(Dialect::Responses) {
            let body = json!({"input": [{"role": "user", "content": "q"}, call, output, {"role": "user", "content": "go on"}]});
            let (sent, _) = sent(Dialect::Responses, upstream, &body);
            let text = sent.to_string();
            assert!(text.contains(word) && text.contains(result), "{text}");
            // Not as words of the user.
            assert!(!text.contains("Tool result for"), "{text}");
            let kind = match upstream {
                Dialect::Chat => "tool_calls",
                Dialect::Messages => "tool_use",
                _ => "functionCall",
            };
            assert!(text.contains(kind), "{text}");
        }
    }
    let body = json!({"max_tokens": 5, "messages": [{"role": "user", "content": "q"},
        {"role": "assistant", "content": [
            {"type": "mcp_tool_use", "id": "m1", "name": "look", "server_name": "s", "input": {"at": 1}},
            {"type": "mcp_tool_result", "tool_use_id": "m1", "is_error": false,
                "content": [{"type": "text", "text": "seen"}]},
            {"type": "text", "text": "so it is"}]},
        {"role": "user", "content": "go on"}]});
    for upstream in others(Dialect::Messages) {
        let (sent, _) = sent(Dialect::Messages, upstream, &body);
        let text = sent.to_string();
        for word in ["look", "at", "seen", "so it is"] {
            assert!(text.contains(word), "{word} {text}");
        }
        assert!(!text.contains("Tool result for"), "{text}");
    }
}

/// A conversation with a result of these pieces.
fn with_result(client: Dialect, pieces: &Value) -> Value {
    let mut body = after_call(client, "c1", "{}");
    match client {
        Dialect::Chat => body["messages"][2]["content"] = pieces.clone(),
        Dialect::Responses => body["input"][2]["output"] = pieces.clone(),
        Dialect::Messages => body["messages"][2]["content"][0]["content"] = pieces.clone(),
        Dialect::Gemini => {
            body["contents"][2]["parts"][0]["functionResponse"]["parts"] = pieces.clone();
        }
    }
    body
}

#[test]
fn pieces_of_results_never_end_a_session() {
    let pieces = [
        (
            json!([{"type": "tool_reference", "tool_name": "look_up"}]),
            "look_up",
        ),
        (
            json!([{"type": "brand_new", "value": {"deep": "inside"}}]),
            "inside",
        ),
        (json!([{"stdout": "without a type"}]), "without a type"),
        (
            json!([{"type": "image_url", "image_url": {}}, 7]),
            "image_url",
        ),
        (
            json!([{"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}]),
            "au",
        ),
        (
            json!([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}]),
            "iVBORw0KGgo=",
        ),
        (
            json!([{"type": "image", "data": "iVBORw0KGgo=", "mimeType": "image/png"}]),
            "iVBORw0KGgo=",
        ),
        (
            json!([{"type": "image", "source": {"type": "base64", "media_type": "image/bmp", "data": "Qk0="}}]),
            "im",
        ),
    ];
    for client in Dialect::ALL {
        for upstream in others(client) {
            for (pieces, word) in &pieces {
                let is_typed = client != Dialect::Gemini;
                let (sent, _) = sent(client, upstream, &with_result(client, pieces));
                assert!(!is_typed || sent.to_string().contains(word), "{sent}");
            }
        }
    }
    let pieces = json!([{"newPart": {"deep": "inside"}}, {"inlineData": {"mimeType": "audio/wav", "data": "aGk="}}]);
    for upstream in others(Dialect::Gemini) {
        let (sent, _) = sent(
            Dialect::Gemini,
            upstream,
            &with_result(Dialect::Gemini, &pieces),
        );
        assert!(sent.to_string().contains("inside"), "{sent}");
    }
}

#[test]
fn blocks_of_messages_are_understood_in_other_bodies() {
    let call = json!([{"type": "text", "text": "hm"}, {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}]);
    let result = json!([{"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "done"}]},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
        {"type": "text", "text": "and?"}]);
    let turns = json!([{"role": "user", "content": "q"}, {"role": "assistant", "content": call}, {"role": "user", "content": result}]);
    let tools = json!([{"name": "f", "description": "does f", "input_schema": {"type": "object", "properties": {"a": {"type": "integer"}}}}]);
    for (client, body) in [
        (
            Dialect::Chat,
            json!({"messages": turns, "tools": tools, "tool_choice": {"type": "auto"}}),
        ),
        (Dialect::Responses, json!({"input": turns})),
    ] {
        for upstream in others(client) {
            let (sent, _) = sent(client, upstream, &body);
            let text = sent.to_string();
            for word in ["hm", "done", "and?", "iVBORw0KGgo="] {
                assert!(text.contains(word), "{word} in {text}");
            }
            assert!(!text.contains("Tool result for"), "{text}");
            assert!(
                client == Dialect::Responses || text.contains("does f"),
                "{text}"
            );
        }
    }
}

#[test]
fn results_without_their_calls_are_kept_whole() {
    let png = "data:image/png;base64,iVBORw0KGgo=";
    let stray = json!({"input": [{"role": "user", "content": "q"}, {"type": "function_call_output", "call_id": "lost",
        "output": [{"type": "input_text", "text": "here"}, {"type": "input_image", "image_url": png}]}]});
    let in_blocks = json!({"max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "lost", "content": [
        {"type": "text", "text": "here"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}]}]}]});
    for (client, body) in [(Dialect::Responses, stray), (Dialect::Messages, in_blocks)] {
        for upstream in others(client) {
            let (sent, _) = sent(client, upstream, &body);
            let text = sent.to_string();
            assert!(
                text.contains("Tool result for lost: here") && text.contains("iVBORw0KGgo="),
                "{text}"
            );
        }
    }
}
