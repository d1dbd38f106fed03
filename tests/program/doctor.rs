//! `holdfast doctor`.

use std::path::Path;

use holdfast::unversioned::demo::{Script, Step, Upstreams};
use serde_json::Value;

use super::harness::{Folder, Program, command, outcome};

const KEY: &str = "sk-good-0123456789";

/// Exit code and findings, by their subjects.
fn examine(folder: &Path, environment: &[(&str, &str)]) -> (Option<i32>, Value) {
    let mut doctor = command(&["doctor", "config.yaml", "--json"]);
    doctor
        .current_dir(folder)
        .env("WRITABLE_PATH", folder)
        .envs(environment.iter().copied());
    let (code, out, err) = outcome(&mut doctor);
    assert!(!out.contains(KEY) && !err.contains(KEY), "{out}{err}");
    assert!(!out.contains("pass-word"), "{out}");
    (code, serde_json::from_str(&out).unwrap())
}

fn finding<'f>(report: &'f Value, subject: &str) -> &'f Value {
    let mut findings = report["findings"].as_array().unwrap().iter();
    let found = findings.find(|finding| finding["subject"] == subject);
    found.unwrap_or_else(|| panic!("{subject}: {report:#}"))
}

fn status<'f>(report: &'f Value, subject: &str) -> &'f str {
    finding(report, subject)["status"].as_str().unwrap()
}

/// All kinds of upstream that there are.
fn configuration(upstreams: &Upstreams, port: u16) -> String {
    let base = format!("http://{}", upstreams.address());
    format!(
        "host: 127.0.0.1\nport: {port}\napi-keys: [a-client-key]\n\
         claude-api-key: [{{api-key: {KEY}, base-url: '{base}'}}]\n\
         codex-api-key: [{{api-key: {KEY}, base-url: '{base}/v1'}}]\n\
         gemini-api-key: [{{api-key: {KEY}, base-url: '{base}'}}]\n\
         vertex-api-key: [{{api-key: {KEY}, base-url: '{base}'}}]\n\
         openai-compatibility: [{{name: other, base-url: '{base}/v1', api-key-entries: [{{api-key: {KEY}}}]}}]\n"
    )
}

#[test]
fn a_gateway_that_can_serve_is_well() {
    let upstreams = Upstreams::start().unwrap();
    let folder = Folder::new();
    let path = folder.write("config.yaml", &configuration(&upstreams, 0));
    let (code, report) = examine(folder.path(), &[]);
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(report["errors"], 0);
    for subject in [
        "configuration",
        "claude-apikey sk-g...6789",
        "codex-apikey sk-g...6789",
        "gemini-apikey sk-g...6789",
        "vertex-apikey sk-g...6789",
        "other sk-g...6789",
        "proxy",
        "memory",
        "logs",
        "state",
        "port",
    ] {
        assert_eq!(status(&report, subject), "ok", "{subject} {report:#}");
    }
    // No answer was asked for: tokens were counted at most.
    let asked = upstreams.records();
    assert_eq!(asked.len(), 5, "{asked:?}");
    assert!(
        asked
            .iter()
            .all(|record| record.method == "GET" || record.path.ends_with(":countTokens"))
    );

    // It finds a gateway that runs at its port.
    let gateway = Program::start(&["serve", path.to_str().unwrap()]);
    let port = gateway.address().port();
    folder.write("config.yaml", &configuration(&upstreams, port));
    let (code, report) = examine(folder.path(), &[]);
    assert_eq!(code, Some(0), "{report:#}");
    let message = finding(&report, "port")["message"].as_str().unwrap();
    assert!(message.starts_with("holdfast is running at"), "{message}");
}

#[test]
fn each_thing_that_is_wrong_is_told_with_what_to_do() {
    let upstreams = Upstreams::start().unwrap();
    upstreams.script(KEY, Script::always(Step::status(403)));
    let folder = Folder::new();
    let port = upstreams.address().port();
    let text = configuration(&upstreams, port)
        + "routing: {session-affinity-file: missing/sessions}\nproxy-url: socks5://user:pass-word@127.0.0.1:9\n";
    folder.write("config.yaml", &text);
    let environment = [
        ("ALL_PROXY", "nonsense://user:pass-word@x"),
        ("HTTPS_PROXY", ""),
        ("SSL_CERT_FILE", "missing.pem"),
    ];
    let (code, report) = examine(folder.path(), &environment);
    assert_eq!(code, Some(1));
    for (subject, expected, advice) in [
        // The proxy is not there.
        ("vertex-apikey sk-g...6789", "error", "proxy"),
        ("authorities", "error", "readable"),
        ("session-affinity-file", "error", "mkdir"),
        ("proxy", "error", "ALL_PROXY=http://HOST:PORT"),
        ("port", "error", "choose another"),
    ] {
        let finding = finding(&report, subject);
        assert_eq!(finding["status"], expected, "{finding:#}");
        let text = finding["advice"].as_str().unwrap();
        assert!(text.contains(advice), "{finding:#}");
    }
    assert_eq!(status(&report, "clock"), "skipped");
}

#[test]
fn a_broken_file_is_told_and_nobody_is_asked() {
    let folder = Folder::new();
    folder.write("config.yaml", "port: x\n");
    let (code, report) = examine(folder.path(), &[]);
    assert_eq!(code, Some(1));
    let findings = report["findings"].as_array().unwrap();
    assert!(
        findings.iter().all(|one| one["subject"] == "configuration"),
        "{report:#}"
    );
}
