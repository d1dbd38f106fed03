//! Scenarios of failover, retries and sessions that need neither a socket nor a wire format. Time is simulated.

use std::cell::{Cell, RefCell};

use super::*;
use crate::config::Strategy;
use crate::failure::Headers;
use crate::routing::catalog::CredentialIds;
use crate::routing::{Catalog, Policy, Servers};
use crate::session::bindings::Key;
use crate::session::bindings::{self, CredentialId};
use crate::session::name::Name;

const TTL: Duration = Duration::from_secs(3600);

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn status(code: u16) -> Failure {
    Failure::of_status(code, Headers::default(), Vec::new(), SystemTime::now())
}

fn quota(after: u64) -> Failure {
    let after = after.to_string();
    let headers = [("retry-after", after.as_str())].into_iter().collect();
    Failure::of_status(429, headers, Vec::new(), SystemTime::now())
}

fn broken() -> Failure {
    Failure::new(FailureKind::Broken, "it broke")
}

fn named(session: &str) -> Option<Key> {
    Some(Key {
        client: Default::default(),
        names: vec![Name::new("", session, "m")],
        prefix: None,
    })
}

/// Credentials named by their keys, with priorities and further YAML for each entry.
fn catalog(keys: &[(&str, i32, &str)], credential_ids: &CredentialIds) -> Catalog {
    let mut text = "openai-compatibility:\n".to_owned();
    for (key, priority, more) in keys {
        // One host each, so that an unreachable host affects one credential.
        text += &format!(
            "  - name: p-{key}\n    base-url: http://{key}.test/v1\n    priority: {priority}\n    \
             models: [{{name: m}}, {{name: n}}]\n    api-key-entries: [{{api-key: {key}}}]\n{more}"
        );
    }
    let config = crate::config::load(&text, "test").config.unwrap();
    Catalog::new(crate::credential::from_config(&config).0, credential_ids)
}

fn key(candidate: &Candidate) -> String {
    let key = candidate.credential.key.as_ref();
    key.map_or_else(String::new, |key| key.reveal().to_owned())
}

struct Setup {
    state: State,
    catalog: Catalog,
    policy: Policy,
    clock: Cell<Instant>,
    /// Every pause between rounds.
    pauses: RefCell<Vec<Duration>>,
}

