//! Each rule refuses what it is for, in the vendor's words, and takes what is right.

use serde_json::json;

use super::*;
use crate::demo::model;

fn refusal(dialect: Dialect, model: &str, body: &Value) -> Option<String> {
    flavoured(dialect, Flavour::Plain, model, body)
}

fn flavoured(dialect: Dialect, flavour: Flavour, model: &str, body: &Value) -> Option<String> {
    let target = Target {
        dialect,
        flavour,
        action: Action::Generate,
        model: None,
        streams: None,
    };
    let checked = check(&target, Asked { model, body });
    checked.err().map(|fault| fault.message)
}

/// Each of these is refused by a vendor in words that contain these, and what it is made from is not.
fn refused_by(flavour: Flavour, dialect: Dialect, whole: &Value, cases: &[(&str, Value, &str)]) {
    let model = model(dialect.name());
    assert_eq!(flavoured(dialect, flavour, model, whole), None);
    for (member, value, words) in cases {
        let mut body = whole.clone();
        body[*member] = value.clone();
        let refusal = flavoured(dialect, flavour, model, &body).unwrap_or_default();
        assert!(refusal.contains(words), "{body}: {refusal}");
        assert_eq!(
            flavoured(dialect, Flavour::Plain, model, &body),
            None,
            "{body}"
        );
    }
}

