//! What it writes about itself and about requests, seen from outside.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use holdfast::unversioned::demo::{Ending, Manner, Script, Step, Upstreams};
use serde_json::Value;

use super::harness::{Folder, Program, call, call_with, eventually};

pub const BODY: &str =
    r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a few words"}]}"#;
pub const STREAM: &str = r#"{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"a few words"}]}"#;
pub const KEYS: [&str; 2] = ["upstream-secret-1", "sk-upstream-secret-0002"];

pub fn configuration(upstreams: &Upstreams, more: &str) -> String {
    let address = upstreams.address();
    let [first, second] = KEYS;
    let models = "models: [{name: demo-messages, alias: m}]";
    format!(
        "host: 127.0.0.1\nport: 0\napi-keys: [client-secret-1]\ndisable-cooling: true\n{more}\nclaude-api-key:\n  - {{api-key: {first}, base-url: \"http://{address}\", {models}, headers: {{X-Extra: header-secret-1}}}}\n  - {{api-key: {second}, base-url: \"http://{address}\", {models}, headers: {{X-Auth: tiny}}}}\n"
    )
}

pub struct Setup {
    pub upstreams: Upstreams,
    pub folder: Folder,
    pub program: Program,
}

impl Setup {
    pub fn new(more: &str) -> Self {
        let upstreams = Upstreams::start().unwrap();
        let folder = Folder::new();
        let path = folder.write("config.yaml", &configuration(&upstreams, more));
        let program = Program::start(&["--config", path.to_str().unwrap()]);
        Self {
            upstreams,
            folder,
            program,
        }
    }

    pub fn reload(&self, more: &str) {
        let before = self.reloads();
        self.folder
            .write("config.yaml", &configuration(&self.upstreams, more));
        self.program.signal("HUP");
        eventually(|| self.reloads() > before, || self.program.printed());
    }

    /// Wherever the program tells of them.
    fn reloads(&self) -> usize {
        let main = self.program.logs();
        let main = main.iter().filter(|(name, _)| name == "main.log");
        let texts = main.map(|(_, text)| text.as_str()).collect::<String>();
        (texts + &self.program.printed())
            .matches(" reloaded")
            .count()
    }

    pub fn all(&self, step: &Step) {
        for key in KEYS {
            self.upstreams.script(key, Script::always(step.clone()));
        }
    }

    pub fn ask(&self, body: &str) -> (u16, String) {
        let address = self.program.address();
        call(
            address,
            "POST",
            "/v1/messages?key=wrong-secret-1",
            "client-secret-1",
            body,
        )
    }

    /// The logs whose names begin so, once there are `count` that are whole.
    pub fn logs(&self, start: &str, count: usize) -> Vec<(String, String)> {
        let logs = || -> Vec<_> {
            let logs = self.program.logs().into_iter();
            logs.filter(|(name, text)| name.starts_with(start) && text.contains("=== RESPONSE ==="))
                .collect()
        };
        eventually(
            || logs().len() == count,
            || format!("not {count} logs but {:#?}", logs()),
        );
        logs()
    }

    fn mode(&self, name: &str) -> u32 {
        let path = self.program.writable().join("logs").join(name);
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }
}

pub fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    let mut lines = answer.lines();
    let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name} in {answer}"))
}

