//! A gateway in front of scripted upstreams.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use holdfast::unversioned::demo::{Record, Script, Step, Upstreams};
use holdfast::{Gateway, Running, config};
use serde_json::{Value, json};

use super::client::{Answer, Client};

pub const PATIENCE: Duration = Duration::from_secs(20);
/// The key of clients.
pub const KEY: &str = "client-key";

/// The four dialects, with requests and answers for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Chat,
    Responses,
    Messages,
    Gemini,
}

pub const ALL: [Dialect; 4] = [
    Dialect::Chat,
    Dialect::Responses,
    Dialect::Messages,
    Dialect::Gemini,
];

impl Dialect {
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::Gemini => "gemini",
        }
    }

    /// The name clients use; the upstream calls it `demo-…`.
    pub fn model(self) -> String {
        format!("my-{}", self.name())
    }

    /// The key of account `n`, counted from 1.
    pub fn account(self, n: usize) -> String {
        format!("{}-account-{n}", self.name())
    }

    pub fn path(self, streams: bool) -> String {
        match self {
            Self::Chat => "/v1/chat/completions".to_owned(),
            Self::Responses => "/v1/responses".to_owned(),
            Self::Messages => "/v1/messages".to_owned(),
            Self::Gemini if streams => {
                format!(
                    "/v1beta/models/{}:streamGenerateContent?alt=sse",
                    self.model()
                )
            }
            Self::Gemini => format!("/v1beta/models/{}:generateContent", self.model()),
        }
    }

    /// A conversation of user texts with answers between them.
    pub fn body(self, texts: &[&str], streams: bool) -> Vec<u8> {
        let said = |role: &str, text: &str| match self {
            Self::Chat | Self::Messages => json!({"role": role, "content": text}),
            Self::Responses => {
                let kind = if role == "user" {
                    "input_text"
                } else {
                    "output_text"
                };
                json!({"role": role, "content": [{"type": kind, "text": text}]})
            }
            Self::Gemini => json!({"role": role, "parts": [{"text": text}]}),
        };
        let model_role = if self == Self::Gemini {
            "model"
        } else {
            "assistant"
        };
        let mut turns = Vec::new();
        for (n, text) in texts.iter().enumerate() {
            if n > 0 {
                turns.push(said(model_role, &format!("answer {n}")));
            }
            turns.push(said("user", text));
        }
        let mut body = match self {
            Self::Chat => json!({"model": self.model(), "messages": turns}),
            Self::Responses => json!({"model": self.model(), "input": turns}),
            Self::Messages => {
                json!({"model": self.model(), "max_tokens": 100, "messages": turns})
            }
            Self::Gemini => json!({"contents": turns}),
        };
        if streams && self != Self::Gemini {
            body["stream"] = json!(true);
        }
        if streams && self == Self::Chat {
            body["stream_options"] = json!({"include_usage": true});
        }
        serde_json::to_vec(&body).unwrap()
    }

    /// The text in a whole answer.
    pub fn text(self, answer: &Value) -> String {
        let text = match self {
            Self::Chat => &answer["choices"][0]["message"]["content"],
            Self::Responses => &answer["output"][0]["content"][0]["text"],
            Self::Messages => &answer["content"][0]["text"],
            Self::Gemini => &answer["candidates"][0]["content"]["parts"][0]["text"],
        };
        text.as_str()
            .unwrap_or_else(|| panic!("no text in {answer}"))
            .to_owned()
    }

    /// The text in the data of a stream's events.
    pub fn streamed_text(self, data: &[String]) -> String {
        data.iter()
            .filter_map(|data| serde_json::from_str::<Value>(data).ok())
            .filter_map(|event| {
                let text = match self {
                    Self::Chat => &event["choices"][0]["delta"]["content"],
                    Self::Responses => &event["delta"],
                    Self::Messages => &event["delta"]["text"],
                    Self::Gemini => &event["candidates"][0]["content"]["parts"][0]["text"],
                };
                text.as_str().map(str::to_owned)
            })
            .collect()
    }
}

/// The report of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    pub session: Option<String>,
    pub credential: Option<String>,
    pub decision: &'static str,
    pub status: u16,
    pub attempts: usize,
    pub cached: Option<u64>,
}

pub struct Setup {
    pub upstreams: Upstreams,
    gateway: Option<Running>,
    reports: Arc<Mutex<Vec<Reported>>>,
}

/// Options of the test gateway.
#[derive(Clone, Debug)]
pub struct Options {
    pub accounts: usize,
    pub strategy: &'static str,
    /// More top-level YAML.
    pub more: &'static str,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            accounts: 3,
            strategy: "round-robin",
            more: "",
        }
    }
}

