//! `holdfast demo`: the gateway with embedded upstreams, to try it with `curl`.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};

mod accounts;
mod outages;
mod refusals;

use super::notify::Manager;
use super::output::{complain, print};
use super::{exit, serve};
use crate::config;
use crate::demo::{self, Upstreams};
use crate::gateway::{Gateway, StartError};
use crate::generation::access_log::short_session;
use crate::generation::hooks::Report;
use crate::wire::Dialect;

/// Not a secret: the demo listens on loopback only.
const API_KEY: &str = "demo-key";
/// Slow enough to see a stream arrive in pieces.
const DELTA_DELAY: Duration = Duration::from_millis(40);

pub fn run(port: u16, json: bool) -> ExitCode {
    let signals = match serve::take_signals(&[SIGINT, SIGTERM]) {
        Ok(signals) => signals,
        Err(error) => return fail(&format!("cannot take signals: {error}"), exit::INPUT),
    };
    let upstreams = match Upstreams::start() {
        Ok(upstreams) => Arc::new(upstreams),
        Err(error) => return fail(&format!("cannot start the upstreams: {error}"), exit::BIND),
    };
    upstreams.set_delta_delay(DELTA_DELAY);
    let text = configuration(port, upstreams.address());
    let loaded = config::load(&text, "demo");
    let Some(config) = loaded.config else {
        return fail("the demo's own configuration is invalid", exit::INPUT);
    };
    let names = accounts::names(&config);
    let observer = move |report: &Report<'_>| {
        let id = report.credential.unwrap_or("-");
        let account = names.get(id).map_or(id, String::as_str);
        tell(&match json {
            true => json_line(report, account),
            false => text_line(report, account),
        });
    };
    let gateway = Gateway::new(config).observed(Arc::new(observer));
    match gateway.run() {
        Ok(running) => {
            // Before the address is printed, so that no refusal is missed.
            refusals::watch(match json {
                true => |text| tell(&json!({"message": text}).to_string()),
                false => tell,
            });
            say(&if json {
                json_introduction(running.address())
            } else {
                text_introduction(running.address(), upstreams.address())
            });
            outages::watch(Arc::clone(&upstreams), move |text| {
                tell(&match json {
                    true => json!({"message": text}).to_string(),
                    false => text.to_owned(),
                });
            });
            serve::until_told(
                signals,
                running,
                Duration::from_secs(30),
                &Manager::of_process(),
                |_| {},
            )
        }
        Err(error) => {
            let code = match error {
                StartError::Bind { .. } => exit::BIND,
                StartError::System(_) | StartError::Tls(_) | StartError::Unprotected { .. } => {
                    exit::INPUT
                }
            };
            fail(&error.to_string(), code)
        }
    }
}

fn fail(message: &str, code: u8) -> ExitCode {
    complain(format_args!("holdfast: {message}"));
    ExitCode::from(code)
}

fn say(text: &str) {
    print(&format!("{text}\n"));
}

