//! The gateway embedded in another program.

use std::sync::Arc;
use std::time::Duration;

use holdfast::unversioned::demo::{Gate, Step, Upstreams};
use holdfast::{Denied, Gateway, Incoming};

use super::harness::{ALL, Dialect, KEY, Options, PATIENCE, Setup, configuration, parse};

#[test]
fn it_starts_reloads_and_stops_repeatedly() {
    for _ in 0..5 {
        let config = "host: 127.0.0.1\nport: 0\napi-keys: [a]\n";
        let running = Gateway::start(parse(config)).unwrap();
        // The gateway does not set up logging.
        assert_eq!(log::max_level(), log::LevelFilter::Off);
        let address = running.address();
        let models = |key: &str| {
            super::client::Client::connect(address)
                .call("GET", "/v1/models", &[("X-Api-Key", key)], b"")
                .status()
        };
        assert_eq!((models("a"), models("b")), (200, 401));
        let pending = running.reload(parse("host: 127.0.0.1\nport: 1\napi-keys: [b]\n"));
        assert_eq!(pending, ["port"]);
        assert_eq!((models("a"), models("b")), (401, 200));
        running.stop();
        assert!(std::net::TcpStream::connect(address).is_err());
    }
}

#[test]
fn the_program_sets_the_folder_of_request_logs() {
    let name = format!("holdfast-library-{}", std::process::id());
    let folder = std::env::temp_dir().join(name).join("logs");
    let mut config = parse("host: 127.0.0.1\nport: 0\napi-keys: [a]\n");
    config.logs.commercial = false;
    let running = Gateway::new(config).with_log_folder(&folder).run().unwrap();
    let ask = |key| {
        let mut client = super::client::Client::connect(running.address());
        client.call("POST", "/v1/messages", &[("X-Api-Key", key)], b"{}")
    };
    assert_eq!(ask("wrong").status(), 401);
    assert!(!folder.exists(), "there is nothing to write");
    assert_eq!(ask("a").status(), 400);
    super::harness::eventually(|| folder.exists());
    running.stop();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    std::fs::remove_dir_all(folder.parent().unwrap()).unwrap();
}

#[test]
fn a_port_in_use_is_an_error() {
    let taken = Gateway::start(parse("host: 127.0.0.1\nport: 0\n")).unwrap();
    let port = taken.address().port();
    let error = Gateway::start(parse(&format!("host: 127.0.0.1\nport: {port}\n")))
        .err()
        .expect("the port is taken");
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}

#[test]
fn draining_lets_streams_finish() {
    let setup = Setup::new();
    let gate = Gate::default();
    setup.all_accounts(Dialect::Chat, &Step::gated(&gate));
    let mut client = setup.client();
    client.send(
        "POST",
        "/v1/chat/completions",
        &[("X-Api-Key", KEY)],
        &Dialect::Chat.body(&["hello"], true),
    );
    assert_eq!(client.head().status, 200);
    let drained = std::thread::scope(|scope| {
        let drain = scope.spawn(|| {
            setup.gateway().drain(PATIENCE, || {
                gate.open();
                false
            })
        });
        let mut whole = Vec::new();
        while let Some(chunk) = client.chunk().unwrap() {
            whole.extend_from_slice(&chunk);
        }
        assert!(String::from_utf8_lossy(&whole).ends_with("data: [DONE]\n\n"));
        drain.join().unwrap()
    });
    assert!(drained);
    setup.stop();
}

#[test]
fn draining_ends_at_its_deadline_or_by_its_caller() {
    let setup = Setup::new();
    setup.all_accounts(Dialect::Chat, &Step::trickle(100, Duration::from_secs(60)));
    let mut client = setup.client();
    client.send(
        "POST",
        "/v1/chat/completions",
        &[("X-Api-Key", KEY)],
        &Dialect::Chat.body(&["hello"], true),
    );
    assert_eq!(client.head().status, 200);
    assert!(!setup.gateway().drain(Duration::from_millis(50), || false));
    assert!(!setup.gateway().drain(Duration::from_secs(600), || true));
    setup.stop();
}

#[test]
fn a_filter_sees_whole_requests_without_keys_and_its_refusal_has_the_clients_dialect() {
    let upstreams = Upstreams::start().unwrap();
    let config = parse(&configuration(upstreams.address(), &Options::default()));
    let running = Gateway::new(config)
        .filtered(Arc::new(|request: &Incoming<'_>| {
            let is_named = |&(name, _): &(&str, &str)| name.eq_ignore_ascii_case("user-agent");
            let has_key = request.headers.iter().any(|(_, value)| value.contains(KEY));
            let text = String::from_utf8_lossy(request.body);
            if has_key || !request.headers.iter().any(is_named) || request.model.is_empty() {
                return Err(Denied {
                    status: 500,
                    message: "the filter got an unexpected request".to_owned(),
                });
            }
            match text.contains("forbidden") {
                true => Err(Denied {
                    status: 451,
                    message: "not this".to_owned(),
                }),
                false => Ok(()),
            }
        }))
        .run()
        .unwrap();
    let ask = |dialect: Dialect, text: &str, streams| {
        super::client::Client::connect(running.address()).call(
            "POST",
            &dialect.path(streams),
            &[("Authorization", "Bearer client-key"), ("User-Agent", "t")],
            &dialect.body(&[text], streams),
        )
    };
    for dialect in ALL {
        assert_eq!(ask(dialect, "hello", false).status(), 200, "{dialect:?}");
        let asked = upstreams.records().len();
        for streams in [false, true] {
            let answer = ask(dialect, "forbidden", streams);
            assert_eq!(answer.status(), 451, "{dialect:?}");
            assert_eq!(answer.json()["error"]["message"], "not this", "{dialect:?}");
        }
        assert_eq!(upstreams.records().len(), asked, "no upstream is asked");
    }
}
