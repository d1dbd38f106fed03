//! Tokens that upstreams refuse although they look valid.

use holdfast::unversioned::demo::{Script, Step};

use super::setup::{ALL, CODEX, Expiry, Files, wait_until};
use crate::harness::Dialect;

#[test]
fn a_refused_token_is_renewed_once_and_the_request_repeated() {
    for channel in ALL {
        let mut files = Files::new("");
        files.add(*channel, "a@demo.example", Expiry::Later);
        let script = Script::default().then(Step::status(401));
        files.upstreams.script("a@demo.example", script);
        files.start();
        let answer = files.ask(Dialect::Chat, channel.model, "hello");
        assert_eq!(answer.status(), 200, "{channel:?}: {}", answer.text());
        assert_eq!(files.called(), ["a@demo.example", "a@demo.example"]);
        assert_eq!(files.token_calls(), 1, "{channel:?}");
        // It was not blocked.
        assert_eq!(
            files.ask(Dialect::Chat, channel.model, "hello").status(),
            200
        );
        assert_eq!(files.token_calls(), 1, "{channel:?}");
    }
}

#[test]
fn a_credential_that_is_refused_twice_is_left() {
    for channel in ALL {
        let mut files = Files::new("");
        files.add(*channel, "a@demo.example", Expiry::Later);
        files.add(*channel, "b@demo.example", Expiry::Later);
        let refused = Script::always(Step::status(401));
        files.upstreams.script("a@demo.example", refused);
        files.start();
        for n in 0..4 {
            let text = format!("question {n}");
            let answer = files.ask(Dialect::Chat, channel.model, &text);
            assert_eq!(answer.status(), 200, "{channel:?}: {}", answer.text());
        }
        // Also after the gateway has noticed the new token.
        let late = files.add(CODEX, "late@demo.example", Expiry::Later);
        wait_until("the next look", || files.condition(&late) == "ok");
        for n in 4..8 {
            let text = format!("question {n}");
            let answer = files.ask(Dialect::Chat, channel.model, &text);
            assert_eq!(answer.status(), 200, "{channel:?}: {}", answer.text());
        }
        let called = files.called();
        let refused = called.iter().filter(|email| *email == "a@demo.example");
        assert_eq!(refused.count(), 2, "{channel:?}: {called:?}");
        assert_eq!(files.token_calls(), 1, "{channel:?}");
    }
}
