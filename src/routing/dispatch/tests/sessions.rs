//! Sessions and their credentials.

use super::support::*;
use crate::session::bindings::CredentialId;

#[test]
fn a_passing_failure_fails_over_and_the_session_returns() {
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
fn a_standby_that_fails_is_replaced_and_the_primary_stays() {
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
fn a_session_that_nobody_has_answered_is_not_bound() {
    let setup = Setup::new();
    setup.ask(named("s"), |_| Err(status(400))).1.unwrap_err();
    assert_eq!(setup.who("s").1, "new");
}

#[test]
fn a_late_result_does_not_move_a_session_that_has_moved() {
    let setup = Setup::new();
    let (first, _) = setup.who("s");
    let slow = setup.state.dispatch(
        setup.request("m", named("s")),
        || setup.clock.get(),
        |_| true,
        |_, _, _| Ok(()),
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
        |_, _, _| Ok(()),
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
