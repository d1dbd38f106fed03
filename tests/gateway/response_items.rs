//! Every published kind of item in the history of a Responses client, for every upstream.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::document::{fits, fits_response, types_of};
use super::harness::{ALL, Dialect, KEY, Options, Setup};

/// An image of one pixel.
const PICTURE: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// Items as a history holds them, those that belong together side by side, with what an upstream of another dialect must
/// be told of them.
fn histories() -> Vec<(Value, &'static [&'static str])> {
    let call = |kind: &str, more: Value| {
        let mut call = json!({"type": kind, "id": format!("{kind}_1"), "call_id": "call_1", "status": "completed"});
        call.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        call
    };
    let output = |kind: &str, output: Value| json!({"type": kind, "id": "out_1", "call_id": "call_1", "status": "completed", "output": output});
    let picture = format!("data:image/png;base64,{PICTURE}");
    vec![
        (
            json!([{"role": "assistant", "content": "plainly said", "phase": "commentary"}]),
            &["plainly said"],
        ),
        (
            json!([{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [
                {"type": "output_text", "text": "wholly said", "annotations": [], "logprobs": []},
                {"type": "refusal", "refusal": "rather not"}]}]),
            &["wholly said", "rather not"],
        ),
        (
            json!([{"type": "message", "role": "developer", "status": "completed",
                "content": [{"type": "input_text", "text": "be brief"}]}]),
            &["be brief"],
        ),
        (
            json!([{"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}],
                    "content": [], "encrypted_content": "gAAAA"},
                call("function_call", json!({"name": "look", "arguments": "{\"at\":\"stars\"}"})),
                output("function_call_output", json!("seven seen"))]),
            &["look", "stars", "seven seen"],
        ),
        (
            json!([
                call("function_call", json!({"name": "look", "arguments": "{}"})),
                output(
                    "function_call_output",
                    json!([{"type": "input_text", "text": "eight seen"},
                    {"type": "input_image", "image_url": picture}])
                )
            ]),
            &["eight seen", PICTURE],
        ),
        (
            json!([
                call(
                    "custom_tool_call",
                    json!({"name": "patch", "input": "some lines"})
                ),
                output("custom_tool_call_output", json!("lines done"))
            ]),
            &["some lines", "lines done"],
        ),
        (
            json!([{"type": "file_search_call", "id": "fs_1", "status": "completed", "queries": ["old maps"],
                "results": [{"file_id": "file_1", "text": "here be dragons", "filename": "maps.txt", "score": 0.5}]}]),
            &["old maps", "here be dragons"],
        ),
        (
            // The results are part of the answer's text.
            json!([{"type": "web_search_call", "id": "ws_1", "status": "completed",
                "action": {"type": "search", "query": "tides"}},
                {"role": "assistant", "content": "high at noon"}]),
            &["high at noon"],
        ),
        (
            json!([
                call(
                    "computer_call",
                    json!({"pending_safety_checks": [], "action": {"type": "wait"}})
                ),
                output(
                    "computer_call_output",
                    json!({"type": "computer_screenshot", "image_url": picture})
                )
            ]),
            &[PICTURE],
        ),
        (
            json!([{"type": "tool_search_call", "call_id": "call_1", "execution": "client", "arguments": {"goal": "weigh"}},
                {"type": "tool_search_output", "call_id": "call_1", "execution": "client", "tools": [
                    {"type": "function", "name": "scales", "description": "weighs", "strict": false,
                        "parameters": {"type": "object", "properties": {}}}]}]),
            &["weigh", "scales", "weighs"],
        ),
        (
            json!([{"type": "additional_tools", "role": "developer", "tools": [
                {"type": "function", "name": "ruler", "strict": false, "parameters": {"type": "object", "properties": {}}}]}]),
            &["ruler"],
        ),
        (
            json!([{"type": "compaction", "encrypted_content": "gAAAA"}]),
            &["summarized"],
        ),
        (
            json!([{"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": PICTURE}]),
            &[PICTURE],
        ),
        (
            json!([{"type": "code_interpreter_call", "id": "ci_1", "status": "completed", "container_id": "cntr_1",
                "code": "print(6 * 7)", "outputs": [{"type": "logs", "logs": "forty-two"}]}]),
            &["print(6 * 7)", "forty-two"],
        ),
        (
            json!([
                call(
                    "local_shell_call",
                    json!({"action": {"type": "exec", "command": ["list"], "env": {}}})
                ),
                output("local_shell_call_output", json!("one file"))
            ]),
            &["list", "one file"],
        ),
        (
            json!([
                call("shell_call", json!({"action": {"commands": ["list all"]}})),
                output(
                    "shell_call_output",
                    json!([{"stdout": "two files", "stderr": "",
                    "outcome": {"type": "exit", "exit_code": 0}}])
                )
            ]),
            &["list all", "two files"],
        ),
        (
            json!([
                call(
                    "apply_patch_call",
                    json!({"operation": {"type": "delete_file", "path": "old.txt"}})
                ),
                output("apply_patch_call_output", json!("it is gone"))
            ]),
            &["old.txt", "it is gone"],
        ),
        (
            json!([{"type": "mcp_list_tools", "id": "mcpl_1", "server_label": "atlas",
                "tools": [{"name": "find_town", "input_schema": {"type": "object"}}]}]),
            &["atlas", "find_town"],
        ),
        (
            json!([{"type": "mcp_approval_request", "id": "mcpr_1", "server_label": "atlas", "name": "find_town",
                    "arguments": "{\"name\":\"Brest\"}"},
                {"type": "mcp_approval_response", "id": "mcpa_1", "request_id": "mcpr_1",
                    "approval_request_id": "mcpr_1", "approve": true, "reason": "why not"}]),
            &["Brest", "why not"],
        ),
        (
            json!([{"type": "mcp_call", "id": "mcp_1", "server_label": "atlas", "name": "find_town",
                "arguments": "{\"name\":\"Brest\"}", "output": "far west", "status": "completed"}]),
            &["find_town", "Brest", "far west"],
        ),
        (
            json!([{"type": "mcp_call", "id": "mcp_1", "server_label": "atlas", "name": "find_town",
                "arguments": "{}", "output": null, "status": "failed", "error": {"type": "http_error", "code": 500, "message": "all lost"}}]),
            &["all lost"],
        ),
        (
            json!([{"type": "program", "id": "prog_1", "call_id": "call_1", "code": "sum(1, 2)", "fingerprint": "f"},
                {"type": "program_output", "id": "po_1", "call_id": "call_1", "result": "three", "status": "completed"}]),
            &["sum(1, 2)", "three"],
        ),
        (
            // An unknown kind.
            json!([{"type": "telepathy_call", "id": "tp_1", "said": "without a word"}]),
            &["without a word"],
        ),
    ]
}

