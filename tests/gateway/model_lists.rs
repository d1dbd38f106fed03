//! Fetched model lists of credentials without `models`: served, stored, and names in no list.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use holdfast::unversioned::demo::{Listing, Upstreams};
use holdfast::{Gateway, Running};
use serde_json::{Value, json};

use super::client::Client;
use super::harness::{KEY, PATIENCE, eventually, parse};

fn models(names: &[&str]) -> Listing {
    Listing::Models(names.iter().map(|name| (*name).to_owned()).collect())
}

/// A file in a folder that does not exist yet.
fn file() -> PathBuf {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("holdfast-lists-{}-{number}", std::process::id());
    std::env::temp_dir().join(name).join("state/models.json")
}

/// One credential of each kind that has a list, with keys `claude`, `codex`, `gemini`, `compat`.
fn configuration(upstreams: &Upstreams) -> String {
    let base = format!("http://{}", upstreams.address());
    format!(
        "host: 127.0.0.1\nport: 0\napi-keys: [{KEY}]\n\
         claude-api-key: [{{api-key: claude, base-url: '{base}', prefix: team, excluded-models: ['*-old']}}]\n\
         codex-api-key: [{{api-key: codex, base-url: '{base}/v1'}}]\n\
         gemini-api-key: [{{api-key: gemini, base-url: '{base}'}}]\n\
         openai-compatibility: [{{name: other, base-url: '{base}/v1', api-key-entries: [{{api-key: compat}}]}}]\n"
    )
}

fn start(text: &str, file: &Path) -> Running {
    let gateway = Gateway::new(parse(text)).with_model_lists(Some(file.to_owned()));
    gateway.run().unwrap()
}

fn get(gateway: &Running, path: &str) -> Value {
    let headers = [("X-Api-Key", KEY)];
    let answer = Client::connect(gateway.address()).call("GET", path, &headers, b"");
    serde_json::from_str(answer.text()).unwrap()
}

fn offered(gateway: &Running) -> Vec<String> {
    let list = get(gateway, "/v1/models");
    let ids = list["data"].as_array().unwrap().iter();
    ids.map(|model| model["id"].as_str().unwrap().to_owned())
        .collect()
}

