//! Commands and options beside the flags of other gateways.

use std::io::Write;
use std::process::Stdio;

use super::harness::{Folder, Program, call, command, outcome};

const CONFIG: &str = "host: 127.0.0.1\nport: 1\napi-keys: [one]\nclaude-api-key: [{api-key: k, base-url: 'http://127.0.0.1:9', models: [{name: m}]}]\n";

#[test]
fn the_command_line_overrides_host_and_port_also_after_a_reload() {
    let folder = Folder::new();
    let path = folder.write("c.yaml", &CONFIG.replace("127.0.0.1\n", "192.0.2.1\n"));
    let path = path.to_str().unwrap();
    let mut program = Program::start(&["serve", path, "--host", "127.0.0.1", "--port", "0"]);
    let address = program.address();
    program.expect("claude: 1 credential, 1 model");
    program.expect("/v1/models -H 'Authorization: Bearer CLIENT_KEY'");
    assert_eq!(call(address, "GET", "/v1/models", "one", "").0, 200);
    folder.write("c.yaml", &CONFIG.replace("[one]", "[two]"));
    program.expect("reloaded");
    assert_eq!(call(address, "GET", "/v1/models", "two", "").0, 200);
    assert!(!program.printed().contains("a restart is required"));
    program.signal("TERM");
    assert_eq!(program.wait().code(), Some(0));
}

#[test]
fn a_configuration_that_serves_nothing_is_an_error() {
    let folder = Folder::new();
    for (text, expected) in [
        (CONFIG, None),
        ("port: 1\n", Some("error no credential is configured")),
        (
            "claude-api-key: [{api-key: k, excluded-models: ['*']}]\n",
            Some("error no credential offers a model"),
        ),
        // Its models will be fetched.
        (
            "api-keys: [one]\nopenai-compatibility: [{name: o, base-url: 'http://h'}]\n",
            None,
        ),
        (
            "claude-api-keys: [{api-key: k}]\n",
            Some(
                "c.yaml:1:1 error claude-api-keys is not a known key, did you mean `claude-api-key`?",
            ),
        ),
        (
            "Gemini_API_Key: [{api-key: k}]\n",
            Some("error Gemini_API_Key is not a known key, did you mean `gemini-api-key`?"),
        ),
        (
            "api-keys: [${KEY}]\n",
            Some("write \"${KEY}\" in quotes inside [ ] and { }"),
        ),
        (
            "claude-api-key: [{api-key: sk-ant-first...}]\n",
            Some("warning claude-api-key[0].api-key is a placeholder of an example"),
        ),
        (
            "claude-api-key: [{api-key: a b}]\n",
            Some("warning claude-api-key[0].api-key contains white space"),
        ),
        (
            "claude-api-key: [{api-key: k}, {api-key: k}]\n",
            Some("warning claude-api-key[1] is the same as an earlier entry"),
        ),
        (
            "api-keys: [one, two, one]\n",
            Some("warning api-keys holds a key twice"),
        ),
        (
            "api-keys: [choose-a-long-random-key]\n",
            Some("warning api-keys holds a key that is a placeholder"),
        ),
        (
            "request-retry: -3\n",
            Some("warning request-retry is negative: 0 is used"),
        ),
    ] {
        folder.write("c.yaml", text);
        let mut check = command(&["check", "c.yaml", "--strict"]);
        let (code, out, _) = outcome(check.current_dir(folder.path()));
        assert_eq!(code, Some(i32::from(expected.is_some())), "{text}{out}");
        assert!(out.contains(expected.unwrap_or_default()), "{text}{out}");
    }
}

#[test]
fn a_first_configuration_is_written_once_and_serves() {
    let folder = Folder::new();
    let line = [
        "init",
        "--provider",
        "claude",
        "--port",
        "0",
        "--client",
        "claude-code",
    ];
    let start = || {
        let mut init = command(&line);
        init.current_dir(folder.path());
        init.stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = init.spawn().unwrap();
        // It may have ended before it reads.
        let _ = child.stdin.take().unwrap().write_all(b"sk-secret-1\n");
        child.wait_with_output().unwrap()
    };
    let output = start();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{out}");
    assert!(out.contains("holdfast serve config.yaml"), "{out}");
    assert!(!out.contains("sk-secret-1"), "{out}");
    let (_, token) = out.split_once("ANTHROPIC_AUTH_TOKEN=").unwrap();
    let token = token.lines().next().unwrap();
    let path = folder.path().join("config.yaml");
    let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let program = Program::start(&["--config", path.to_str().unwrap()]);
    assert_eq!(
        call(program.address(), "GET", "/v1/models", token, "").0,
        200
    );
    // What is there is never overwritten.
    let output = start();
    assert_eq!(output.status.code(), Some(1));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("already exists"), "{err}");
}

#[test]
fn init_without_a_terminal_says_what_it_needs() {
    let folder = Folder::new();
    for (line, code, expected) in [
        (&["init"][..], 1, "--provider is missing"),
        (
            &["init", "--provider", "claude"],
            1,
            "cannot read the API key",
        ),
        (
            &["init", "--provider", "openai-compatible", "--key-env", "K"],
            1,
            "--base-url is missing",
        ),
        (
            &["init", "--provider", "claude", "--base-url", "http://h"],
            1,
            "--base-url requires",
        ),
        (
            &["init", "--provider", "clod"],
            2,
            "is not one of claude, openai",
        ),
        (&["init", "--client", "vim"], 2, "is not one of claude-code"),
    ] {
        let (found, _, err) = outcome(command(line).current_dir(folder.path()));
        assert_eq!(found, Some(code), "{line:?} {err}");
        assert!(err.contains(expected), "{line:?} {err}");
    }
    let line = [
        "init",
        "--provider",
        "openai",
        "--key-env",
        "OPENAI_API_KEY",
        "my.yaml",
    ];
    let (code, out, err) = outcome(command(&line).current_dir(folder.path()));
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("hf-"), "{out}");
    let text = std::fs::read_to_string(folder.path().join("my.yaml")).unwrap();
    assert!(text.contains("- api-key: \"${OPENAI_API_KEY}\""), "{text}");
}
