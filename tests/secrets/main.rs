//! Secrets that are sent to upstreams are redacted from answers and logs. The test upstream repeats everything that it is
//! sent, in every encoding.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "A test ends at the first thing that is not as it must be"
)]

#[path = "../gateway/client.rs"]
#[allow(dead_code)] // Streams are read to their end here.
mod client;
mod forms;
mod upstream;

/// The upstream of these tests sends no complete objects.
mod published_schema {
    pub fn check(_: &str, _: &super::client::Answer) {}
}

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, Once};

use client::{Answer, Client};
use forms::{Hidden, forms};
use holdfast::{Gateway, Running, config};
use log::kv::{self, Key, Value, VisitSource};
use upstream::{Echo, Upstream};

const CLIENT_KEY: &str = "client-key-of-the-tests";

/// All log records, down to debug.
static LOG: Mutex<String> = Mutex::new(String::new());

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        struct Pairs(String);
        impl<'kvs> VisitSource<'kvs> for Pairs {
            fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
                self.0 += &format!(" {key}={value}");
                Ok(())
            }
        }
        let mut pairs = Pairs(String::new());
        let _ = record.key_values().visit(&mut pairs);
        let line = format!("{} {}{}\n", record.level(), record.args(), pairs.0);
        LOG.lock().unwrap().push_str(&line);
    }

    fn flush(&self) {}
}

fn log_to_memory() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Logger).unwrap();
        log::set_max_level(log::LevelFilter::Debug);
    });
}

/// A gateway with an upstream that repeats secrets.
struct Setup {
    upstream: Upstream,
    gateway: Option<Running>,
    folder: PathBuf,
}

impl Setup {
    fn new(name: &str, key: &str, is_recorded: bool) -> Self {
        log_to_memory();
        let folder = std::env::temp_dir().join(format!("holdfast-{name}-{}", std::process::id()));
        let upstream = Upstream::start();
        let key = serde_json::Value::from(key).to_string();
        let address = upstream.address;
        let mut text = format!(
            "host: 127.0.0.1\nport: 0\napi-keys: [{CLIENT_KEY}]\ndisable-cooling: true\n\
             passthrough-headers: true\nrequest-log: {is_recorded}\nproxy-url: direct\n"
        );
        for (section, model) in [
            ("claude-api-key", "claude"),
            ("gemini-api-key", "gemini"),
            ("codex-api-key", "codex"),
        ] {
            text += &format!(
                "{section}:\n  - {{api-key: {key}, base-url: \"http://{address}\", \
                 headers: {{X-Tenant: tenant-of-the-operator, X-App: public-name}}, \
                 models: [{{name: {model}}}]}}\n"
            );
        }
        text += &format!(
            "openai-compatibility:\n  - name: demo\n    base-url: \"http://{address}\"\n    \
             models: [{{name: chat}}]\n    api-key-entries:\n      - {{api-key: {key}}}\n"
        );
        let loaded = config::load(&text, "test");
        let config = loaded
            .config
            .unwrap_or_else(|| panic!("{:?}", loaded.problems));
        let gateway = Gateway::new(config).with_log_folder(&folder).run().unwrap();
        Self {
            upstream,
            gateway: Some(gateway),
            folder,
        }
    }

    fn ask(&self, model: &str, path: &str, streams: bool) -> Answer {
        let turns = match model {
            "codex" => "input",
            _ => "messages",
        };
        let body = format!(
            r#"{{"model":"{model}","max_tokens":9,"stream":{streams},"{turns}":[{{"role":"user","content":"hello"}}]}}"#
        );
        let gateway = self.gateway.as_ref().unwrap();
        let headers = [("X-Api-Key", CLIENT_KEY)];
        Client::connect(gateway.address()).call("POST", path, &headers, body.as_bytes())
    }

    /// Stops the gateway; returns all request logs.
    fn written(mut self) -> Vec<String> {
        self.gateway.take().unwrap().stop();
        let files = fs::read_dir(&self.folder).into_iter().flatten();
        let texts = files
            .map(|file| String::from_utf8_lossy(&fs::read(file.unwrap().path()).unwrap()).into())
            .collect();
        let _ = fs::remove_dir_all(&self.folder);
        texts
    }
}