fn status(gateway: &Running, model: &str) -> u16 {
    let body =
        json!({"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]});
    let headers = [("X-Api-Key", KEY)];
    let mut client = Client::connect(gateway.address());
    let body = body.to_string();
    client
        .call("POST", "/v1/messages", &headers, body.as_bytes())
        .status()
}

#[test]
fn every_vendors_list_is_served_and_stored() {
    let upstreams = Upstreams::start().unwrap();
    upstreams.list("claude", models(&["claude-new", "claude-old"]));
    upstreams.list("codex", models(&["gpt-new", "text-embedding-9"]));
    upstreams.list("gemini", models(&["gemini-new"]));
    upstreams.list("compat", models(&["a/b"]));
    let file = file();
    let gateway = start(&configuration(&upstreams), &file);
    let expected = [
        "a/b",
        "claude-new",
        "gemini-new",
        "gpt-new",
        "team/claude-new",
    ];
    eventually(|| offered(&gateway) == expected);
    assert_eq!(
        get(&gateway, "/v1beta/models/gemini-new")["inputTokenLimit"],
        1_000_000
    );
    for model in ["a/b", "claude-new", "team/claude-new(high)", "gemini-new"] {
        assert_eq!(status(&gateway, model), 200, "{model}");
    }
    // A name in no list, an excluded one, and one of no provider.
    assert_eq!(status(&gateway, "claude-newer"), 200);
    assert_eq!(status(&gateway, "claude-old"), 404);
    assert_eq!(status(&gateway, "a/c"), 404);

    let asked = upstreams.records();
    let lists: Vec<_> = asked
        .iter()
        .filter(|record| record.method == "GET")
        .collect();
    let path = |key: &str| {
        let mut of_key = lists.iter().filter(|record| record.key == key);
        (of_key.next().unwrap().path.as_str(), of_key.count())
    };
    assert_eq!(path("claude"), ("/v1/models?limit=1000", 0));
    assert_eq!(path("codex"), ("/v1/models", 0));
    assert_eq!(path("gemini"), ("/v1beta/models?pageSize=1000", 0));
    assert_eq!(path("compat"), ("/v1/models", 0));

    let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    gateway.stop();

    // The next start uses the stored lists without an upstream.
    let text = configuration(&upstreams);
    drop(upstreams);
    let gateway = start(&text, &file);
    assert_eq!(offered(&gateway), expected);
    gateway.stop();
    fs::remove_dir_all(file.ancestors().nth(2).unwrap()).unwrap();
}

#[test]
fn a_failed_fetch_leaves_the_built_in_list() {
    let upstreams = Upstreams::start().unwrap();
    upstreams.list("claude", Listing::Refused(401));
    upstreams.list("codex", models(&["gpt-new"]));
    upstreams.list("gemini", Listing::Refused(404));
    upstreams.list("compat", models(&[]));
    let file = file();
    let gateway = start(&configuration(&upstreams), &file);
    eventually(|| offered(&gateway).contains(&"gpt-new".to_owned()));
    let offered = offered(&gateway);
    let has = |start: &str| offered.iter().any(|id| id.starts_with(start));
    assert!(
        has("claude-sonnet-4-5") && has("team/claude") && has("gemini-2.5"),
        "{offered:?}"
    );
    assert!(!has("gpt-5"), "{offered:?}");
    let kept = fs::read_to_string(&file).unwrap();
    assert!(
        kept.contains("gpt-new") && !kept.contains("claude"),
        "{kept}"
    );
    gateway.stop();
    fs::remove_dir_all(file.ancestors().nth(2).unwrap()).unwrap();
}

#[test]
fn a_reload_keeps_the_lists_of_credentials_that_stay() {
    let upstreams = Upstreams::start().unwrap();
    upstreams.list("compat", models(&["a/b"]));
    upstreams.list("second", models(&["c/d"]));
    let base = format!("http://{}/v1", upstreams.address());
    let text = |keys: &str| {
        format!(
            "host: 127.0.0.1\nport: 0\napi-keys: [{KEY}]\nopenai-compatibility: [{{name: other, base-url: '{base}', \
             api-key-entries: [{keys}]}}]\n"
        )
    };
    let file = file();
    let gateway = start(&text("{api-key: compat}"), &file);
    eventually(|| offered(&gateway) == ["a/b"]);
    gateway.reload(parse(&text("{api-key: compat}, {api-key: second}")));
    assert_eq!(offered(&gateway), ["a/b"], "at once");
    eventually(|| offered(&gateway) == ["a/b", "c/d"]);
    gateway.reload(parse(&text("{api-key: second}")));
    assert_eq!(offered(&gateway), ["c/d"]);
    let of_first = |record: &&holdfast::unversioned::demo::Record| record.key == "compat";
    assert_eq!(
        upstreams.records().iter().filter(of_first).count(),
        1,
        "asked once"
    );
    gateway.stop();
    fs::remove_dir_all(file.ancestors().nth(2).unwrap()).unwrap();
}

#[test]
fn lists_are_not_fetched_by_default() {
    let upstreams = Upstreams::start().unwrap();
    let gateway = Gateway::start(parse(&configuration(&upstreams))).unwrap();
    let offered = offered(&gateway);
    assert!(
        offered.iter().any(|id| id.starts_with("claude-")),
        "{offered:?}"
    );
    assert!(
        !offered.iter().any(|id| id.starts_with("demo-")),
        "{offered:?}"
    );
    gateway.stop();
    assert!(upstreams.records().is_empty());
}

#[test]
fn a_gateway_that_waits_for_a_list_can_be_stopped() {
    // An upstream that accepts connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = format!(
        "host: 127.0.0.1\nport: 0\napi-keys: [{KEY}]\nclaude-api-key: [{{api-key: k, base-url: 'http://{}'}}]\n",
        silent.local_addr().unwrap()
    );
    let gateway = Gateway::new(parse(&text))
        .with_model_lists(None)
        .run()
        .unwrap();
    let (_open, _) = silent.accept().unwrap();
    let (report, stopped) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        gateway.stop();
        report.send(())
    });
    assert_eq!(stopped.recv_timeout(PATIENCE), Ok(()));
}