/// The configuration of a gateway with `options.accounts` accounts per dialect.
pub fn configuration(upstreams: SocketAddr, options: &Options) -> String {
    let mut text = format!(
        "host: 127.0.0.1\nport: 0\napi-keys: [{KEY}, other-key]\nrouting:\n  session-affinity: true\n  strategy: {}\n{}\n",
        options.strategy, options.more
    );
    for (section, dialect, path) in [
        ("gemini-api-key", Dialect::Gemini, ""),
        ("claude-api-key", Dialect::Messages, ""),
        ("codex-api-key", Dialect::Responses, "/v1"),
    ] {
        text += &format!("{section}:\n");
        for n in 1..=options.accounts {
            text += &format!(
                "  - {{api-key: {}, base-url: \"http://{upstreams}{path}\", models: [{{name: demo-{}, alias: {}}}]}}\n",
                dialect.account(n),
                dialect.name(),
                dialect.model(),
            );
        }
    }
    text += &format!(
        "openai-compatibility:\n  - name: demo\n    base-url: \"http://{upstreams}/v1\"\n    models: [{{name: demo-chat, alias: my-chat}}]\n    api-key-entries:\n"
    );
    for n in 1..=options.accounts {
        text += &format!("      - {{api-key: {}}}\n", Dialect::Chat.account(n));
    }
    text
}

pub fn parse(text: &str) -> config::Config {
    let loaded = config::load(text, "test");
    let mut config = loaded
        .config
        .unwrap_or_else(|| panic!("{:?}", loaded.problems));
    // No log files in the home folder.
    config.logs.commercial = true;
    config
}

fn start(text: &str, reports: &Arc<Mutex<Vec<Reported>>>) -> Running {
    let collected = Arc::clone(reports);
    Gateway::new(parse(text))
        .observed(Arc::new(move |report| {
            collected.lock().unwrap().push(Reported {
                session: report.session.map(str::to_owned),
                credential: report.credential.map(str::to_owned),
                decision: report.decision.name(),
                status: report.status,
                attempts: report.attempts,
                cached: report.usage.map(|usage| usage.cached_read),
            });
        }))
        .run()
        .unwrap()
}

impl Setup {
    pub fn new() -> Self {
        Self::with(Options::default())
    }

    pub fn with(options: Options) -> Self {
        let upstreams = Upstreams::start().unwrap();
        let text = configuration(upstreams.address(), &options);
        Self::configured(upstreams, &text)
    }

    /// As [`Setup::with`], but the upstreams of Responses are the backend of ChatGPT.
    pub fn with_chatgpt(options: Options) -> Self {
        let upstreams = Upstreams::start().unwrap();
        let address = upstreams.address();
        let text = configuration(address, &options).replace(
            &format!("\"http://{address}/v1\", models: [{{name: demo-responses"),
            &format!("\"http://{address}/backend-api/codex\", headers: {{ChatGPT-Account-ID: account}}, models: [{{name: demo-responses"),
        );
        Self::configured(upstreams, &text)
    }

    pub fn configured(upstreams: Upstreams, text: &str) -> Self {
        let reports: Arc<Mutex<Vec<Reported>>> = Arc::default();
        Self {
            upstreams,
            gateway: Some(start(text, &reports)),
            reports,
        }
    }

    pub fn gateway(&self) -> &Running {
        self.gateway.as_ref().unwrap()
    }

    pub fn stop(mut self) {
        self.stop_gateway();
    }

    pub fn stop_gateway(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            gateway.stop();
        }
    }

    /// Replaces the gateway by a new one with the same upstreams.
    pub fn restart(&mut self, text: &str) {
        self.stop_gateway();
        self.gateway = Some(start(text, &self.reports));
    }

    pub fn client(&self) -> Client {
        Client::connect(self.gateway().address())
    }

    /// Sends one request on its own connection.
    pub fn ask(&self, dialect: Dialect, texts: &[&str], streams: bool) -> Answer {
        self.ask_as(dialect, texts, streams, &[])
    }

    pub fn ask_as(
        &self,
        dialect: Dialect,
        texts: &[&str],
        streams: bool,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut all = vec![("Authorization", "Bearer client-key")];
        all.extend_from_slice(headers);
        self.client().call(
            "POST",
            &dialect.path(streams),
            &all,
            &dialect.body(texts, streams),
        )
    }

    /// Scripts all accounts of a dialect to answer every request with `step`.
    pub fn all_accounts(&self, dialect: Dialect, step: &Step) {
        for n in 1..=9 {
            self.upstreams
                .script(&dialect.account(n), Script::always(step.clone()));
        }
    }

    pub fn records(&self) -> Vec<Record> {
        self.upstreams.records()
    }

    /// Waits for the reports of `count` requests: a report follows the answer.
    pub fn reports(&self, count: usize) -> Vec<Reported> {
        eventually(|| self.reports.lock().unwrap().len() >= count);
        self.reports.lock().unwrap().clone()
    }
}

/// Waits for `condition`; panics at the deadline.
pub fn eventually(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(
            Instant::now() < deadline,
            "the condition was not met in time"
        );
        std::thread::yield_now();
    }
}
