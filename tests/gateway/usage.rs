//! Usage statistics.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use holdfast::unversioned::demo::{Ending, Script, Step, Upstreams};
use serde_json::{Value, json};

use super::harness::{ALL, Dialect, Options, Setup, configuration, eventually, parse};

const ON: &str = "usage-statistics-enabled: true";
const MASKED: &str = "clie...-key";

fn options() -> Options {
    Options {
        more: ON,
        ..Options::default()
    }
}

fn shown(setup: &Setup) -> Value {
    serde_json::to_value(setup.gateway().usage()).unwrap()
}

/// Waits until the statistics have this many attempts: they are recorded after the answer.
fn after(setup: &Setup, attempts: u64) -> Value {
    eventually(|| setup.gateway().usage().total_requests >= attempts);
    let json = shown(setup);
    assert_eq!(json["total_requests"], attempts);
    json
}

fn details(json: &Value, dialect: Dialect) -> Vec<Value> {
    let model = &json["apis"][MASKED]["models"][format!("demo-{}", dialect.name())];
    model["details"].as_array().cloned().unwrap_or_default()
}

#[test]
fn every_attempt_is_recorded_with_its_tokens() {
    let setup = Setup::with(options());
    for (index, dialect) in ALL.into_iter().enumerate() {
        for streams in [true, false] {
            assert_eq!(setup.ask(dialect, &["hello"], streams).status(), 200);
        }
        let json = after(&setup, 2 * (index as u64 + 1));
        let details = details(&json, dialect);
        assert_eq!(details.len(), 2, "{json}");
        for detail in details {
            let tokens = &detail["tokens"];
            let input = tokens["input_tokens"].as_u64().unwrap();
            let output = tokens["output_tokens"].as_u64().unwrap();
            assert!(
                output > 0 && input + tokens["cached_tokens"].as_u64().unwrap() > 0,
                "{detail}"
            );
            assert_eq!(tokens["total_tokens"], input + output);
            assert_eq!(detail["failed"], false);
            assert_eq!(detail["auth_index"].as_str().unwrap().len(), 16);
            let source = detail["source"].as_str().unwrap();
            let masks = [1, 2, 3].map(|n| {
                let key = dialect.account(n);
                format!("{}...{}", &key[..4], &key[key.len() - 4..])
            });
            assert!(masks.contains(&source.to_owned()), "{source}");
        }
    }
    let json = shown(&setup);
    assert_eq!(json["success_count"], 8);
    assert_eq!(json["failure_count"], 0);
    let requests = json["requests_by_day"].as_object().unwrap().values();
    assert_eq!(requests.filter_map(Value::as_u64).sum::<u64>(), 8);
    let tokens = json["tokens_by_hour"].as_object().unwrap().values();
    assert_eq!(
        json["total_tokens"],
        tokens.filter_map(Value::as_u64).sum::<u64>()
    );
}

#[test]
fn each_of_several_attempts_is_recorded() {
    let setup = Setup::with(options());
    let session = [("X-Session-ID", "one")];
    setup.ask_as(Dialect::Chat, &["hello"], false, &session);
    after(&setup, 1);
    let first = setup.records()[0].key.clone();
    setup
        .upstreams
        .script(&first, Script::once(Step::status(503)));
    setup.ask_as(Dialect::Chat, &["hello"], true, &session);
    let json = after(&setup, 3);
    assert_eq!(json["failure_count"], 1);
    let details = details(&json, Dialect::Chat);
    assert_eq!(details[1]["failed"], true);
    assert_eq!(details[1]["tokens"]["total_tokens"], 0);
    assert_eq!(details[2]["failed"], false);
    assert_ne!(details[1]["auth_index"], details[2]["auth_index"]);
    eventually(|| setup.gateway().requests().total == 2);
    assert_eq!(setup.gateway().requests().failed, 0);

    setup.all_accounts(Dialect::Messages, &Step::status(503));
    assert_eq!(setup.ask(Dialect::Messages, &["hello"], true).status(), 503);
    let json = after(&setup, 6);
    assert_eq!(json["failure_count"], 4);
    eventually(|| setup.gateway().requests().total == 3);
    assert_eq!(setup.gateway().requests().failed, 1);
}