#[test]
fn a_failed_request_leaves_an_error_log() {
    let setup = Setup::new("error-logs-max-files: 2");
    assert_eq!(setup.ask(BODY).0, 200);
    setup.all(&Step::status(400));
    let (status, answer) = setup.ask(BODY);
    assert_eq!(status, 400);
    let id = header(&answer, "X-Request-Id");
    let logs = setup.logs("", 1);
    let (name, text) = &logs[0];
    assert!(name.starts_with("error-v1-messages-20"), "{name}");
    assert!(name.ends_with(&format!("-{id}.log")), "{name}");
    assert_eq!(setup.mode(name), 0o600);
    for part in [
        "=== REQUEST INFO ===\nVersion: ",
        "\nURL: /v1/messages?key=wron...et-1\nMethod: POST\n",
        "\nAuthorization: Bearer clie...et-1\n",
        &format!("\n=== REQUEST BODY ===\n{BODY}\n"),
        "\n=== API ERROR RESPONSE ===\nHTTP Status: 400\n{",
        "\n=== RESPONSE ===\nStatus: 400\n",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(!text.contains("=== API REQUEST"), "{text}");
    let (_, answer) = setup.ask(BODY);
    let second = header(&answer, "X-Request-Id").to_owned();
    setup.logs("error-", 2);
    let (_, answer) = setup.ask(BODY);
    let third = header(&answer, "X-Request-Id").to_owned();
    let has = |id: &str| {
        setup
            .program
            .logs()
            .iter()
            .any(|(name, _)| name.contains(id))
    };
    eventually(
        || has(&third) && !has(id),
        || format!("{:?}", setup.program.logs()),
    );
    assert!(has(&second));
}

#[test]
fn a_stream_that_breaks_leaves_an_error_log() {
    let setup = Setup::new("");
    setup.all(&Step::ending(Ending::Reset(4)));
    assert_eq!(setup.ask(STREAM).0, 200);
    let (name, text) = &setup.logs("", 1)[0];
    assert!(name.starts_with("error-"), "{name}");
    assert!(text.contains("=== RESPONSE ===\nStatus: 200\n"), "{text}");
    assert!(text.contains("reading the answer"), "{text}");
}

#[test]
fn requests_are_logged_whole_once_that_is_asked_for() {
    let setup = Setup::new("");
    assert_eq!(setup.ask(BODY).0, 200);
    setup.reload("request-log: true");
    let trickle = Step::Answer(Manner {
        pieces: Some(2000),
        between: Some(Duration::ZERO),
        ..Manner::default()
    });
    setup.upstreams.script(
        KEYS[0],
        Script::once(Step::status(500)).then(trickle.clone()),
    );
    setup
        .upstreams
        .script(KEYS[1], Script::once(Step::status(500)).then(trickle));
    // Two that fail, then two long streams: whichever account is first, one request tries both.
    let (status, _) = setup.ask(STREAM);
    assert_eq!(status, 500);
    let (status, answer) = setup.ask(STREAM);
    assert_eq!(status, 200);
    let logs = setup.logs("v1-messages-", 2);
    let id = header(&answer, "X-Request-Id");
    let (_, failed) = logs.iter().find(|(name, _)| !name.contains(id)).unwrap();
    let places: Vec<usize> = [
        "=== API REQUEST 1 ===",
        "=== API ERROR RESPONSE ===",
        "=== API REQUEST 2 ===",
        "Status: 500",
        "=== RESPONSE ===",
    ]
    .iter()
    .map(|part| {
        failed
            .find(part)
            .unwrap_or_else(|| panic!("{part} is not in {failed}"))
    })
    .collect();
    assert!(places[0] < places[1] && places[1] < places[2] && places[2] < places[4]);
    let (_, streamed) = logs.iter().find(|(name, _)| name.contains(id)).unwrap();
    // Longer than what is held in memory, and not a byte is missing.
    let (_, chunks) = answer.split_once("\r\n\r\n").unwrap();
    let body: String = unchunked(chunks);
    assert!(body.len() > 100_000, "{}", body.len());
    let (before, response) = streamed.split_once("=== RESPONSE ===\n").unwrap();
    let (_, logged) = response.split_once("\n\n").unwrap();
    assert_eq!(logged, body + "\n");
    let (_, from_upstream) = before.split_once("=== API RESPONSE 1 ===").unwrap();
    assert!(from_upstream.matches("content_block_delta").count() >= 2000);
    setup.reload("request-log: false");
    assert_eq!(setup.ask(BODY).0, 200);
    setup.reload("request-log: true\ncommercial-mode: true");
    setup
        .program
        .expect("commercial-mode changed; a restart is required");
    assert_eq!(setup.ask(BODY).0, 200);
    // What was in force at the start still is: requests are logged.
    setup.logs("v1-messages-", 3);
}

pub fn unchunked(mut chunks: &str) -> String {
    let mut body = String::new();
    while let Some((size, rest)) = chunks.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        body += &rest[..size];
        chunks = &rest[(size + 2).min(rest.len())..];
        if size == 0 {
            break;
        }
    }
    body
}

#[test]
fn commercial_mode_writes_nothing() {
    let setup = Setup::new("request-log: true\ncommercial-mode: true");
    setup.all(&Step::status(400));
    assert_eq!(setup.ask(BODY).0, 400);
    setup.program.expect("400 | ");
    assert!(setup.program.logs().is_empty());
}

