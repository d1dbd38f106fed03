//! Traffic of all dialects while the file changes all the time, every second time for the worse.
//!
//! Some seconds in every run of the tests; `HOLDFAST_RELOAD_SECONDS` asks for more.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{fs, thread};

use holdfast::unversioned::demo::{Script, Step, Upstreams};

use super::harness::{Folder, Program, call};

const SECONDS: u64 = 4;
const BETWEEN: Duration = Duration::from_millis(200);
/// What a program may have grown by that has settled before. Pools and stacks come and go.
const GROWTH_KIB: u64 = 8 * 1024;

/// Path, body, and how an answer ends that is whole.
const ASKED: [(&str, &str, &str); 6] = [
    (
        "/v1/messages",
        r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"some words"}]}"#,
        r#""stop_reason":"end_turn""#,
    ),
    (
        "/v1/messages",
        r#"{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"some words"}]}"#,
        "message_stop",
    ),
    (
        "/v1/chat/completions",
        r#"{"model":"c","stream":true,"messages":[{"role":"user","content":"some words"}]}"#,
        "[DONE]",
    ),
    (
        "/v1/chat/completions",
        r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"some words"}]}"#,
        "[DONE]",
    ),
    (
        "/v1/responses",
        r#"{"model":"r","stream":true,"input":"some words"}"#,
        "response.completed",
    ),
    (
        "/v1beta/models/g:streamGenerateContent?alt=sse",
        r#"{"contents":[{"role":"user","parts":[{"text":"some words"}]}]}"#,
        r#""finishReason":"STOP""#,
    ),
];

fn text(upstreams: SocketAddr, turn: u64) -> String {
    let mut text = format!(
        "host: 127.0.0.1\nport: 0\napi-keys: [k, other-{turn}]\nrequest-retry: {}\nrouting: {{session-affinity: true}}\n",
        turn % 3
    );
    for (block, model, alias, path) in [
        ("claude-api-key", "demo-messages", "m", ""),
        ("gemini-api-key", "demo-gemini", "g", ""),
        ("codex-api-key", "demo-responses", "r", "/v1"),
    ] {
        text += &format!("{block}:\n");
        // One stays, one is set up otherwise each time, one comes and goes.
        for (name, more) in [
            ("stays", String::new()),
            ("changes", format!(", priority: {}", turn % 2)),
            ("comes", String::new()),
        ] {
            if name != "comes" || turn % 4 < 2 {
                text += &format!(
                    "  - {{api-key: {name}-{alias}, base-url: \"http://{upstreams}{path}\", models: [{{name: {model}, alias: {alias}}}]{more}}}\n"
                );
            }
        }
    }
    text + &format!(
        "openai-compatibility: [{{name: d, base-url: \"http://{upstreams}/v1\", models: [{{name: demo-chat, alias: c}}], api-key-entries: [{{api-key: stays-c}}, {{api-key: more-c}}]}}]\n"
    )
}

fn resident_kib(program: &Program) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn no_request_fails_and_memory_stays_level() {
    let seconds = std::env::var("HOLDFAST_RELOAD_SECONDS").ok();
    let seconds = seconds.map_or(SECONDS, |text| text.parse().unwrap());
    let upstreams = Upstreams::start().unwrap();
    for alias in ["m", "g", "r", "c"] {
        for name in ["stays", "changes", "comes", "more"] {
            let step = Step::trickle(8, Duration::from_millis(10));
            upstreams.script(&format!("{name}-{alias}"), Script::always(step));
        }
    }
    let folder = Folder::new();
    let path = folder.write("config.yaml", &text(upstreams.address(), 0));
    let program = Program::start(&["--config", path.to_str().unwrap()]);
    let address = program.address();
    let (stop, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let end = Instant::now() + Duration::from_secs(seconds);
    let (first, last) = thread::scope(|scope| {
        for n in 0..8 {
            let (stop, answered) = (&stop, &answered);
            scope.spawn(move || {
                for (path, body, whole) in ASKED.iter().cycle().skip(n) {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let (status, answer) = call(address, "POST", path, "k", body);
                    assert!(status == 200 && answer.contains(whole), "{path}: {answer}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // A pace is not a wait for something to happen: nobody answers here.
        let (_keep, pace) = mpsc::channel::<()>();
        let mut settled = 0;
        let half = Instant::now() + Duration::from_secs(seconds) / 2;
        for turn in 1.. {
            let _ = pace.recv_timeout(BETWEEN);
            if Instant::now() >= end {
                break;
            }
            let good = text(upstreams.address(), turn / 2);
            let now = if turn % 2 == 0 {
                good
            } else {
                good + "port: [broken\n"
            };
            fs::write(&path, now).unwrap();
            program.signal("HUP");
            if settled == 0 && Instant::now() >= half {
                settled = resident_kib(&program);
            }
        }
        stop.store(true, Ordering::Relaxed);
        (settled, resident_kib(&program))
    });
    let printed = program.printed();
    let (good, bad) = (
        printed.matches(" reloaded\n").count(),
        printed.matches(" is invalid; the previous").count(),
    );
    println!(
        "{} answers, {good} reloads, {bad} refused, {first} KiB, then {last} KiB",
        answered.load(Ordering::Relaxed)
    );
    assert!(
        good > 2 && bad > 2 && answered.load(Ordering::Relaxed) > 20,
        "{printed}"
    );
    assert!(last <= first + GROWTH_KIB, "{first} KiB, then {last} KiB");
}
