//! `request-scoped-errors`: rules about the errors of upstreams.

use holdfast::unversioned::demo::{Script, Step, Upstreams};

use crate::harness::{Dialect, KEY, Setup};

/// Two accounts with a rule, of which the first is tried first.
fn setup(action: &str) -> Setup {
    let upstreams = Upstreams::start().unwrap();
    let address = upstreams.address();
    let mut text = format!(
        "host: 127.0.0.1\nport: 0\napi-keys: [{KEY}]\nrouting: {{strategy: fill-first}}\nclaude-api-key:\n"
    );
    for n in 1..=2 {
        let key = Dialect::Messages.account(n);
        let priority = 2 - n as i32;
        text += &format!(
            "  - {{api-key: {key}, priority: {priority}, base-url: \"http://{address}\", models: [{{name: demo-messages, alias: my-messages}}], request-scoped-errors: [{{status: 400, match: [no such text], action: stop}}, {{status: 400, match: [odd], match-regexr: ['e{{2}}n'], action: {action}}}]}}\n"
        );
    }
    Setup::configured(upstreams, &text)
}

fn failing(setup: &Setup, status: u16, message: &str) {
    let body = format!(r#"{{"type":"error","error":{{"type":"x","message":"{message}"}}}}"#);
    let step = Step::Status {
        status,
        headers: Vec::new(),
        body: Some(body),
    };
    let key = Dialect::Messages.account(1);
    setup.upstreams.script(&key, Script::always(step));
}

/// The accounts that were called for a request, and its status.
fn ask(setup: &Setup, text: &str) -> (Vec<usize>, u16) {
    setup.upstreams.clear_records();
    let answer = setup.ask(Dialect::Messages, &[text], false);
    let called = setup.records().into_iter().map(|record| {
        (1..=2)
            .find(|n| record.key == Dialect::Messages.account(*n))
            .unwrap()
    });
    (called.collect(), answer.status())
}

#[test]
fn rules_about_errors_decide_about_request_and_credential() {
    for message in ["an odd one", "seen"] {
        for (action, first, second) in [
            ("stop", (vec![1], 400), (vec![1], 400)),
            ("stop-and-cooldown", (vec![1], 400), (vec![2], 200)),
            ("continue", (vec![1, 2], 200), (vec![1, 2], 200)),
            ("continue-and-cooldown", (vec![1, 2], 200), (vec![2], 200)),
        ] {
            let setup = setup(action);
            failing(&setup, 400, message);
            assert_eq!(ask(&setup, "one"), first, "{action}");
            assert_eq!(ask(&setup, "two"), second, "{action}");
            setup.stop();
        }
    }
}

#[test]
fn other_errors_are_classified_as_usual() {
    for action in ["stop", "continue-and-cooldown"] {
        let setup = setup(action);
        failing(&setup, 400, "plain");
        assert_eq!(ask(&setup, "one"), (vec![1], 400), "{action}");
        failing(&setup, 500, "an odd one");
        assert_eq!(ask(&setup, "two"), (vec![1, 2], 200), "{action}");
        setup.stop();
    }
}