fn keys() -> Vec<String> {
    [
        "sk-proj-abcdefgh12345678",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv",
        "0123456789abcdef0123456789abcdef",
        "NoPrefixAtAll2Zz9",
        "with \"quotes\" and 'more'",
        r"back\slash\\es\nothing",
        "slash/es/and+plus==",
        "key with  blanks",
        "sch\u{fc}ssel-\u{4e2d}\u{1f600}-1",
        "per%cent%41%2Fs%",
        "curly{\"a\":[1,2]}:;,<&>",
        "q~Z9!",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain([(0..5000)
        .map(|n| char::from(b"abcdefghijklmnopqrstuvw/\"xyz0123456789"[n * n % 37]))
        .collect()])
    .collect()
}

/// In the client's own dialect, and translated.
const WAYS: [(&str, &str); 5] = [
    ("claude", "/v1/messages"),
    ("claude", "/v1/chat/completions"),
    ("gemini", "/v1/messages"),
    ("chat", "/v1/chat/completions"),
    ("codex", "/v1/responses"),
];

fn echoes() -> Vec<(Echo, bool)> {
    let mut all: Vec<(Echo, bool)> = [400, 401, 404, 422, 429, 500, 503]
        .into_iter()
        .map(|status| (Echo::Status(status), false))
        .collect();
    all.extend([
        (Echo::FirstEvent, true),
        (Echo::LaterEvent, true),
        (Echo::ErrorInside, false),
        (Echo::ErrorInside, true),
        (Echo::Text(503), false),
        (Echo::Header, false),
        (Echo::Header, true),
    ]);
    all
}

#[test]
fn errors_contain_no_secrets() {
    for (number, key) in keys().iter().enumerate() {
        let hidden = [Hidden::new(key), Hidden::new("tenant-of-the-operator")];
        // Error logs contain less.
        for (is_recorded, ways) in [(true, &WAYS[..]), (false, &WAYS[..1])] {
            let name = format!("secrets-{number}-{is_recorded}");
            let setup = Setup::new(&name, key, is_recorded);
            for (way, (model, path)) in ways.iter().enumerate() {
                for (saying, streams) in echoes() {
                    let is_chunked = (number + way) % 2 == 1;
                    let context = format!("{model} by {path}, {saying:?}, {is_chunked}");
                    setup.upstream.repeat_in(saying, is_chunked);
                    let answer = setup.ask(model, path, streams);
                    let body = String::from_utf8_lossy(&answer.body);
                    let told = format!("{:?}\n{body}", answer.head);
                    for hidden in &hidden {
                        assert_eq!(hidden.found_in(&told), None, "{context}: {told}");
                    }
                    let shown = setup.upstream.shown();
                    // Some keys cannot be sent in a header.
                    if shown.is_empty() && !key.is_ascii() {
                        continue;
                    }
                    assert!(shown.contains(key.as_str()), "{context}: {shown} {told}");
                    if saying == Echo::LaterEvent {
                        assert!(told.contains("redacted"), "{context}: {told}");
                    }
                }
            }
            let written = setup.written();
            assert!(!written.is_empty());
            for text in &written {
                for hidden in &hidden {
                    assert_eq!(hidden.found_in(text), None, "in a file: {text}");
                }
                assert!(!text.contains(CLIENT_KEY), "{text}");
            }
            let log = std::mem::take(&mut *LOG.lock().unwrap());
            assert!(log.contains("answered 503") || !key.is_ascii(), "{log}");
            for hidden in &hidden {
                assert_eq!(hidden.found_in(&log), None, "in the log: {log}");
            }
            assert!(!log.contains(CLIENT_KEY), "{log}");
        }
    }
}

#[test]
fn successful_answers_are_unchanged() {
    let key = "NoPrefixAtAll2Zz9";
    let setup = Setup::new("successes", key, true);
    for streams in [false, true] {
        setup.upstream.repeat_in(Echo::Success, streams);
        let answer = setup.ask("claude", "/v1/messages", streams);
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.body, setup.upstream.said());
        assert!(answer.text().contains(&forms(key)[0]));
    }
    // It is redacted from request logs.
    for text in setup.written() {
        assert_eq!(Hidden::new(key).found_in(&text), None, "{text}");
    }
}
