//! Which requests leave a file, where it is, and what the log says of those that do not.

use std::time::Duration;

use holdfast::unversioned::demo::{Manner, Script, Step, Upstreams};

use super::harness::{Folder, Program, call, eventually};
use super::logs::{BODY, KEYS, STREAM, Setup, configuration, header, unchunked};

#[test]
fn whoever_is_refused_at_the_door_leaves_no_file() {
    for more in ["error-logs-max-files: 2", "request-log: true"] {
        let setup = Setup::new(more);
        setup.all(&Step::status(400));
        let (_, answer) = setup.ask(BODY);
        let id = header(&answer, "X-Request-Id");
        setup.logs("", 1);
        let address = setup.program.address();
        for _ in 0..5 {
            for (method, path, key, status) in [
                ("POST", "/v1/messages", "", 401),
                ("POST", "/v1/messages", "wrong", 401),
                ("POST", "/nowhere", "client-secret-1", 404),
                ("DELETE", "/v1/messages", "client-secret-1", 405),
                (
                    "POST",
                    "/v1internal:generateContent",
                    "client-secret-1",
                    403,
                ),
            ] {
                assert_eq!(call(address, method, path, key, BODY).0, status, "{path}");
            }
        }
        // Another one is written when all before it have been.
        setup.ask(BODY);
        let logs = setup.logs("", 2);
        assert!(logs.iter().any(|(name, _)| name.contains(id)));
    }
}

#[test]
fn a_body_that_cannot_be_understood_leaves_an_error_log() {
    let setup = Setup::new("");
    for body in ["{", "{}", r#"{"model":"unknown"}"#] {
        assert!(setup.ask(body).0 >= 400);
    }
    setup.logs("error-", 3);
}

/// The line of the log that tells of the request with this answer.
fn access_line(program: &Program, answer: &str) -> String {
    let id = format!("[{}]", header(answer, "X-Request-Id"));
    program.expect(&id);
    let printed = program.printed();
    let line = printed.lines().find(|line| line.contains(&id)).unwrap();
    line.to_owned()
}

#[test]
fn every_failure_has_its_reason_in_the_log() {
    let own = "client-secret-1";
    for (method, path, key, body, reason) in [
        ("GET", "/v1/models", "", "", "API key"),
        ("POST", "/v1/messages", "wrong", BODY, "Invalid API key"),
        ("GET", "/nowhere", "", "", "404 page not found"),
        ("GET", "/v1/models/unknown", own, "", "unknown"),
        ("GET", "/v1beta/models/unknown", own, "", "unknown"),
        ("POST", "/v1beta/models/m:sing", own, "{}", "sing"),
        ("POST", "/v1internal:generateContent", own, "{}", "disabled"),
        ("POST", "/v1/messages", own, "{", "Invalid"),
        (
            "POST",
            "/v1/messages",
            own,
            r#"{"model":"unknown"}"#,
            "unknown",
        ),
    ] {
        // Of wrong keys there is one line a second.
        let setup = Setup::new("");
        let (status, answer) = call(setup.program.address(), method, path, key, body);
        assert!(status >= 400, "{answer}");
        let line = access_line(&setup.program, &answer);
        let (before, after) = line.rsplit_once("\" | ").unwrap_or((&line, ""));
        assert!(after.contains(reason), "{line}");
        assert!(before.contains(&format!("] {status} | ")), "{line}");
    }
}

#[test]
fn so_has_one_that_comes_from_nobody_being_usable() {
    let upstreams = Upstreams::start().unwrap();
    let folder = Folder::new();
    let text = configuration(&upstreams, "").replace("disable-cooling: true\n", "");
    let path = folder.write("config.yaml", &text);
    for (step, reason) in [
        (Step::status(429), "cooling down"),
        (Step::status(401), "no auth available"),
    ] {
        for key in KEYS {
            upstreams.script(key, Script::always(step.clone()));
        }
        let program = Program::start(&["--config", path.to_str().unwrap()]);
        let ask = || {
            let address = program.address();
            call(address, "POST", "/v1/messages", "client-secret-1", BODY)
        };
        assert!(ask().0 >= 400);
        let before = upstreams.records().len();
        let (status, answer) = ask();
        assert!(status == 429 || status == 503, "{answer}");
        assert_eq!(upstreams.records().len(), before, "nobody was asked");
        let line = access_line(&program, &answer);
        let (_, after) = line.rsplit_once("\" | ").unwrap_or_default();
        assert!(after.contains(reason), "{line}");
    }
}