#[test]
fn an_answer_that_breaks_off_is_recorded_as_failed() {
    let setup = Setup::with(options());
    setup.all_accounts(Dialect::Messages, &Step::ending(Ending::Cut(4)));
    setup.ask(Dialect::Messages, &["some more words than four"], true);
    let json = after(&setup, 1);
    let [detail] = &details(&json, Dialect::Messages)[..] else {
        panic!("{json}");
    };
    assert_eq!(detail["failed"], true);
    assert_ne!(
        detail["tokens"]["total_tokens"], 0,
        "what it began with was paid for"
    );

    setup.all_accounts(Dialect::Chat, &Step::slow(Duration::from_secs(600)));
    let mut client = setup.client();
    client.send(
        "POST",
        "/v1/chat/completions",
        &[("Authorization", "Bearer client-key")],
        &Dialect::Chat.body(&["hello"], false),
    );
    eventually(|| setup.records().len() == 2);
    drop(client);
    let json = after(&setup, 2);
    assert_eq!(json["failure_count"], 2);
}

#[test]
fn token_counts_are_not_recorded() {
    let setup = Setup::with(options());
    let body = Dialect::Messages.body(&["hello"], false);
    let key = [("X-Api-Key", "client-key")];
    let path = "/v1/messages/count_tokens";
    let answer = setup.client().call("POST", path, &key, &body);
    assert_eq!(answer.status(), 200);
    setup.ask(Dialect::Chat, &["hello"], false);
    setup.reports(2);
    after(&setup, 1);
    assert_eq!(setup.gateway().requests().total, 1);
}

#[test]
fn anonymous_clients_are_recorded_by_route() {
    let upstreams = Upstreams::start().unwrap();
    let text = configuration(upstreams.address(), &options())
        .replace("api-keys: [client-key, other-key]", "api-keys: []");
    let setup = Setup::configured(upstreams, &text);
    for dialect in ALL {
        for streams in [true, false] {
            setup.ask(dialect, &["hello"], streams);
        }
    }
    let json = after(&setup, 8);
    let apis: Vec<_> = json["apis"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        apis,
        [
            "POST /v1/chat/completions",
            "POST /v1/messages",
            "POST /v1/responses",
            "POST /v1beta/models/{model}:generateContent",
            "POST /v1beta/models/{model}:streamGenerateContent",
        ]
    );
}

#[test]
fn a_reload_switches_statistics_on_and_off() {
    let upstreams = Upstreams::start().unwrap();
    let off = configuration(upstreams.address(), &Options::default());
    let on = configuration(upstreams.address(), &options());
    let setup = Setup::configured(upstreams, &off);
    let ask = |requests| {
        setup.ask(Dialect::Chat, &["hello"], false);
        // The report follows the record.
        setup.reports(requests);
        shown(&setup)["total_requests"].clone()
    };
    assert_eq!(ask(1), 0);
    setup.gateway().reload(parse(&on));
    assert_eq!(ask(2), 1);
    setup.gateway().reload(parse(&off));
    assert_eq!(ask(3), 1, "kept, but no more of it");
    setup.gateway().reload(parse(&on));
    assert_eq!(ask(4), 2);
}

#[test]
fn statistics_survive_a_restart() {
    let folder = folder("kept");
    let file = folder.join("usage.json");
    let upstreams = Upstreams::start().unwrap();
    let text = configuration(upstreams.address(), &options())
        + &format!("usage-statistics-file: \"{}\"\n", file.display());
    let mut setup = Setup::configured(upstreams, &text);
    setup.ask(Dialect::Chat, &["hello"], false);
    let before = after(&setup, 1);
    setup.restart(&text);
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(after(&setup, 1), before);
    assert_eq!(setup.gateway().requests().total, 1);
    setup.ask(Dialect::Chat, &["hello"], false);
    after(&setup, 2);

    // An unreadable file is not overwritten.
    setup.stop_gateway();
    fs::write(&file, "{\"usage\": 7}").unwrap();
    setup.restart(&text);
    assert_eq!(shown(&setup)["apis"], json!({}));
    setup.ask(Dialect::Chat, &["hello"], false);
    after(&setup, 1);
    setup.stop();
    let aside = fs::read_to_string(folder.join("usage.json.bad")).unwrap();
    assert_eq!(aside, "{\"usage\": 7}");
    let kept: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(kept["usage"]["total_requests"], 1);
    fs::remove_dir_all(folder).unwrap();
}

fn folder(name: &str) -> PathBuf {
    let name = format!("holdfast-usage-{name}-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}
