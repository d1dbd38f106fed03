//! Which credential a new session gets.

use super::super::*;
use super::support::*;
use crate::config::Strategy;
use crate::routing::Servers;

#[test]
fn new_sessions_spread_evenly_in_the_order_of_ids() {
    let setup = Setup::with(&[("a", 0, ""), ("b", 0, ""), ("c", 0, "")]);
    let order = setup.order();
    let placed: Vec<String> = (0..12).map(|n| setup.who(&format!("s{n}")).0).collect();
    let expected: Vec<String> = order.iter().cycle().take(12).cloned().collect();
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
    let order = setup.order();
    let mut taken = Vec::new();
    for n in 0..7 {
        if n == 3 {
            // Another model has its own rotation.
            let (_, answered) = setup.dispatch(setup.request("n", None), |_| Ok(()));
            assert!(answered.is_ok());
        }
        taken.extend(setup.ask(None, |_| Ok(())).0);
    }
    let expected: Vec<String> = order.iter().cycle().take(7).cloned().collect();
    assert_eq!(taken, expected);
}

#[test]
fn peers_are_free_if_they_could_be_picked() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Case {
        Usual,
        Weighted,
        OtherServer,
        Closed,
        Failed,
        FailedBefore,
    }
    use Case::{Closed, Failed, FailedBefore, OtherServer, Usual, Weighted};
    const WEIGHTLESS: &str = "    weight: 0\n";
    const NEVER_COOLING: &str = "    disable-cooling: true\n";
    for (priority, more, case, expected) in [
        (0, "", Usual, true),
        (-1, "", Usual, false),
        (1, "", Usual, false),
        (0, "", Weighted, true),
        (0, WEIGHTLESS, Usual, true),
        (0, WEIGHTLESS, Weighted, false),
        (0, "", OtherServer, false),
        (0, "", Closed, false),
        (0, "", Failed, false),
        (0, NEVER_COOLING, Usual, true),
        (0, NEVER_COOLING, Failed, false),
        (0, NEVER_COOLING, FailedBefore, true),
    ] {
        let what = format!("{priority} {more:?} {case:?}");
        let mut setup = Setup::with(&[("peer", priority, more), ("own", 0, "")]);
        if case == Weighted {
            setup.policy.strategy = Strategy::WeightedRoundRobin;
        }
        let order = setup.order();
        let index = |name: &str| order.iter().position(|key| key == name).unwrap();
        let (own, peer) = (index("own"), index("peer"));
        let mut request = setup.request("m", None);
        if case == OtherServer {
            request.servers = Servers::One(request.candidates()[own].credential_id);
        }
        let mut attempt_state = AttemptState::new(2);
        if case == Closed {
            attempt_state.close(peer);
        }
        let now = setup.clock.get();
        let fault = classify(&quota(60), UpstreamKind::Compat, "m", SystemTime::now());
        let is_free = setup.state.with(|router| {
            if matches!(case, Failed | FailedBefore) {
                attempt_state.close(own);
                let pick = router.pick(&request, &mut attempt_state, now).unwrap();
                assert_eq!(pick.index, peer, "{what}");
                router.failed(&request, &mut attempt_state, pick, &fault, now);
                // Another round, or another request.
                attempt_state.next_round(|_| true);
                if case == FailedBefore {
                    attempt_state = AttemptState::new(2);
                }
            }
            router.has_free_peer(&request, &attempt_state, own, now)
        });
        assert_eq!(is_free, expected, "{what}");
    }
}