#[test]
fn no_line_is_lost_while_the_log_changes_its_place() {
    let setup = Setup::new("");
    let address = setup.program.address();
    let count = 400;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..count {
                call(address, "GET", &format!("/nowhere-{n}-"), "", "");
            }
        });
        for n in 0..6 {
            setup.reload(match n % 3 {
                0 => "logging-to-file: true",
                1 => "logging-to-file: true\nlog-format: json",
                _ => "log-format: json",
            });
        }
    });
    let all = || {
        let logs = setup.program.logs().into_iter();
        let texts = logs.map(|(_, text)| text);
        texts.collect::<String>() + &setup.program.printed()
    };
    let has_all = || {
        let all = all();
        (0..count).all(|n| all.matches(&format!("/nowhere-{n}-")).count() >= 1)
    };
    eventually(has_all, all);
}

#[test]
fn signs_of_life_and_what_follows_them_are_logged() {
    let setup = Setup::new(
        "request-log: true\nstreaming: {early-keepalive-seconds: 50ms}\nnonstream-keepalive-interval: 50ms",
    );
    for (body, sign) in [(STREAM, "event: ping\n"), (BODY, "\n")] {
        setup.all(&Step::slow(Duration::from_millis(600)));
        let (status, answer) = setup.ask(body);
        assert_eq!(status, 200);
        let (_, chunks) = answer.split_once("\r\n\r\n").unwrap();
        let sent = unchunked(chunks);
        assert!(sent.starts_with(sign), "{sent}");
        let id = header(&answer, "X-Request-Id");
        let has_id = |(name, text): &(String, String)| {
            name.contains(id) && text.contains("=== RESPONSE ===")
        };
        eventually(
            || setup.program.logs().iter().any(has_id),
            || format!("{:?}", setup.program.logs()),
        );
        let logs = setup.program.logs();
        let (_, text) = logs.iter().find(|log| has_id(log)).unwrap();
        let (_, response) = text.split_once("=== RESPONSE ===\nStatus: 200\n").unwrap();
        let (_, logged) = response.split_once("\n\n").unwrap();
        assert_eq!(logged, sent + "\n");
    }
    // A failure behind them too.
    let failing = "HTTP/1.1 400 Late\r\nContent-Length: 2\r\n\r\n{}";
    setup.all(&Step::Answer(Manner {
        before_head: Duration::from_millis(600),
        raw: Some(failing.to_owned()),
        ..Manner::default()
    }));
    let (_, answer) = setup.ask(STREAM);
    let id = header(&answer, "X-Request-Id");
    setup.program.expect("400 | ");
    let logs = setup.logs("v1-messages-", 3);
    let (_, text) = logs.iter().find(|(name, _)| name.contains(id)).unwrap();
    let (_, response) = text.split_once("=== RESPONSE ===\nStatus: 200\n").unwrap();
    assert!(response.contains("event: error"), "{response}");
}

#[test]
fn a_log_in_a_file_is_announced_elsewhere() {
    let folder = Folder::new();
    let text = "port: 0\nhost: 127.0.0.1\nlogging-to-file: true\ncommercial-mode: true\n";
    let path = folder.write("config.yaml", text);
    let program = Program::start(&["--config", path.to_str().unwrap()]);
    let logs = program.writable().join("logs");
    program.expect(&format!("logging to {}", logs.display()));
    eventually(
        || logs.join("main.log").exists(),
        || "there is no log".to_owned(),
    );
}

#[test]
fn the_folder_is_announced_and_made_when_it_is_needed() {
    let upstreams = Upstreams::start().unwrap();
    let folder = Folder::new();
    let at = |name: &str| folder.path().join(name);
    let (auth, logs) = (at("auth"), at("var/logs"));
    let more = format!("auth-dir: {}", auth.display());
    let path = folder.write("config.yaml", &configuration(&upstreams, &more));
    let program = Program::start_with(
        &["--config", path.to_str().unwrap()],
        &[
            ("WRITABLE_PATH", ""),
            ("LOGS_DIRECTORY", logs.to_str().unwrap()),
        ],
    );
    let address = program.address();
    program.expect(&format!(
        "files of requests are written to {}",
        logs.display()
    ));
    let ask = || call(address, "POST", "/v1/messages", "client-secret-1", BODY).0;
    assert_eq!(ask(), 200);
    program.expect("200 | ");
    // The directory of credential files is made at the start.
    assert!(!logs.exists() && auth.exists());
    for key in KEYS {
        upstreams.script(key, Script::always(Step::status(400)));
    }
    assert_eq!(ask(), 400);
    eventually(|| logs.exists(), || program.printed());
    assert!(!auth.join("logs").exists());
}
