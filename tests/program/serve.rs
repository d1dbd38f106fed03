//! `holdfast --config FILE`.

use super::harness::{Folder, Program, call};

fn serving(folder: &Folder, text: &str) -> Program {
    let path = folder.write("config.yaml", text);
    Program::start(&["--config", path.to_str().unwrap()])
}

const PLAIN: &str = "host: 127.0.0.1\nport: 0\napi-keys: [first]\n";

#[test]
fn a_hangup_reloads_the_file_and_a_bad_file_changes_nothing() {
    let folder = Folder::new();
    let program = serving(&folder, PLAIN);
    let address = program.address();
    let models = |key: &str| call(address, "GET", "/v1/models", key, "").0;
    assert_eq!((models("first"), models("second")), (200, 401));
    folder.write("config.yaml", &PLAIN.replace("first", "second"));
    program.signal("HUP");
    program.expect("reloaded");
    assert_eq!((models("first"), models("second")), (401, 200));
    folder.write("config.yaml", "api-keys: [third]\nport: many\n");
    program.signal("HUP");
    program.expect("is invalid; the previous");
    program.expect("config.yaml:2:7");
    assert_eq!((models("second"), models("third")), (200, 401));
    folder.write("config.yaml", "");
    program.signal("HUP");
    program.expect("is empty; the previous configuration stays in use");
    assert_eq!(models("second"), 200);
}

#[test]
fn terminating_ends_with_zero() {
    for signal in ["TERM", "INT"] {
        let folder = Folder::new();
        let mut program = serving(&folder, PLAIN);
        assert_eq!(call(program.address(), "GET", "/healthz", "", "").0, 200);
        program.signal(signal);
        assert_eq!(program.wait().code(), Some(0));
    }
}

#[test]
fn signals_for_other_services_change_nothing() {
    let folder = Folder::new();
    let program = serving(&folder, PLAIN);
    let address = program.address();
    for signal in ["USR1", "USR2", "PIPE", "USR1"] {
        program.signal(signal);
        assert_eq!(call(address, "GET", "/healthz", "", "").0, 200, "{signal}");
    }
    // It still hears those that are for it, which come behind.
    program.signal("HUP");
    program.expect("is unchanged");
}

#[test]
fn every_line_has_the_format_of_the_log() {
    let folder = Folder::new();
    let json = "log-format: json\n";
    let odd = "no-such-key: 1\n";
    let program = serving(&folder, &format!("{PLAIN}{json}{odd}"));
    program.expect("no-such-key");
    program.address();
    folder.write("config.yaml", &format!("{PLAIN}{json}port: [1]\n"));
    program.signal("HUP");
    program.expect("is invalid; the previous");
    folder.write("config.yaml", &format!("{PLAIN}{json}{odd}# Changed.\n"));
    program.signal("HUP");
    program.expect(" reloaded\"");
    for line in program.printed().lines() {
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(line);
        assert!(parsed.is_ok_and(|line| line["level"].is_string()), "{line}");
    }
    let program = serving(&folder, &format!("{PLAIN}{json}"));
    let port = format!("port: {}", program.address().port());
    let mut second = serving(&folder, &format!("{PLAIN}{json}").replace("port: 0", &port));
    assert_eq!(second.wait().code(), Some(3));
    second.expect("\"message\":\"cannot listen on ");
}

#[test]
fn problems_have_exit_codes() {
    let folder = Folder::new();
    let mut missing = Program::start(&["--config", "/no/such/file.yaml"]);
    assert_eq!(missing.wait().code(), Some(1));
    missing.expect("/no/such/file.yaml");
    let mut broken = serving(&folder, "port: [1]\nhost: {}\n");
    assert_eq!(broken.wait().code(), Some(1));
    broken.expect("config.yaml:1:");
    broken.expect("config.yaml:2:");
    let program = serving(&folder, PLAIN);
    let port = program.address().port();
    let mut second = serving(&folder, &PLAIN.replace("port: 0", &format!("port: {port}")));
    assert_eq!(second.wait().code(), Some(3));
}

#[cfg(feature = "demo")]
mod with_upstreams {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::Duration;

    use holdfast::unversioned::demo::{Ending, Gate, Script, Step, Upstreams};

    use super::super::harness::{Folder, PATIENCE, Program, call, eventually};
    use super::serving;

    const BODY: &str = r#"{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"a few words"}]}"#;

    fn configuration(upstreams: &Upstreams, debug: bool) -> String {
        let address = upstreams.address();
        format!(
            "host: 127.0.0.1\nport: 0\ndebug: {debug}\napi-keys: [client-secret-1]\nrouting: {{session-affinity: true}}\nclaude-api-key:\n  - {{api-key: upstream-secret-1, base-url: \"http://{address}\", models: [{{name: demo-messages, alias: m}}], headers: {{X-Extra: header-secret-1}}}}\n  - {{api-key: upstream-secret-2, base-url: \"http://{address}\", models: [{{name: demo-messages, alias: m}}]}}\n"
        )
    }

