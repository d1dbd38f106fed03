//! Gemini CLI as a client, at its own endpoint.

use holdfast::unversioned::demo::Listing;
use serde_json::{Value, json};

use super::google::{CLAUDES, EMAIL, OTHER, last, post, prepared, sent, started};
use super::setup::{ANTIGRAVITY, Expiry, Files, GEMINI_CLI};
use crate::client::Answer;

const CLI: &str = "enable-gemini-cli-endpoint: true";

/// A request of Gemini CLI.
fn cli(files: &Files, method: &str, body: &Value) -> Answer {
    let host = files.gateway().address().to_string();
    let headers = [("Host", host.as_str()), ("Authorization", "Bearer own")];
    post(files, &format!("/v1internal:{method}"), &headers, body)
}

#[test]
fn gemini_cli_is_served_by_every_upstream() {
    let keys = |upstreams: std::net::SocketAddr| {
        let models = |name: &str| format!("models: [{{name: demo-{name}, alias: my-{name}}}]");
        format!(
            "{CLI}\nclaude-api-key: [{{api-key: k, base-url: \"http://{upstreams}\", {}}}]\n\
             codex-api-key: [{{api-key: k, base-url: \"http://{upstreams}/v1\", {}}}]\n\
             gemini-api-key: [{{api-key: k, base-url: \"http://{upstreams}\", {}}}]\n\
             openai-compatibility: [{{name: c, base-url: \"http://{upstreams}/v1\", api-key-entries: [{{api-key: k}}], {}}}]\n",
            models("messages"),
            models("responses"),
            models("gemini"),
            models("chat")
        )
    };
    let mut files = prepared(GEMINI_CLI, "");
    files.add(ANTIGRAVITY, OTHER, Expiry::Later);
    let extra = keys(files.upstreams.address());
    files.configure(&extra);
    files.start();
    let models = ["my-chat", "my-responses", "my-messages", "my-gemini"];
    for model in models
        .into_iter()
        .chain([GEMINI_CLI.model, ANTIGRAVITY.model, CLAUDES.model])
    {
        let contents = json!([{"role": "user", "parts": [{"text": "hello"}]}]);
        let body = json!({"model": model, "project": "theirs", "user_prompt_id": "u",
            "request": {"contents": contents, "session_id": "s"}});
        let whole = cli(&files, "generateContent", &body);
        assert_eq!(whole.status(), 200, "{model} {}", whole.text());
        let json = whole.json();
        let parts = json["response"]["candidates"][0]["content"]["parts"].as_array();
        assert!(
            parts.is_some_and(|parts| !parts.is_empty()),
            "{model} {json}"
        );
        assert_eq!(json.as_object().unwrap().len(), 1, "{model} {json}");
        assert!(whole.text().contains("hello"), "{model} {json}");

        let streamed = cli(&files, "streamGenerateContent?alt=sse", &body);
        assert_eq!(streamed.status(), 200, "{model} {}", streamed.text());
        let data = streamed.data();
        let told: String = data
            .iter()
            .map(|data| {
                let event: Value = serde_json::from_str(data).unwrap();
                let response = &event["response"];
                assert!(response.is_object(), "{model} {data}");
                let parts = response["candidates"][0]["content"]["parts"].as_array();
                let texts = parts.into_iter().flatten();
                texts
                    .filter_map(|part| part["text"].as_str())
                    .collect::<String>()
            })
            .collect();
        assert!(told.contains("hello"), "{model} {data:?}");

        let counting =
            json!({"request": {"model": format!("models/{model}"), "contents": contents}});
        let counted = cli(&files, "countTokens", &counting);
        assert_eq!(counted.status(), 200, "{model} {}", counted.text());
        assert!(
            counted.json()["totalTokens"].as_u64().unwrap() > 0,
            "{model}"
        );
    }
    let session = |key: &str| {
        let records = files.upstreams.records();
        records.iter().filter(|record| record.key == key).count()
    };
    assert!(session(EMAIL) > 0 && session(OTHER) > 0);
}

#[test]
fn gemini_cli_is_told_its_errors() {
    let files = started(GEMINI_CLI, CLI);
    for (body, status, words) in [
        (json!([]), 400, "object"),
        (json!({"model": "m"}), 400, "request"),
        (json!({"request": {}}), 400, "model"),
        (
            json!({"model": "none", "request": {"contents": []}}),
            404,
            "none",
        ),
        (
            json!({"model": GEMINI_CLI.model, "request": {"contents": []}}),
            400,
            "contents",
        ),
    ] {
        for method in ["generateContent", "streamGenerateContent?alt=sse"] {
            let answer = cli(&files, method, &body);
            assert_eq!(answer.status(), status, "{body} {}", answer.text());
            let message = answer.json()["error"]["message"].to_string();
            assert!(message.contains(words), "{body} {message}");
        }
    }
}

#[test]
fn other_methods_of_gemini_cli_are_googles() {
    let mut files = Files::new(CLI);
    files.add(GEMINI_CLI, EMAIL, Expiry::Later);
    files.start();
    let body = json!({"metadata": {"pluginType": "GEMINI"}, "x": 1});
    let answer = cli(&files, "loadCodeAssist?a=b", &body);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.json()["cloudaicompanionProject"], "demo-project");
    let record = last(&files);
    assert_eq!(record.path, "/v1internal:loadCodeAssist?a=b");
    assert_eq!(record.key, EMAIL, "the token of the file");
    assert_eq!(sent(&record), body);
    let missing = cli(&files, "nothingOfTheKind", &json!({}));
    assert_eq!(missing.status(), 404, "{}", missing.text());
    files.upstreams.list(EMAIL, Listing::Refused(403));
    let refused = cli(&files, "loadCodeAssist", &json!({}));
    assert_eq!(
        refused.status(),
        503,
        "not the client's fault: {}",
        refused.text()
    );
}

#[test]
fn other_methods_use_a_current_token_and_renew_a_refused_one() {
    use Expiry::{Expired, Later};
    // What the two files say, whether the first one's token is refused nevertheless, and whose token serves.
    for (first, second, is_refused, expected) in [
        (Later, Some(Later), false, EMAIL),
        (Expired, Some(Later), false, OTHER),
        (Expired, None, false, EMAIL),
        (Later, None, true, EMAIL),
        (Later, Some(Later), true, EMAIL),
    ] {
        let mut files = Files::new(CLI);
        files.add(GEMINI_CLI, EMAIL, first);
        if let Some(second) = second {
            files.add(GEMINI_CLI, OTHER, second);
        }
        if is_refused {
            files.authorization.expire(EMAIL);
        }
        files.start();
        let answer = cli(&files, "loadCodeAssist", &json!({}));
        let what = format!("{first:?} {second:?} {is_refused} {}", answer.text());
        assert_eq!(answer.status(), 200, "{what}");
        assert_eq!(last(&files).key, expected, "{what}");
    }
}

#[test]
fn a_refused_token_is_renewed_once() {
    let mut files = Files::new(CLI);
    files.add(GEMINI_CLI, EMAIL, Expiry::Later);
    files.start();
    files.upstreams.list(EMAIL, Listing::Refused(401));
    let refused = cli(&files, "loadCodeAssist", &json!({}));
    assert_eq!(refused.status(), 503, "{}", refused.text());
    assert_eq!(files.token_calls(), 1);
}