type Answered = Result<(&'static str, usize), Box<DispatchError>>;

impl Setup {
    fn with(keys: &[(&str, i32, &str)]) -> Self {
        let now = Instant::now();
        let state = State::new(bindings::NAMES, now);
        Self {
            catalog: catalog(keys, &state.credential_ids),
            state,
            policy: Policy {
                affinity: Some(TTL),
                waiters: 10,
                ..Policy::default()
            },
            clock: Cell::new(now),
            pauses: RefCell::default(),
        }
    }

    /// `a`, `b` and `c`, and `d` of lower priority.
    fn new() -> Self {
        Self::with(&[("a", 0, ""), ("b", 0, ""), ("c", 0, ""), ("d", -1, "")])
    }

    fn pass(&self, time: Duration) {
        self.clock.set(self.clock.get() + time);
    }

    fn request(&self, model: &'static str, session: Option<Key>) -> RouteRequest<'_> {
        RouteRequest {
            entry: self.catalog.entry(model).unwrap(),
            model,
            servers: Servers::All,
            key: session,
            parent: None,
            policy: self.policy,
            more_rounds: 0,
            is_counting: false,
        }
    }

    fn dispatch(
        &self,
        request: RouteRequest<'_>,
        outcome: impl Fn(&str) -> Result<(), Failure>,
    ) -> (Vec<String>, Answered) {
        let mut tried = Vec::new();
        let placed = self.state.dispatch(
            request,
            || self.clock.get(),
            |pause| {
                self.pauses.borrow_mut().push(pause);
                self.pass(pause);
                true
            },
            |candidate, _| {
                tried.push(key(candidate));
                outcome(&key(candidate))
            },
        );
        let answered = placed.map(|placed| {
            placed.serving.succeeded();
            (placed.decision.name(), placed.attempts)
        });
        (tried, answered)
    }

    /// The credentials that were tried, in order, and the result.
    fn ask(
        &self,
        session: Option<Key>,
        outcome: impl Fn(&str) -> Result<(), Failure>,
    ) -> (Vec<String>, Answered) {
        self.dispatch(self.request("m", session), outcome)
    }

    /// The credential that answers, and the routing decision.
    fn who(&self, session: &str) -> (String, &'static str) {
        let (mut tried, answered) = self.ask(named(session), |_| Ok(()));
        (tried.pop().unwrap(), answered.unwrap().0)
    }

    /// A request of `session` whose credential answers with `failure`.
    fn fail(&self, session: &str, failing: &str, failure: Failure) -> Vec<String> {
        let (tried, answered) = self.ask(named(session), |key| match key == failing {
            true => Err(failure.clone()),
            false => Ok(()),
        });
        assert!(answered.is_ok());
        tried
    }
}

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
fn a_passing_failure_lends_the_session_and_it_comes_home() {
    let setup = Setup::new();
    let (home, decision) = setup.who("s");
    assert_eq!(decision, "new");
    let tried = setup.fail("s", &home, status(503));
    assert_eq!((&tried[0], tried.len()), (&home, 2));
    let standby = tried[1].clone();
    for _ in 0..5 {
        setup.pass(seconds(11));
        assert_eq!(setup.who("s"), (standby.clone(), "failover"));
    }
    setup.pass(seconds(5));
    assert_eq!(setup.who("s"), (home.clone(), "returned"));
    assert_eq!(setup.who("s"), (home, "sticky"));
}

#[test]
fn a_stand_in_that_fails_is_replaced_and_home_stays_home() {
    let setup = Setup::new();
    let (home, _) = setup.who("s");
    let tried = setup.fail("s", &home, quota(600));
    let (first, second) = (&tried[1], setup.fail("s", &tried[1], status(500)));
    assert_eq!(second[0], *first);
    assert_ne!(second[1], home);
    assert_eq!(setup.who("s"), (second[1].clone(), "failover"));
    setup.pass(seconds(601));
    assert_eq!(setup.who("s"), (home, "returned"));
}

#[test]
fn a_terminal_failure_moves_the_session_for_good() {
    for code in [401, 402, 403] {
        let setup = Setup::new();
        let (first, _) = setup.who("s");
        let tried = setup.fail("s", &first, status(code));
        let (now, decision) = setup.who("s");
        assert_eq!((&now, decision), (&tried[1], "sticky"));
        setup.pass(seconds(3000));
        assert_eq!(setup.who("s"), (now, "sticky"), "{code}");
    }
}

#[test]
fn another_session_of_a_lost_credential_moves_too() {
    let setup = Setup::with(&[("a", 0, ""), ("b", 0, "")]);
    let place = |session: &str| setup.who(session).0;
    let (s, _, u) = (place("s"), place("t"), place("u"));
    assert_eq!(s, u);
    setup.fail("s", &s, status(401));
    let (new, decision) = setup.who("u");
    assert_eq!(decision, "failover", "it has not seen the failure itself");
    setup.pass(seconds(3000));
    assert_eq!(setup.who("u"), (new, "sticky"));
}

#[test]
fn a_block_that_outlasts_the_binding_moves_the_session() {
    let setup = Setup::new();
    let (first, _) = setup.who("s");
    let tried = setup.fail("s", &first, quota(7200));
    for _ in 0..5 {
        setup.pass(seconds(1800));
        assert_eq!(setup.who("s"), (tried[1].clone(), "sticky"));
    }
}

#[test]
fn a_session_goes_back_to_its_priority_but_one_born_below_stays() {
    let keys = [("a", 1, ""), ("b", 0, "")];
    let mut setup = Setup::with(&keys);
    assert_eq!(setup.who("old").0, "a");
    setup.fail("old", "a", quota(60));
    assert_eq!(setup.who("young"), ("b".to_owned(), "new"));
    setup.pass(seconds(61));
    assert_eq!(setup.who("old"), ("a".to_owned(), "returned"));
    assert_eq!(setup.who("young"), ("b".to_owned(), "sticky"));
    setup.policy.failback = true;
    assert_eq!(setup.who("young"), ("a".to_owned(), "moved"));
    assert_eq!(setup.who("young"), ("a".to_owned(), "sticky"));
}

#[test]
fn new_sessions_spread_evenly_in_the_order_of_ids() {
    let setup = Setup::with(&[("a", 0, ""), ("b", 0, ""), ("c", 0, "")]);
    let request: Vec<String> = setup
        .catalog
        .entry("m")
        .unwrap()
        .candidates()
        .iter()
        .map(key)
        .collect();
    let placed: Vec<String> = (0..12).map(|n| setup.who(&format!("s{n}")).0).collect();
    let expected: Vec<String> = request.iter().cycle().take(12).cloned().collect();
    assert_eq!(placed, expected);
}

#[test]
fn fifty_agents_spread_over_five_credentials() {
    let keys = ["a", "b", "c", "d", "e"].map(|key| (key, 0, ""));
    let setup = Setup::with(&keys);
    let mut counts = std::collections::BTreeMap::new();
    for agent in 0..50 {
        let session = match agent {
            0 => "claude:s".to_owned(),
            n => format!("claude:s#{n}"),
        };
        *counts.entry(setup.who(&session).0).or_insert(0) += 1;
    }
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [10; 5]);
}

#[test]
fn a_subagent_starts_where_its_parent_is_if_it_is_told_to() {
    let setup = Setup::new();
    let (parent, _) = setup.who("s");
    for n in 0..10 {
        let mut request = setup.request("m", named(&format!("s#{n}")));
        request.parent = named("s");
        let (tried, _) = setup.dispatch(request, |_| Ok(()));
        assert_eq!(tried, [parent.as_str()]);
    }
}

#[test]
fn sessions_go_where_the_least_recent_ones_are() {
    let setup = Setup::with(&[("a", 0, ""), ("b", 0, "")]);
    let (old, _) = setup.who("old");
    setup.pass(seconds(1500));
    let (young, _) = setup.who("young");
    assert_ne!(old, young);
    // Both have one session, but one has been idle for longer.
    assert_eq!(setup.who("next").0, old);
}

#[test]
fn sessions_avoid_who_has_little_left() {
    let setup = Setup::with(&[("a", 0, ""), ("b", 0, "")]);
    let (first, _) = setup.who("s");
    let index = setup.state.credential_ids.number(
        setup
            .catalog
            .entry("m")
            .unwrap()
            .candidates()
            .iter()
            .find(|c| key(c) != first)
            .unwrap()
            .id(),
    );
    let now = setup.clock.get();
    let windows = crate::failure::Windows {
        exhausted: None,
        used: 0.9,
    };
    setup
        .state
        .with(|router| router.note(index, windows, now, now));
    for n in 0..5 {
        assert_eq!(setup.who(&format!("t{n}")).0, first);
    }
}

#[test]
fn one_that_is_only_ill_is_still_asked_when_nobody_is_better() {
    let setup = Setup::with(&[("a", 0, "")]);
    let (_, answered) = setup.ask(named("s"), |_| Err(status(500)));
    answered.unwrap_err();
    setup.pass(seconds(1));
    assert_eq!(setup.who("s"), ("a".to_owned(), "new"));
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
fn a_session_that_nobody_has_answered_is_not_bound() {
    let setup = Setup::new();
    setup.ask(named("s"), |_| Err(status(400))).1.unwrap_err();
    assert_eq!(setup.who("s").1, "new");
}

#[test]
fn quota_and_illness_together() {
    let setup = Setup::with(&[("a", 0, ""), ("b", 0, "")]);
    setup
        .ask(None, |key| {
            Err(if key == "a" {
                quota(86_400)
            } else {
                status(503)
            })
        })
        .1
        .unwrap_err();
    setup.pass(seconds(1));
    let (tried, answered) = setup.ask(None, |_| Err(status(503)));
    assert_eq!(tried, ["b"]);
    let availability = answered.unwrap_err().availability;
    assert!(availability.is_out_of_quota());
    assert_eq!(availability.earliest, Some(seconds(59)));
    assert_eq!(
        availability.describe(),
        "2 candidates: 1 quota, 1 transient"
    );
}

#[test]
fn what_is_used_up_for_long_is_probed_now_and_then() {
    let setup = Setup::with(&[("a", 0, ""), ("b", 0, "")]);
    let out = |key: &str| Err(quota(if key == "a" { 86_400 } else { 43_200 }));
    setup.ask(None, out).1.unwrap_err();
    let (tried, _) = setup.ask(None, out);
    assert_eq!(tried, Vec::<String>::new());
    setup.pass(seconds(1800));
    let (tried, _) = setup.ask(None, |_| Err(quota(41_000)));
    assert_eq!(tried, ["b"], "the one that recovers first, once");
    setup.pass(seconds(1800));
    let (tried, answered) = setup.ask(None, |_| Ok(()));
    assert_eq!((tried, answered.is_ok()), (vec!["b".to_owned()], true));
    let (tried, _) = setup.ask(None, |_| Ok(()));
    assert_eq!(tried, ["b"], "free again");
}

#[test]
fn a_model_that_is_missing_is_another_models_business() {
    let setup = Setup::with(&[("a", 0, ""), ("b", 0, "")]);
    let missing = br#"{"error":{"code":"model_not_found"}}"#.to_vec();
    let missing = Failure::of_status(404, Headers::default(), missing, SystemTime::now());
    setup.fail("s", "a", missing);
    for n in 0..4 {
        assert_eq!(setup.who(&format!("s{n}")).0, "b");
    }
    let (tried, _) = setup.dispatch(setup.request("n", None), |_| Ok(()));
    assert_eq!(tried.len(), 1);
    let (other, _) = setup.dispatch(setup.request("n", None), |_| Ok(()));
    assert_ne!(tried, other, "both serve the other model");
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
            |candidate, upstream_model| {
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

#[test]
fn without_cooling_nobody_is_kept_away() {
    let mut setup = Setup::with(&[("a", 0, ""), ("b", 0, "    disable-cooling: false\n")]);
    setup.policy.disable_cooling = true;
    setup.ask(None, |_| Err(quota(600))).1.unwrap_err();
    let mut seen = Vec::new();
    for _ in 0..2 {
        seen.extend(setup.ask(None, |_| Ok(())).0);
    }
    assert_eq!(seen, ["a", "a"], "b cools by its own setting");
}

#[test]
fn passing_failures_cool_as_long_as_configured() {
    let mut setup = Setup::with(&[("a", 0, ""), ("b", 0, "")]);
    setup.policy.transient_cooldown = None;
    let (home, _) = setup.who("s");
    setup.fail("s", &home, status(503));
    assert_eq!(setup.who("s"), (home.clone(), "returned"));
    setup.policy.transient_cooldown = Some(seconds(7));
    setup.fail("s", &home, status(503));
    setup.pass(seconds(6));
    assert_eq!(setup.who("s").1, "failover");
    setup.pass(seconds(2));
    assert_eq!(setup.who("s"), (home, "returned"));
}

#[test]
fn counting_says_nothing_about_health() {
    let setup = Setup::with(&[("a", 0, ""), ("b", 0, "")]);
    let (home, _) = setup.who("s");
    let mut request = setup.request("m", named("s"));
    request.is_counting = true;
    let (tried, _) = setup.dispatch(request, |_| Err(status(500)));
    assert_eq!(tried.len(), 2);
    assert_eq!(setup.who("s"), (home, "sticky"));
}

#[test]
fn a_late_result_does_not_move_a_session_that_has_moved() {
    let setup = Setup::new();
    let (first, _) = setup.who("s");
    let slow = setup.state.dispatch(
        setup.request("m", named("s")),
        || setup.clock.get(),
        |_| true,
        |_, _| Ok(()),
    );
    let mut slow = slow.unwrap();
    let tried = setup.fail("s", &first, status(401));
    slow.serving.failed(&status(500), setup.clock.get());
    drop(slow);
    assert_eq!(setup.who("s"), (tried[1].clone(), "sticky"));
}

#[test]
fn a_failure_within_an_answer_counts() {
    let setup = Setup::new();
    let (home, _) = setup.who("s");
    let placed = setup.state.dispatch(
        setup.request("m", named("s")),
        || setup.clock.get(),
        |_| true,
        |_, _| Ok(()),
    );
    placed.unwrap().serving.failed(&broken(), setup.clock.get());
    assert_eq!(setup.who("s").1, "failover");
    setup.pass(seconds(61));
    assert_eq!(setup.who("s"), (home, "returned"));
}

#[test]
fn a_reload_keeps_what_is_known() {
    let keys = [("a", 0, ""), ("b", 0, ""), ("c", 0, "")];
    let mut setup = Setup::with(&keys);
    let places: Vec<(String, String)> = (0..9)
        .map(|n| format!("s{n}"))
        .map(|session| (setup.who(&session).0, session))
        .collect();
    let failing = places[0].0.clone();
    setup.fail("x", &failing, status(503));
    let rest: Vec<_> = keys.into_iter().filter(|(key, ..)| *key != "c").collect();
    setup.catalog = catalog(&rest, &setup.state.credential_ids);
    let present: Vec<CredentialId> = setup
        .catalog
        .credentials()
        .iter()
        .map(|credential| setup.state.credential_ids.number(&credential.id))
        .collect();
    setup
        .state
        .retain(|credential_id| present.contains(&credential_id));
    for (place, session) in places {
        let (now, decision) = setup.who(&session);
        match place.as_str() {
            "c" => assert_eq!(decision, "new"),
            place if place == failing => assert_eq!(decision, "failover"),
            place => assert_eq!((now.as_str(), decision), (place, "sticky")),
        }
    }
}

#[test]
fn weights_are_kept_smoothly() {
    let mut setup = Setup::with(&[
        ("a", 0, "    weight: 3\n"),
        ("b", 0, "    weight: 1\n"),
        ("c", 0, "    weight: 0\n"),
    ]);
    setup.policy.strategy = Strategy::WeightedRoundRobin;
    let taken: String = (0..8)
        .map(|_| setup.ask(None, |_| Ok(())).0.concat())
        .collect();
    assert_eq!(taken.matches('a').count(), 6);
    assert!(!taken.contains("aaaa"), "{taken}");
    let placed: String = (0..8).map(|n| setup.who(&format!("s{n}")).0).collect();
    assert_eq!(placed.matches('a').count(), 6, "{placed}");
    assert_eq!(placed.matches('b').count(), 2, "{placed}");
}

#[test]
fn fill_first_takes_the_first() {
    let mut setup = Setup::new();
    setup.policy.strategy = Strategy::FillFirst;
    let first = key(&setup.catalog.entry("m").unwrap().candidates()[0]);
    for n in 0..3 {
        assert_eq!(setup.ask(None, |_| Ok(())).0, [first.as_str()]);
        assert_eq!(setup.who(&format!("s{n}")).0, first);
    }
}

#[test]
fn round_robin_takes_turns_and_failures_do_not_disturb_it() {
    let setup = Setup::with(&[("a", 0, ""), ("b", 0, ""), ("c", 0, "")]);
    let request: Vec<String> = setup
        .catalog
        .entry("m")
        .unwrap()
        .candidates()
        .iter()
        .map(key)
        .collect();
    let mut taken = Vec::new();
    for n in 0..7 {
        if n == 3 {
            // Another model has its own rotation.
            let (_, answered) = setup.dispatch(setup.request("n", None), |_| Ok(()));
            assert!(answered.is_ok());
        }
        taken.extend(setup.ask(None, |_| Ok(())).0);
    }
    let expected: Vec<String> = request.iter().cycle().take(7).cloned().collect();
    assert_eq!(taken, expected);
}

#[test]
fn every_decision_can_be_explained() {
    let setup = Setup::with(&[("a", 0, ""), ("b", 0, ""), ("c", 0, ""), ("d", -1, "")]);
    setup.fail("s", "a", quota(90));
    let request = setup.request("m", named("t"));
    let mut attempt_state = AttemptState::new(4);
    let now = setup.clock.get();
    let line = setup.state.with(|router| {
        let pick = router.pick(&request, &mut attempt_state, now).unwrap();
        let wall = SystemTime::UNIX_EPOCH;
        let fault = crate::failure::classify(&status(503), UpstreamKind::Compat, "m", wall);
        router.failed(&request, &mut attempt_state, pick, &fault, now);
        router.pick(&request, &mut attempt_state, now).unwrap();
        explain::line(router, &request, &attempt_state, now)
    });
    let named: Vec<&str> = line.split(": ").nth(1).unwrap().split(", ").collect();
    assert_eq!(named.len(), 4, "{line}");
    let with = |what: &str| named.iter().filter(|part| part.ends_with(what)).count();
    assert_eq!(with(" skipped (quota 90s)"), 1, "{line}");
    assert_eq!(with(" failed (transient)"), 1, "{line}");
    assert_eq!(with(" moved"), 1, "{line}");
    // The last one was not needed.
    assert!(!named[3].contains(' '), "{line}");
}

#[test]
fn an_attempt_that_panics_leaves_no_session_in_use() {
    let setup = Setup::new();
    let (home, _) = setup.who("s");
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        setup.ask(named("s"), |_| panic!("in an attempt"))
    }));
    assert!(panicked.is_err());
    assert_eq!(setup.who("s"), (home, "sticky"));
    setup.pass(TTL + TTL);
    assert_eq!(setup.state.sweep(TTL, setup.clock.get()), 1);
}