    /// A stream under way, its head read.
    fn streaming(program: &Program) -> TcpStream {
        let mut stream = TcpStream::connect(program.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "POST /v1/messages HTTP/1.1\r\nHost: h\r\nX-Api-Key: client-secret-1\r\nContent-Length: {}\r\n\r\n{BODY}",
            BODY.len()
        )
        .unwrap();
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        stream
    }

    #[test]
    fn a_running_stream_is_finished_first() {
        let upstreams = Upstreams::start().unwrap();
        let gate = Gate::default();
        for key in ["upstream-secret-1", "upstream-secret-2"] {
            upstreams.script(key, Script::always(Step::gated(&gate)));
        }
        let folder = Folder::new();
        let mut program = serving(&folder, &configuration(&upstreams, false));
        let mut stream = streaming(&program);
        program.signal("TERM");
        program.expect("1 requests in progress");
        eventually(
            || TcpStream::connect(program.address()).is_err(),
            || "it still accepts".to_owned(),
        );
        assert!(program.is_running());
        gate.open();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("message_stop"), "{rest}");
        assert_eq!(program.wait().code(), Some(0));
    }

    #[test]
    fn a_second_signal_ends_at_once() {
        let upstreams = Upstreams::start().unwrap();
        for key in ["upstream-secret-1", "upstream-secret-2"] {
            upstreams.script(
                key,
                Script::always(Step::trickle(9, Duration::from_secs(60))),
            );
        }
        let folder = Folder::new();
        let mut program = serving(
            &folder,
            &configuration(&upstreams, false)
                .replace("port: 0", "port: 0\nlimits: {drain-timeout: 10m}"),
        );
        let _stream = streaming(&program);
        program.signal("TERM");
        program.expect("in progress");
        program.signal("TERM");
        program.wait();
    }

    /// Neither a drain without end nor a second signal costs what is to outlive the process.
    #[test]
    fn what_is_kept_is_written_whatever_is_still_under_way() {
        for second in [false, true] {
            let upstreams = Upstreams::start().unwrap();
            let endless = Script::always(Step::trickle(9, Duration::from_secs(600)));
            upstreams.script("upstream-secret-2", endless);
            let folder = Folder::new();
            let (sessions, usage) = (folder.path().join("sessions"), folder.path().join("usage"));
            let address = upstreams.address();
            let limits = if second { "10m" } else { "0s" };
            let text = format!(
                "host: 127.0.0.1\nport: 0\napi-keys: [client-secret-1]\nusage-statistics-enabled: true\nusage-statistics-file: {usage:?}\nlimits: {{drain-timeout: {limits}}}\nrouting: {{session-affinity: true, session-affinity-file: {sessions:?}}}\nclaude-api-key:\n  - {{api-key: upstream-secret-1, base-url: \"http://{address}\", models: [{{name: demo-messages, alias: n}}]}}\n  - {{api-key: upstream-secret-2, base-url: \"http://{address}\", models: [{{name: demo-messages, alias: m}}]}}\n"
            );
            let mut program = serving(&folder, &text);
            let whole = BODY.replace("\"m\"", "\"n\"").replace("true", "false");
            let (status, answer) = call(
                program.address(),
                "POST",
                "/v1/messages",
                "client-secret-1",
                &whole,
            );
            assert_eq!(status, 200, "{answer}");
            let _stream = streaming(&program);
            program.signal("TERM");
            if second {
                program.expect("in progress");
                program.signal("TERM");
            }
            program.expect("did not finish");
            assert_eq!(program.wait().code(), Some(0));
            let kept = std::fs::read_to_string(&sessions).unwrap();
            assert!(kept.lines().count() > 1, "{kept}");
            let kept = std::fs::read_to_string(&usage).unwrap();
            assert!(kept.contains("\"total_requests\":1"), "{kept}");
        }
    }

    #[test]
    fn nothing_secret_is_ever_printed() {
        let upstreams = Upstreams::start().unwrap();
        let folder = Folder::new();
        let program = serving(&folder, &configuration(&upstreams, true));
        let steps = [
            Step::status(400),
            Step::status(401),
            Step::retry_after(3),
            Step::status(500),
            Step::Reset,
            Step::ending(Ending::Reset(2)),
            Step::ending(Ending::TruncatedChunk(2)),
            Step::ending(Ending::Error(0)),
            Step::Answer(holdfast::unversioned::demo::Manner::default()),
        ];
        for step in steps {
            for key in ["upstream-secret-1", "upstream-secret-2"] {
                upstreams.script(key, Script::always(step.clone()));
            }
            for key in ["client-secret-1", "wrong-secret-1"] {
                let path = format!("/v1/messages?key={key}");
                let (_, answer) = call(program.address(), "POST", &path, key, BODY);
                assert!(!answer.contains("secret"), "{answer}");
            }
        }
        let text = configuration(&upstreams, true).replace("X-Extra", "X-Other");
        folder.write("config.yaml", &text);
        program.signal("HUP");
        program.expect("reloaded");
        program.signal("TERM");
        program.expect("stopping");
        let printed = program.printed();
        assert!(
            printed.len() > 1000,
            "there is something to look through: {printed}"
        );
        assert!(!printed.contains("secret"), "{printed}");
    }
}
