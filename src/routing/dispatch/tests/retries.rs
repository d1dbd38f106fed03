//! What is tried in one request, in which order and how long.

use std::cell::{Cell, RefCell};

use super::super::*;
use super::support::*;
use crate::failure::Headers;
use crate::routing::Catalog;

#[test]
fn everyone_is_tried_once_and_the_best_tier_first() {
    let setup = Setup::new();
    let (mut tried, answered) = setup.ask(None, |_| Err(broken()));
    let error = answered.unwrap_err();
    assert_eq!((error.attempts, error.refused), (4, 0));
    assert_eq!(tried.pop().unwrap(), "d");
    tried.sort_unstable();
    assert_eq!(tried, ["a", "b", "c"]);
}

#[test]
fn overload_moves_on() {
    for code in [500, 502, 503, 504, 529, 408, 520] {
        let setup = Setup::new();
        let (home, _) = setup.who("s");
        assert_eq!(setup.fail("s", &home, status(code)).len(), 2);
        assert_eq!(setup.who("s").1, "failover");
    }
}

#[test]
fn a_request_at_fault_is_tried_once_and_leaves_no_trace() {
    let long = br#"{"error":{"code":"context_length_exceeded"}}"#.to_vec();
    let long = Failure::of_status(500, Headers::default(), long, SystemTime::now());
    for failure in [
        status(413),
        status(400),
        status(422),
        long,
        Failure::new(FailureKind::ClientGone, "gone"),
        Failure::new(FailureKind::Request, "no"),
    ] {
        let setup = Setup::new();
        let (home, _) = setup.who("s");
        let (tried, answered) = setup.ask(named("s"), |_| Err(failure.clone()));
        assert_eq!(tried, [home.as_str()]);
        assert_eq!(answered.unwrap_err().attempts, 1);
        assert_eq!(setup.who("s"), (home, "sticky"));
    }
}

#[test]
fn a_pool_is_exhausted_before_the_next_credential() {
    let pool = "";
    let mut text = "openai-compatibility:\n".to_owned();
    for key in ["a", "b"] {
        text += &format!(
            "  - name: p-{key}\n    base-url: http://{key}.test/v1\n    api-key-entries: [{{api-key: {key}}}]\n{pool}    \
             models: [{{name: x, alias: m}}, {{name: y, alias: m}}, {{name: z, alias: m}}]\n"
        );
    }
    let config = crate::config::load(&text, "test").config.unwrap();
    let mut setup = Setup::new();
    setup.catalog = Catalog::new(
        crate::credential::from_config(&config).0,
        &setup.state.credential_ids,
    );
    let asked = RefCell::new(Vec::new());
    let ask = |outcome: &dyn Fn(usize) -> Result<(), Failure>| {
        asked.borrow_mut().clear();
        let request = setup.request("m", named("s"));
        let placed = setup.state.dispatch(
            request,
            || setup.clock.get(),
            |_| true,
            |candidate, upstream_model, _| {
                asked
                    .borrow_mut()
                    .push((key(candidate), upstream_model.name.to_string()));
                outcome(asked.borrow().len())
            },
        );
        placed.map(|placed| placed.serving.succeeded()).is_ok()
    };
    // The first is out of quota, the second gives an empty stream, the third answers.
    let served = ask(&|n| match n {
        1 => Err(quota(5)),
        2 => Err(broken()),
        _ => Ok(()),
    });
    assert!(served);
    let names: Vec<String> = asked
        .borrow()
        .iter()
        .map(|(_, name)| name.clone())
        .collect();
    assert_eq!(names, ["x", "y", "z"]);
    let keys: std::collections::BTreeSet<String> =
        asked.borrow().iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(keys.len(), 1);
    // Blocked ones are skipped, whatever the rotation says.
    assert!(ask(&|_| Ok(())));
    assert_eq!(asked.borrow()[0].1, "z");
    // A fault in the request is not retried.
    assert!(!ask(&|_| Err(status(400))));
    assert_eq!(asked.borrow().len(), 1);
    setup.pass(seconds(120));
    assert!(!ask(&|_| Err(broken())));
    assert_eq!(asked.borrow().len(), 6);
}