/// Items that are not part of a history: a trigger, and references, which are resolved before the request is sent.
const NOT_HELD: [&str; 2] = ["compaction_trigger", "item_reference"];

#[test]
fn the_histories_contain_every_kind_of_item() {
    let mut kinds = BTreeSet::new();
    for (items, _) in histories() {
        for item in items.as_array().unwrap() {
            let kind = item["type"].as_str().unwrap_or("message");
            if kind != "telepathy_call" {
                assert_eq!(fits("InputItem", item), Ok(()), "{item}");
                kinds.insert(kind.to_owned());
            }
        }
    }
    kinds.extend(NOT_HELD.map(str::to_owned));
    assert_eq!(kinds, types_of("InputItem"));
}

#[test]
fn every_kind_of_item_is_accepted() {
    let setup = Setup::with(Options {
        accounts: 1,
        ..Options::default()
    });
    for dialect in ALL {
        for (items, told) in histories() {
            let mut input = vec![json!({"role": "user", "content": "before"})];
            input.extend(items.as_array().unwrap().iter().cloned());
            input.push(json!({"role": "user", "content": "behind"}));
            let body = json!({"model": dialect.model(), "input": input, "store": false});
            let headers = [("Authorization", &*format!("Bearer {KEY}"))];
            let answer = setup.client().call(
                "POST",
                "/v1/responses",
                &headers,
                body.to_string().as_bytes(),
            );
            let what = format!("{} {items}", dialect.name());
            assert_eq!(answer.status(), 200, "{what}: {}", answer.text());
            assert_eq!(fits_response(&answer.json()), Ok(()), "{what}");
            let records = setup.records();
            let sent = String::from_utf8(records.last().unwrap().body.clone()).unwrap();
            if dialect == Dialect::Responses {
                let sent: Value = serde_json::from_str(&sent).unwrap();
                assert_eq!(sent["input"], json!(input), "{what}");
                continue;
            }
            let (before, behind) = (sent.find("before").unwrap(), sent.find("behind").unwrap());
            assert!(before < behind, "{what}");
            for word in told {
                let word = json!(word).to_string();
                assert!(
                    sent.contains(word.trim_matches('"')),
                    "{what}: no {word} in {sent}"
                );
            }
        }
    }
}