#[test]
fn the_log_goes_where_it_is_told_and_looks_as_it_is_told() {
    let setup = Setup::new("");
    let address = setup.program.address();
    assert_eq!(setup.ask(BODY).0, 200);
    setup.program.expect("\"/v1/messages?key=wron...et-1\"");
    let printed = setup.program.printed();
    let line = printed
        .lines()
        .find(|line| line.contains("200 | "))
        .unwrap();
    for part in [
        "] [info ] 200 | ",
        " |       127.0.0.1 | POST    \"",
        " model=m credential=claude:",
        " attempts=1 ",
        " decision=",
        " input_tokens=",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    setup.reload("debug: true");
    assert_eq!(setup.ask(BODY).0, 200);
    setup.program.expect("] [info ] [generation/access_log.rs:");
    setup.reload("logging-to-file: true\nlog-format: json\ndebug: true");
    let printed = setup.program.printed();
    let (_, answer) = setup.ask("{}");
    let id = header(&answer, "X-Request-Id").to_owned();
    let main = || {
        let logs = setup.program.logs();
        let main = logs.into_iter().find(|(name, _)| name == "main.log");
        main.map_or(String::new(), |(_, text)| text)
    };
    eventually(|| main().contains(&id) && main().ends_with('\n'), main);
    let lines: Vec<Value> = main()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let access = lines.iter().find(|line| line["status"] == 400).unwrap();
    assert_eq!(access["request_id"], id.as_str());
    assert_eq!(access["level"], "warn");
    assert_eq!(access["path"], "/v1/messages?key=wron...et-1");
    assert!(access["error"].is_string(), "{access}");
    assert!(
        lines
            .iter()
            .any(|line| line["message"].as_str().unwrap().ends_with(" reloaded"))
    );
    assert_eq!(
        setup.program.printed(),
        printed,
        "nothing is printed any more"
    );
    assert_eq!(setup.mode("main.log"), 0o600);
    assert_eq!(call(address, "GET", "/healthz", "", "").0, 200);
    setup.reload("");
    assert_eq!(call(address, "GET", "/nowhere", "", "").0, 404);
    setup.program.expect("\"/nowhere\"");
}

#[test]
fn every_line_of_a_request_has_its_id() {
    let setup = Setup::new("debug: true");
    setup.all(&Step::status(500));
    let address = setup.program.address();
    let (_, answer) = setup.ask(BODY);
    let id = header(&answer, "X-Request-Id");
    setup.program.expect("500 | ");
    let printed = setup.program.printed();
    for part in [
        "requesting demo-messages from ",
        " answered 500: ",
        "500 | ",
    ] {
        let mut lines = printed
            .lines()
            .filter(|line| line.contains(part))
            .peekable();
        assert!(lines.peek().is_some(), "{part} is not in {printed}");
        assert!(
            lines.all(|line| line.contains(&format!("] [{id}] ["))),
            "{printed}"
        );
    }
    call_with(address, "GET", "/", "", "X-Request-Id: my-id_1\r\n", "");
    setup.program.expect(" client_request_id=my-id_1");
}

#[test]
fn a_folder_that_cannot_be_written_ends_no_request() {
    let setup = Setup::new("request-log: true");
    fs::write(setup.program.writable().join("logs"), "in the way").unwrap();
    for _ in 0..3 {
        assert_eq!(setup.ask(BODY).0, 200);
    }
    let complaint = "cannot write request logs";
    setup.program.expect(complaint);
    setup.reload("logging-to-file: true");
    assert_eq!(setup.ask(BODY).0, 200);
    setup.program.expect("cannot write the log");
    // What cannot go to the file is not lost.
    let lines = || setup.program.printed().matches("200 | ").count();
    eventually(|| lines() == 4, || setup.program.printed());
    assert_eq!(setup.program.printed().matches(complaint).count(), 1);
}

#[test]
fn the_folder_does_not_outgrow_its_size() {
    let upstreams = Upstreams::start().unwrap();
    let folder = Folder::new();
    let auth = folder.write("config.yaml", "").with_file_name("auth");
    fs::create_dir_all(auth.join("logs")).unwrap();
    let old = auth.join("logs/v1-messages-old.log");
    fs::write(&old, vec![b'x'; 2 << 20]).unwrap();
    let more = format!("auth-dir: {}\nlogs-max-total-size-mb: 1", auth.display());
    let path = folder.write("config.yaml", &configuration(&upstreams, &more));
    let program = Program::start_with(
        &["--config", path.to_str().unwrap()],
        &[("WRITABLE_PATH", "")],
    );
    program.address();
    eventually(|| !old.exists(), || program.printed());
}

/// What clients send beside their key.
const HEADERS: &str = "Cookie: sid=cookie-secret-2\r\nProxy-Authorization: Basic basic-secret-1\r\nX-Session-Token: token-secret-1\r\nX-Management-Key: management-secret-1\r\n";

/// What an upstream may do to the account with `key`, which it repeats wherever it can.
fn misbehaviours(key: &str) -> Vec<Step> {
    // It knows what it has been shown.
    let header = if key == KEYS[0] {
        "header-secret-1"
    } else {
        "tiny"
    };
    let echo = |status| Step::Status {
        status,
        headers: vec![
            ("Set-Cookie".to_owned(), "cookie-secret-1".to_owned()),
            ("X-Echo".to_owned(), key.to_owned()),
        ],
        body: Some(format!(
            r#"{{"type":"error","error":{{"type":"authentication_error","message":"no {key}, no {header}"}}}}"#,
        )),
    };
    let raw = |raw: String| {
        Step::Answer(Manner {
            raw: Some(raw),
            ..Manner::default()
        })
    };
    let event = format!(
        "event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"api_error\",\"message\":\"no {key}\"}}}}\n\n"
    );
    let begun = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n";
    vec![
        Step::status(400),
        echo(400),
        echo(401),
        echo(403),
        echo(429),
        echo(500),
        Step::retry_after(3),
        Step::status(529),
        Step::Reset,
        Step::ending(Ending::Reset(0)),
        Step::ending(Ending::Reset(2)),
        Step::ending(Ending::TruncatedChunk(2)),
        Step::ending(Ending::Cut(2)),
        Step::ending(Ending::Error(0)),
        Step::ending(Ending::Error(3)),
        raw(event.clone()),
        raw(begun.to_owned() + &event),
        raw(format!("no events, but {key}")),
        raw(format!("HTTP <title>{key}</title>")),
        Step::trickle(9, Duration::ZERO),
        Step::tools(&[("look", "{}")]),
        Step::Answer(Manner::default()),
    ]
}

/// Whatever an upstream does, and with all that can be written being written.
#[test]
fn nothing_secret_is_ever_written() {
    for places in ["logging-to-file: true", "log-format: json"] {
        let more = format!(
            "debug: true\nrequest-log: true\npassthrough-headers: true\nrouting: {{session-affinity: true}}\n{places}\nopenai-compatibility:\n  - name: far\n    base-url: http://192.0.2.1/v1\n    models: [{{name: far}}]\n    api-key-entries: [{{api-key: far-secret-1, proxy-url: \"http://user-secret-1:pass-secret%401@127.0.0.1:9\"}}]"
        );
        // Where it listens is printed.
        let setup = Setup::new("");
        let address = setup.program.address();
        setup.reload(&more);
        let count = misbehaviours("").len();
        for n in 0..count {
            for key in KEYS {
                let step = misbehaviours(key).swap_remove(n);
                setup.upstreams.script(key, Script::always(step));
            }
            for (key, body) in [
                ("client-secret-1", STREAM),
                ("client-secret-1", BODY),
                ("wrong-secret-2", BODY),
            ] {
                let path = format!("/v1/messages?key={key}&auth_token=query-secret-1");
                call_with(address, "POST", &path, key, HEADERS, body);
            }
        }
        let far = BODY.replace("\"m\"", "\"far\"");
        assert!(call(address, "POST", "/v1/messages", "client-secret-1", &far).0 >= 500);
        // Whoever has no key leaves no file.
        setup.logs("v1-messages-", 2 * count + 1);
        setup.reload(&(more + "\n# The same with other words."));
        let mut texts = setup.program.logs();
        texts.push(("what is printed".to_owned(), setup.program.printed()));
        let written: usize = texts.iter().map(|(_, text)| text.len()).sum();
        assert!(
            written > 100_000,
            "there is something to look through: {written}"
        );
        for (name, text) in texts {
            let line = text.lines().find(|line| line.contains("secret"));
            assert_eq!(line, None, "in {name}");
            // Too short to be told from a word, it is masked where it is a header.
            let tiny = text.lines().find(|line| line.contains(": tiny"));
            assert_eq!(tiny, None, "in {name}");
        }
    }
}
