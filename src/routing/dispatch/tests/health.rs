//! What failures say about credentials.

use super::super::*;
use super::support::*;
use crate::failure::Headers;

#[test]
fn a_credential_with_a_passing_failure_is_tried_when_no_other_is_left() {
    let setup = Setup::with(&[("a", 0, "")]);
    let (_, answered) = setup.ask(named("s"), |_| Err(status(500)));
    answered.unwrap_err();
    setup.pass(seconds(1));
    assert_eq!(setup.who("s"), ("a".to_owned(), "new"));
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