#[test]
fn the_backend_of_chatgpt() {
    let whole = json!({"stream": true, "store": false, "instructions": "", "input": [
        {"role": "developer", "content": "d"},
        {"role": "user", "content": [{"type": "input_text", "text": "a"}]},
    ], "tools": [{"type": "web_search"}], "tool_choice": {"type": "web_search"}});
    let marked = json!([{"role": "user", "content": [
        {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
    ]}]);
    let cases = [
        ("stream", json!(false), "Stream must be"),
        ("store", json!(true), "Store must be"),
        ("instructions", json!(null), "Instructions are"),
        ("input", json!("a"), "Input must be"),
        (
            "input",
            json!([{"role": "system", "content": "s"}]),
            "System messages",
        ),
        ("input", marked, "prompt_cache_breakpoint"),
        (
            "temperature",
            json!(1),
            "Unsupported parameter: temperature",
        ),
        ("user", json!("u"), "Unsupported parameter: user"),
        (
            "max_output_tokens",
            json!(20),
            "Unsupported parameter: max_output_tokens",
        ),
        (
            "tools",
            json!([{"type": "web_search_preview"}]),
            "Unsupported tool type",
        ),
        (
            "tool_choice",
            json!({"type": "web_search_preview_2025_03_11"}),
            "Unsupported tool type",
        ),
        (
            "tool_choice",
            json!({"type": "allowed_tools", "tools": [{"type": "web_search_preview"}]}),
            "Unsupported tool type",
        ),
    ];
    refused_by(Flavour::ChatGpt, Dialect::Responses, &whole, &cases);
}

#[test]
fn kimi() {
    let calling = |reasoning: Value| {
        json!([{"role": "user", "content": "a"},
            {"role": "assistant", "content": "", "reasoning_content": reasoning, "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "b"}])
    };
    let whole = json!({"messages": calling(json!("r"))});
    let cases = [
        ("messages", calling(json!(null)), "message at index 1"),
        ("messages", calling(json!(" ")), "message at index 1"),
    ];
    refused_by(Flavour::Kimi, Dialect::Chat, &whole, &cases);
    for (model, is_taken) in [
        ("k3", true),
        ("kimi-for-coding-highspeed", true),
        ("kimi-k3", false),
        ("KIMI-K3", false),
        ("k3[1m]", false),
    ] {
        for dialect in [Dialect::Chat, Dialect::Messages] {
            let body = json!({"max_tokens": 9, "messages": [{"role": "user", "content": "a"}]});
            let refusal = flavoured(dialect, Flavour::Kimi, model, &body);
            assert_eq!(refusal.is_none(), is_taken, "{model}: {refusal:?}");
        }
    }
}

#[test]
fn xai() {
    let function = json!({"type": "function", "name": "f", "parameters": {"type": "object"}});
    let whole = json!({"input": [{"role": "user", "content": "a"},
            {"type": "reasoning", "summary": [], "encrypted_content": "of xAI"}],
        "tools": [function, {"type": "x_search"}], "tool_choice": "auto",
        "reasoning": {"effort": "low"}});
    let foreign = |encrypted: &str| json!([{"type": "reasoning", "summary": [], "encrypted_content": encrypted}]);
    let cases = [
        (
            "tools",
            json!([{"type": "custom", "name": "f"}]),
            "unknown variant `custom`",
        ),
        (
            "tools",
            json!([{"type": "image_generation"}]),
            "unknown variant `image_generation`",
        ),
        ("tools", json!(null), "no tools were specified"),
        ("stop", json!(["x"]), "stop"),
        ("input", foreign("gAAAAB"), "decrypt"),
        ("input", foreign("claude#x"), "decrypt"),
    ];
    refused_by(Flavour::Xai, Dialect::Responses, &whole, &cases);
    let asks = json!({"input": [], "reasoning": {"effort": "low"}});
    let refusal = flavoured(Dialect::Responses, Flavour::Xai, "grok-4", &asks);
    assert!(refusal.unwrap().contains("reasoningEffort"));
    let bare = json!({"input": [], "tools": [{"type": "function", "name": "f"}]});
    let refusal = flavoured(Dialect::Responses, Flavour::Xai, "grok-4", &bare);
    assert!(refusal.unwrap().contains("parameters"));
}

/// Each of these is refused in words that contain these, and what it is made from is not.
fn refused(dialect: Dialect, whole: &Value, cases: Vec<(&str, Value, &str)>) {
    let model = model(dialect.name());
    assert_eq!(refusal(dialect, model, whole), None);
    for (member, value, words) in cases {
        let mut body = whole.clone();
        body[member] = value;
        let refusal = refusal(dialect, model, &body).unwrap_or_default();
        assert!(refusal.contains(words), "{body}: {refusal}");
    }
}

#[test]
fn messages() {
    let said = |role: &str, content: Value| json!({"role": role, "content": content});
    let ask = || said("user", json!("a"));
    let call = |id: &str| {
        said(
            "assistant",
            json!([{"type": "tool_use", "id": id, "name": "f", "input": {}}]),
        )
    };
    let result = |id: &str| {
        said(
            "user",
            json!([{"type": "tool_result", "tool_use_id": id, "content": "b"}]),
        )
    };
    let mark = |ttl: &str| {
        json!([{"type": "text", "text": "a",
            "cache_control": {"type": "ephemeral", "ttl": ttl}}])
    };
    let tool = |schema: Value| json!([{"name": "f", "input_schema": schema}]);
    let whole = json!({"max_tokens": 9, "messages": [ask(), call("c"), result("c")],
        "tools": tool(json!({"type": "object"})), "stop_sequences": ["x"],
        "system": mark("1h")});
    let five: Vec<Value> = (0..5).map(|_| said("user", mark("5m"))).collect();
    let cases = vec![
        ("max_tokens", json!(null), "max_tokens: Field required"),
        ("messages", json!([]), "at least one message"),
        (
            "messages",
            json!([call("c"), result("c")]),
            "first message must use",
        ),
        (
            "messages",
            json!([said("system", json!("s")), ask()]),
            "Unexpected role",
        ),
        ("messages", json!([said("user", json!(""))]), "non-empty"),
        (
            "messages",
            json!([said("user", json!([{"type": "text", "text": " "}]))]),
            "non-whitespace",
        ),
        (
            "messages",
            json!([ask(), said("assistant", json!("b "))]),
            "trailing whitespace",
        ),
        (
            "messages",
            json!([ask(), result("c")]),
            "unexpected `tool_use_id`",
        ),
        (
            "messages",
            json!([ask(), call("c")]),
            "without `tool_result` blocks",
        ),
        (
            "messages",
            json!([ask(), call("c"), ask()]),
            "without `tool_result` blocks",
        ),
        (
            "messages",
            json!([ask(), call("c.0"), result("c.0")]),
            "should match pattern",
        ),
        (
            "messages",
            json!([ask(), call("c"), result("c"), call("c"), result("c")]),
            "ids must be unique",
        ),
        ("messages", json!(five), "A maximum of 4 blocks"),
        (
            "messages",
            json!([said("user", mark("5m")), said("user", mark("1h"))]),
            "must not come after",
        ),
        ("system", json!(" "), "system: text content blocks"),
        ("stop_sequences", json!(["x", "\n"]), "each stop sequence"),
        (
            "tools",
            tool(json!({"type": "object", "anyOf": []})),
            "at the top level",
        ),
        (
            "tools",
            tool(json!({})),
            "input_schema.type: Field required",
        ),
        (
            "tools",
            json!([{"name": "a b", "input_schema": {"type": "object"}}]),
            "should match pattern",
        ),
    ];
    refused(Dialect::Messages, &whole, cases);
    let prefilled = json!({"max_tokens": 9, "messages": [ask(), said("assistant", json!("b"))]});
    assert_eq!(
        refusal(Dialect::Messages, "demo-messages", &prefilled),
        None
    );
    let words = refusal(Dialect::Messages, "claude-opus-4-6", &prefilled).unwrap_or_default();
    assert!(words.contains("prefill"), "{words}");
}

#[test]
fn chat() {
    let ask = || json!({"role": "user", "content": "a"});
    let call = |ids: &[&str]| {
        let calls: Vec<Value> = ids
            .iter()
            .map(|id| {
                json!({"id": id, "type": "function",
                "function": {"name": "f", "arguments": "{}"}})
            })
            .collect();
        json!({"role": "assistant", "content": null, "tool_calls": calls})
    };
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "b"});
    let tool = |name: &str, schema: Value| json!([{"type": "function", "function": {"name": name, "parameters": schema}}]);
    let whole = json!({"messages": [ask(), call(&["c"]), result("c")], "max_tokens": 9,
        "tools": tool("f", json!({"type": "object", "properties": {}})), "stop": ["x"]});
    let long = "c".repeat(41);
    let cases = vec![
        ("messages", json!([]), "empty array"),
        (
            "messages",
            json!([{"role": "model", "content": "a"}]),
            "Supported values are",
        ),
        (
            "messages",
            json!([{"role": "user", "content": null}]),
            "got null",
        ),
        (
            "messages",
            json!([ask(), result("c")]),
            "preceeding message",
        ),
        (
            "messages",
            json!([ask(), call(&["c"]), ask()]),
            "did not have response messages: c",
        ),
        (
            "messages",
            json!([ask(), call(&["c", "d"]), result("c")]),
            "messages: d",
        ),
        (
            "messages",
            json!([ask(), call(&["c", "c"]), result("c")]),
            "Duplicate value",
        ),
        (
            "messages",
            json!([ask(), call(&["c"]), result("c"), result("c")]),
            "Duplicate value",
        ),
        (
            "messages",
            json!([ask(), call(&[&long]), result(&long)]),
            "maximum length 40",
        ),
        ("messages", json!([ask(), call(&[])]), "empty array"),
        ("tools", json!([]), "empty array"),
        (
            "tools",
            tool("a b", json!({"type": "object"})),
            "does not match pattern",
        ),
        (
            "tools",
            tool("f", json!({"type": "object", "oneOf": []})),
            "at the top level",
        ),
        ("tools", tool("f", json!({})), "got 'type: \"None\"'"),
        ("stop", json!(["1", "2", "3", "4", "5"]), "array too long"),
        ("user", json!("u".repeat(65)), "maximum length 64"),
    ];
    refused(Dialect::Chat, &whole, cases);
    let words = refusal(Dialect::Chat, "gpt-5-mini", &whole).unwrap_or_default();
    assert!(words.contains("max_completion_tokens"), "{words}");
    for (name, value, words) in [
        ("temperature", json!(0.5), "does not support 0.5"),
        ("presence_penalty", json!(0.5), "Only the default (0)"),
        ("stop", json!(["x"]), "'stop' is not supported"),
    ] {
        let mut body = json!({"messages": [ask()], "reasoning_effort": "low"});
        body[name] = value;
        for (model, is_refused) in [("gpt-5.2", true), ("o3", true), ("gpt-4o", false)] {
            let told = refusal(Dialect::Chat, model, &body).unwrap_or_default();
            assert_eq!(told.contains(words), is_refused, "{model}: {told}");
        }
    }
    let at_rest = json!({"messages": [ask()], "reasoning_effort": "none", "top_p": 0.5});
    assert_eq!(refusal(Dialect::Chat, "gpt-5.2", &at_rest), None);
    let calls = json!({"messages": [ask(), call(&["c"]), result("c")]});
    let words = refusal(Dialect::Chat, "mistral-small", &calls).unwrap_or_default();
    assert!(words.contains("with a length of 9"), "{words}");
    let calls = json!({"messages": [ask(), call(&["D681PevKs"]), result("D681PevKs")]});
    assert_eq!(refusal(Dialect::Chat, "mistral-small", &calls), None);
    let forced = json!({"messages": [ask()], "tool_choice": "auto"});
    let words = refusal(Dialect::Chat, "demo-chat", &forced).unwrap_or_default();
    assert!(words.contains("only allowed when 'tools'"), "{words}");
}

#[test]
fn responses() {
    let ask = || json!({"role": "user", "content": [{"type": "input_text", "text": "a"}]});
    let call =
        |id: &str| json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"});
    let result = |id: &str| json!({"type": "function_call_output", "call_id": id, "output": "b"});
    let tool = |schema: Value| json!([{"type": "function", "name": "f", "parameters": schema}]);
    let whole = json!({"input": [ask(), call("c"), result("c")], "max_output_tokens": 16,
        "tools": tool(json!({"type": "object", "properties": {}}))});
    let long = "c".repeat(65);
    let cases = vec![
        ("input", json!([ask(), result("c")]), "No tool call found"),
        ("input", json!([ask(), call("c")]), "No tool output found"),
        (
            "input",
            json!([ask(), call("c"), call("c"), result("c")]),
            "No tool output found",
        ),
        (
            "input",
            json!([ask(), call("c"), result("c"), result("c")]),
            "No tool call found",
        ),
        (
            "input",
            json!([ask(), call(&long), result(&long)]),
            "maximum length 64",
        ),
        (
            "input",
            json!([ask(), call(""), result("")]),
            "empty string",
        ),
        (
            "input",
            json!([{"role": "assistant", "content": [{"type": "input_text", "text": "a"}]}]),
            "'output_text' and 'refusal'",
        ),
        (
            "input",
            json!([{"role": "user", "content": [{"type": "output_text", "text": "a"}]}]),
            "'input_text'",
        ),
        (
            "input",
            json!([{"role": "tool", "content": "a"}]),
            "Supported values are",
        ),
        ("max_output_tokens", json!(1), ">= 16"),
        (
            "prompt_cache_key",
            json!("u".repeat(65)),
            "maximum length 64",
        ),
        (
            "tools",
            tool(json!({"type": "object", "enum": []})),
            "at the top level",
        ),
    ];
    refused(Dialect::Responses, &whole, cases);
}

#[test]
fn gemini() {
    let said = |role: &str, part: Value| json!({"role": role, "parts": [part]});
    let ask = || said("user", json!({"text": "a"}));
    let call = || said("model", json!({"functionCall": {"name": "f", "args": {}}}));
    let result = || {
        said(
            "user",
            json!({"functionResponse": {"name": "f", "response": {}}}),
        )
    };
    let tool = |name: &str, parameters: Value| json!([{"functionDeclarations": [{"name": name, "parameters": parameters}]}]);
    let of = |schema: Value| json!({"type": "OBJECT", "properties": {"a": schema}});
    let whole = json!({"contents": [ask(), call(), result()],
        "tools": tool("f", of(json!({"type": "STRING"})))});
    let cases = vec![
        ("contents", json!([]), "contents is not specified"),
        (
            "contents",
            json!([said("system", json!({"text": "a"}))]),
            "valid role",
        ),
        (
            "contents",
            json!([{"role": "user", "parts": []}]),
            "must not be empty",
        ),
        (
            "contents",
            json!([said("user", json!({"text": ""}))]),
            "required oneof field",
        ),
        (
            "contents",
            json!([said("user", json!({}))]),
            "required oneof field",
        ),
        ("contents", json!([call(), result()]), "function call turn"),
        (
            "contents",
            json!([ask(), result()]),
            "function response turn",
        ),
        (
            "contents",
            json!([ask(), call(), ask()]),
            "number of function response parts",
        ),
        (
            "contents",
            json!([
                ask(),
                call(),
                said("user", json!({"functionResponse": {"name": ""}}))
            ]),
            "Name cannot be empty",
        ),
        (
            "tools",
            tool("1 a", of(json!({"type": "STRING"}))),
            "Invalid function name",
        ),
        (
            "tools",
            tool(
                "f",
                of(json!({"type": "STRING", "additionalProperties": false})),
            ),
            "Unknown name",
        ),
        (
            "tools",
            tool("f", of(json!({"type": "OBJECT", "properties": {}}))),
            "should be non-empty",
        ),
        (
            "tools",
            tool("f", of(json!({"type": ["STRING", "NULL"]}))),
            "Proto field is not repeating",
        ),
        (
            "generationConfig",
            json!({"responseSchema": {"type": "OBJECT", "$ref": "a"}}),
            "Unknown name",
        ),
    ];
    refused(Dialect::Gemini, &whole, cases);
    let words = refusal(Dialect::Gemini, "gemini-3-pro", &whole).unwrap_or_default();
    assert!(words.contains("thought_signature"), "{words}");
}