#[test]
fn the_failure_most_worth_telling_is_told() {
    let (_, answered) = Setup::new().ask(None, |key| {
        Err(match key {
            "a" => quota(40),
            "b" => status(401),
            "c" => broken(),
            _ => quota(20),
        })
    });
    let error = answered.unwrap_err();
    assert_eq!(error.refused, 1);
    let failure = error.failure.unwrap();
    assert_eq!(
        (failure.status, failure.retry_after),
        (Some(429), Some(seconds(20)))
    );
}

#[test]
fn nothing_is_begun_when_it_has_taken_too_long() {
    let setup = Setup::new();
    let (tried, answered) = setup.ask(None, |_| {
        setup.pass(ADMISSION_LIMIT / 2);
        Err(broken())
    });
    assert_eq!(answered.unwrap_err().attempts, 2);
    assert_eq!(tried.len(), 2);
}

#[test]
fn a_dead_host_is_not_asked_with_every_key() {
    let text = "openai-compatibility:\n  - name: x\n    base-url: http://dead.test/v1\n    models: [{name: m}]\n    \
        api-key-entries: [{api-key: a}, {api-key: b}, {api-key: c}, {api-key: d}, {api-key: e}]\n  \
        - name: y\n    base-url: http://alive.test/v1\n    models: [{name: m}]\n    api-key-entries: [{api-key: z}]\n";
    let config = crate::config::load(text, "test").config.unwrap();
    let mut setup = Setup::new();
    setup.catalog = Catalog::new(
        crate::credential::from_config(&config).0,
        &setup.state.credential_ids,
    );
    for _ in 0..6 {
        let (tried, answered) = setup.ask(None, |key| match key {
            "z" => Ok(()),
            _ => Err(Failure::new(FailureKind::Connect, "refused")),
        });
        assert!(answered.is_ok());
        assert!(tried.len() <= 3, "{tried:?}");
        setup.pass(seconds(61));
    }
}

#[test]
fn rounds_follow_as_often_as_they_may() {
    let mut setup = Setup::with(&[("a", 0, ""), ("b", 0, "    request-retry: 1\n")]);
    setup.policy.request_retry = 3;
    let (tried, answered) = setup.ask(None, |_| Err(status(500)));
    let count = |key: &str| tried.iter().filter(|tried| *tried == key).count();
    assert_eq!((count("a"), count("b")), (4, 2));
    assert_eq!(answered.unwrap_err().attempts, 6);
    let pauses: Vec<u128> = setup
        .pauses
        .take()
        .iter()
        .map(Duration::as_millis)
        .collect();
    assert_eq!(pauses, [250, 500, 1000]);
    // Permanent failures are not retried.
    setup.pass(seconds(61));
    let (tried, _) = setup.ask(None, |_| Err(status(401)));
    assert_eq!(tried.len(), 2);
}

#[test]
fn a_recovery_within_the_limit_is_waited_for() {
    let mut setup = Setup::with(&[("a", 0, "")]);
    setup.policy.request_retry = 1;
    setup.policy.max_retry_interval = seconds(30);
    let tries = Cell::new(0);
    let answer = |_: &str| {
        tries.set(tries.get() + 1);
        if tries.get() == 1 {
            Err(quota(20))
        } else {
            Ok(())
        }
    };
    let (tried, answered) = setup.ask(named("s"), answer);
    assert_eq!((tried.len(), answered.is_ok()), (2, true));
    let pause = setup.pauses.take()[0];
    assert!((seconds(20)..=seconds(22)).contains(&pause), "{pause:?}");
    // If the recovery is too far away, the request does not wait.
    let (tried, answered) = setup.ask(named("s"), |_| Err(quota(31)));
    assert_eq!((tried.len(), answered.is_err()), (1, true));
    let begun = setup.clock.get();
    let (tried, answered) = setup.ask(named("s"), |_| Ok(()));
    assert_eq!((tried.len(), answered.is_err()), (0, true));
    assert_eq!(setup.clock.get(), begun);
    // A request that arrives when all are blocked waits too.
    setup.pass(seconds(5));
    assert_eq!(setup.who("s").0, "a");
    assert_eq!(setup.pauses.take().len(), 1);
}

#[test]
fn only_so_many_are_asked_in_a_round() {
    let mut setup = Setup::new();
    setup.policy.max_retry_credentials = 2;
    let (tried, _) = setup.ask(None, |_| Err(broken()));
    assert_eq!(tried.len(), 2);
}