/// As [`say`], but ignores errors so that requests continue.
fn tell(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// The demo's configuration, as a user would write it.
fn configuration(port: u16, upstreams: SocketAddr) -> String {
    let mut text = format!(
        "host: 127.0.0.1\nport: {port}\napi-keys: [{API_KEY}]\nrouting:\n  session-affinity: true\n"
    );
    text.push_str("commercial-mode: true\n");
    // Failures are requested by prompts, so they must not affect the accounts' health.
    text.push_str("disable-cooling: true\n");
    // Short intervals, so that a prompt that asks for a long wait shows the keep-alives.
    text.push_str("streaming: {keepalive-seconds: 2, early-keepalive-seconds: 5}\n");
    text.push_str("nonstream-keepalive-interval: 5\n");
    for (section, dialect) in [
        ("gemini-api-key", Dialect::Gemini),
        ("claude-api-key", Dialect::Messages),
        ("codex-api-key", Dialect::Responses),
    ] {
        // The Responses upstream is called at `{base}/responses`.
        let path = if dialect == Dialect::Responses {
            "/v1"
        } else {
            ""
        };
        let _ = writeln!(text, "{section}:");
        for n in 1..=accounts::COUNT {
            let _ = writeln!(
                text,
                "  - {{api-key: {key}, base-url: \"http://{upstreams}{path}\", proxy-url: direct, models: [{{name: {model}}}]}}",
                key = accounts::key(dialect, n),
                model = demo::model(dialect.name()),
            );
        }
    }
    let _ = writeln!(
        text,
        "openai-compatibility:\n  - name: demo\n    base-url: \"http://{upstreams}/v1\"\n    models: [{{name: {}}}]\n    api-key-entries:",
        demo::model(Dialect::Chat.name()),
    );
    for n in 1..=accounts::COUNT {
        let key = accounts::key(Dialect::Chat, n);
        let _ = writeln!(text, "      - {{api-key: {key}, proxy-url: direct}}");
    }
    text
}

fn json_introduction(address: SocketAddr) -> String {
    let models: serde_json::Map<String, serde_json::Value> = Dialect::ALL
        .iter()
        .map(|dialect| {
            let name = dialect.name();
            (name.to_owned(), json!(demo::model(name)))
        })
        .collect();
    json!({
        "listening": format!("http://{address}"),
        "api_key": API_KEY,
        "models": models,
    })
    .to_string()
}

fn text_introduction(address: SocketAddr, upstreams: SocketAddr) -> String {
    let curl = |path: &str, header: &str, body: &str, more: &str| {
        format!(
            "  curl {more}http://{address}{path} -H '{header}' \\\n    -H 'Content-Type: application/json' -d '{body}'\n"
        )
    };
    let bearer = format!("Authorization: Bearer {API_KEY}");
    let name = |dialect: Dialect| demo::model(dialect.name());
    format!(
        "\
holdfast demo
  gateway    http://{address}   key: {API_KEY}
  upstreams  http://{upstreams}   {} accounts for each of four dialects

Chat Completions, streaming
{}
Responses
{}
Messages
{}
Gemini
{}
Repeat a request with more turns, or with -H 'X-Session-ID: mine', and it stays on its account.
Type 1, 2 or 3 and Enter to take that account down, and again to bring it back: the session
fails over to another account and then returns. Press Ctrl-C to stop the demo.

{HEADING}",
        accounts::COUNT,
        curl(
            "/v1/chat/completions",
            &bearer,
            &json!({"model": name(Dialect::Chat), "stream": true, "stream_options": {"include_usage": true}, "messages": [{"role": "user", "content": "Hello"}]}).to_string(),
            "-N ",
        ),
        curl(
            "/v1/responses",
            &bearer,
            &json!({"model": name(Dialect::Responses), "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hello"}]}]}).to_string(),
            "",
        ),
        curl(
            "/v1/messages",
            &format!("X-Api-Key: {API_KEY}"),
            &json!({"model": name(Dialect::Messages), "max_tokens": 100, "messages": [{"role": "user", "content": "Hello"}]}).to_string(),
            "",
        ),
        curl(
            &format!(
                "/v1beta/models/{}:generateContent",
                name(Dialect::Gemini)
            ),
            &format!("X-Goog-Api-Key: {API_KEY}"),
            &json!({"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}).to_string(),
            "",
        ),
    )
}

const HEADING: &str =
    "session               model           account    decision  cached  status      time";

fn text_line(report: &Report<'_>, account: &str) -> String {
    let cached =
        cached_share(report).map_or("-".to_owned(), |share| format!("{:.0} %", share * 100.0));
    format!(
        "{:<21} {:<15} {:<10} {:<9} {:>6}  {:>6} {:>6} ms",
        report.session.map_or("-".into(), short_session),
        report.model,
        account,
        report.decision.name(),
        cached,
        report.status,
        report.elapsed.as_millis(),
    )
}

fn json_line(report: &Report<'_>, account: &str) -> String {
    let time = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_millis() as u64);
    json!({
        "time_ms": time,
        "session": report.session.map(short_session),
        "model": report.model,
        "credential": report.credential,
        "account": account,
        "decision": report.decision.name(),
        "cached_share": cached_share(report),
        "status": report.status,
        "elapsed_ms": report.elapsed.as_millis() as u64,
    })
    .to_string()
}

/// The share of the input that the upstream read from its cache.
fn cached_share(report: &Report<'_>) -> Option<f64> {
    let usage = report.usage.as_ref()?;
    (usage.input > 0).then(|| usage.cached_read as f64 / usage.input as f64)
}
