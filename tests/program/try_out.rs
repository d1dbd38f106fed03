//! `holdfast demo`.

use super::harness::{Program, call};

#[cfg(feature = "demo")]
#[test]
fn the_demo_shows_a_session_stay() {
    let mut program = Program::start(&["demo", "--port", "0", "--json"]);
    program.expect("}\n");
    let first: serde_json::Value =
        serde_json::from_str(program.printed().lines().next().unwrap()).unwrap();
    let listening = first["listening"].as_str().unwrap();
    assert_eq!(listening, format!("http://{}", program.address()));
    let key = first["api_key"].as_str().unwrap();
    let requests = [
        ("chat", "/v1/chat/completions".to_owned(), "messages"),
        ("responses", "/v1/responses".to_owned(), "input"),
        ("messages", "/v1/messages".to_owned(), "messages"),
    ];
    for (dialect, path, field) in requests {
        let model = &first["models"][dialect];
        let body = serde_json::json!({"model": model, "max_tokens": 9, field: [{"role": "user", "content": "hi"}]});
        for _ in 0..2 {
            let (status, answer) = call(program.address(), "POST", &path, key, &body.to_string());
            assert_eq!(status, 200, "{answer}");
        }
    }
    let gemini = format!(
        "/v1beta/models/{}:generateContent",
        first["models"]["gemini"].as_str().unwrap()
    );
    let body = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;
    assert_eq!(call(program.address(), "POST", &gemini, key, body).0, 200);
    super::harness::eventually(
        || program.printed().lines().count() == 8,
        || program.printed(),
    );
    let lines: Vec<serde_json::Value> = program
        .printed()
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["decision"], "new");
    assert_eq!(lines[1]["decision"], "sticky");
    assert_eq!(lines[0]["credential"], lines[1]["credential"]);
    assert_eq!(lines[1]["cached_share"], 1.0);
    assert_eq!(lines[6]["status"], 200);
    program.signal("INT");
    assert_eq!(program.wait().code(), Some(0));
}

#[cfg(feature = "demo")]
#[test]
fn an_account_is_taken_down_and_brought_back() {
    use std::io::Write;
    use std::process::Stdio;

    use super::harness::{command, eventually};

    let mut demo = command(&["demo", "--port", "0", "--json"]);
    let (mut program, mut input) = Program::spawn_with_input(demo.stdin(Stdio::piped()));
    program.expect("}\n");
    let body = r#"{"model":"demo-chat","messages":[{"role":"user","content":"hi"}]}"#;
    let ask = |count: usize| {
        let (status, answer) = call(
            program.address(),
            "POST",
            "/v1/chat/completions",
            "demo-key",
            body,
        );
        assert_eq!(status, 200, "{answer}");
        eventually(
            || program.printed().matches("\"decision\"").count() == count,
            || program.printed(),
        );
        let printed = program.printed();
        let line = printed.lines().rfind(|line| line.contains("decision"));
        let line: serde_json::Value = serde_json::from_str(line.unwrap()).unwrap();
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        (text("account"), text("decision"))
    };
    let (account, decision) = ask(1);
    assert_eq!(decision, "new");
    let number = account.strip_prefix("account ").unwrap().to_owned();
    writeln!(input, "{number}").unwrap();
    program.expect("is down");
    let (other, decision) = ask(2);
    assert!(
        other != account && decision == "failover",
        "{other} {decision}"
    );
    writeln!(input, "{number}").unwrap();
    program.expect("is up again");
    assert_eq!(ask(3), (account, "returned".to_owned()));
    writeln!(input, "nonsense").unwrap();
    program.expect("Type a number from 1 to 3.");
    program.signal("INT");
    assert_eq!(program.wait().code(), Some(0));
}

#[cfg(feature = "demo")]
#[test]
fn a_refused_request_has_a_line() {
    let program = Program::start(&["demo", "--port", "0"]);
    let address = program.address();
    assert_eq!(call(address, "POST", "/v1/messages", "wrong", "{}").0, 401);
    program.expect("refused: 401 | ");
    assert_eq!(call(address, "GET", "/nowhere", "demo-key", "").0, 404);
    program.expect("\"/nowhere\" | 404 page not found");
    let body = r#"{"model":"nobody","messages":[]}"#;
    assert_eq!(
        call(address, "POST", "/v1/messages", "demo-key", body).0,
        404
    );
    program.expect("`nobody`");
}

#[cfg(feature = "demo")]
#[test]
fn the_demo_says_what_to_type() {
    let program = Program::start(&["demo", "--port", "0"]);
    program.expect("session  ");
    program.expect("Type 1, 2 or 3");
    let printed = program.printed();
    assert_eq!(printed.matches("curl ").count(), 4, "{printed}");
    assert_eq!(printed.matches("curl -N ").count(), 1, "{printed}");
}

#[test]
fn nonsense_is_answered_with_help() {
    let mut program = Program::start(&["dance"]);
    assert_eq!(program.wait().code(), Some(2));
    program.expect("--help");
    let mut program = Program::start(&["--help"]);
    assert_eq!(program.wait().code(), Some(0));
    program.expect("SIGHUP");
    let _ = call;
}
