//! What requests and sessions see of renewals.

use std::thread;

use holdfast::unversioned::demo::{Gate, TokenScript, TokenStep};

use super::google::{ROBOT, VERTEX, service_account};
use super::setup::{ALL, Expiry, Files, ask, wait_until};
use crate::harness::Dialect;

#[test]
fn requests_share_the_token_of_a_service_account() {
    let mut files = Files::new("");
    service_account(&files);
    let gate = Gate::default();
    files
        .authorization
        .script(ROBOT, TokenScript::once(TokenStep::held(&gate)));
    files.start();
    let gateway = files.gateway();
    thread::scope(|scope| {
        let asked: Vec<_> = (0..50)
            .map(|n| {
                let text = format!("question {n}");
                scope.spawn(move || ask(gateway, Dialect::Gemini, VERTEX.model, &text).status())
            })
            .collect();
        wait_until("a token call", || files.token_calls() == 1);
        gate.open();
        for asked in asked {
            assert_eq!(asked.join().unwrap(), 200);
        }
    });
    assert_eq!(files.token_calls(), 1, "one assertion for all");
    assert_eq!(files.called(), vec![ROBOT; 50]);
    let before = files.read("robot.json");
    files.authorization.expire(ROBOT);
    let answer = files.ask(Dialect::Gemini, VERTEX.model, "after the expiry");
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(files.token_calls(), 2);
    assert_eq!(
        files.read("robot.json"),
        before,
        "its tokens are kept in memory"
    );
}

#[test]
fn sessions_stay_through_renewals() {
    for channel in ALL {
        let mut files = Files::new("");
        for name in ["a", "b", "c"] {
            files.add(*channel, &format!("{name}@demo.example"), Expiry::Later);
        }
        files.start();
        let turn = || {
            files.upstreams.clear_records();
            let answer = files.ask(Dialect::Messages, channel.model, "the same conversation");
            assert_eq!(answer.status(), 200, "{channel:?}: {}", answer.text());
            files.called().pop().unwrap()
        };
        let first = turn();
        for renewal in 1..=3 {
            files.authorization.revoke_access(&first);
            assert_eq!(turn(), first, "{channel:?}");
            assert_eq!(files.token_calls(), renewal, "{channel:?}");
        }
    }
}
