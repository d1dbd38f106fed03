//! Finding the project of an account, and enabling its API.

use holdfast::unversioned::provider::code_assist::{self, Setup};
use serde_json::Value;

use super::*;

fn sent(seen: &Seen) -> Value {
    serde_json::from_slice(&seen.body).unwrap()
}

fn go_on(_: Duration) -> bool {
    true
}

fn setting_up<'a>(base: &'a str, pause: &'a dyn Fn(Duration) -> bool) -> code_assist::Account<'a> {
    code_assist::Account {
        base_url: base,
        token: key(),
        proxy: ProxySetting::Direct,
        pause,
    }
}

#[test]
fn an_account_gets_its_project() {
    let loaded = r#"{"allowedTiers":[{"id":"free-tier","isDefault":true}]}"#;
    let done = r#"{"done":true,"response":{"cloudaicompanionProject":{"id":"given-1"}}}"#;
    let server = in_turn(
        [loaded, "{}", r#"{"done":false}"#, done]
            .map(json_answer)
            .to_vec(),
    );
    let base = server.base();
    let waited = RefCell::new(Vec::new());
    let pause = |time: Duration| {
        waited.borrow_mut().push(time.as_secs());
        true
    };
    let setup = upstream().project(setting_up(&base, &pause), None).unwrap();
    let expected = Setup {
        project: "given-1".to_owned(),
        wanted: None,
        tier: "free-tier".to_owned(),
    };
    assert_eq!(setup, expected);
    assert_eq!(*waited.borrow(), [2, 2]);
    let load = server.next();
    assert_eq!(load.line(), "POST /v1internal:loadCodeAssist HTTP/1.1");
    assert_eq!(load.header("authorization"), Some("Bearer k-123"));
    assert_eq!(sent(&load)["metadata"]["pluginType"], "GEMINI");
    assert_eq!(sent(&load).get("cloudaicompanionProject"), None);
    let onboard = server.next();
    assert_eq!(onboard.line(), "POST /v1internal:onboardUser HTTP/1.1");
    assert_eq!(sent(&onboard)["tierId"], "free-tier");
}

#[test]
fn a_wanted_project_is_named_and_kept() {
    let loaded = r#"{"cloudaicompanionProject":"theirs","currentTier":{"id":"standard-tier"}}"#;
    let done = r#"{"done":true,"response":{"cloudaicompanionProject":"theirs"}}"#;
    let server = in_turn([loaded, done].map(json_answer).to_vec());
    let base = server.base();
    let setup = upstream()
        .project(setting_up(&base, &go_on), Some(" mine "))
        .unwrap();
    assert_eq!((setup.project.as_str(), setup.wanted), ("mine", None));
    assert_eq!(sent(&server.next())["cloudaicompanionProject"], "mine");
    let onboard = sent(&server.next());
    assert_eq!(onboard["tierId"], "standard-tier");
    assert_eq!(onboard["cloudaicompanionProject"], "mine");
}

#[test]
fn setting_up_ends() {
    let server = in_turn(["{}", r#"{"done":false}"#].map(json_answer).to_vec());
    let base = server.base();
    // What passes is measured, not what was to be waited.
    let deadline = Instant::now() + Duration::from_millis(300);
    let paused = std::cell::Cell::new(0);
    let pause = |_: Duration| {
        paused.set(paused.get() + 1);
        while Instant::now() < deadline {
            std::thread::yield_now();
        }
        true
    };
    let upstream = upstream();
    let late = upstream.project_until(setting_up(&base, &pause), None, deadline);
    assert!(late.unwrap_err().message.contains("in time"));
    assert!(paused.get() <= 1, "{}", paused.get());
    let stop = |_: Duration| false;
    assert!(upstream.project(setting_up(&base, &stop), None).is_err());
    let refused = Server::answering(status_answer(403, r#"{"error":{"message":"not k-123"}}"#));
    let base = refused.base();
    let failure = upstream
        .project(setting_up(&base, &go_on), None)
        .unwrap_err();
    assert_eq!(failure.status, Some(403));
    assert!(!String::from_utf8_lossy(&failure.body).contains("k-123"));
}

#[test]
fn the_api_is_enabled_if_it_is_not() {
    let enabled = json_answer(r#"{"state":"ENABLED"}"#);
    let disabled = json_answer(r#"{"state":"DISABLED"}"#);
    let already = status_answer(400, r#"{"error":{"message":"It is already enabled."}}"#);
    let path = "/v1/projects/p-1/services/cloudaicompanion.googleapis.com";
    for (answers, was_disabled, asked) in [
        (vec![enabled], Some(false), 1),
        (vec![disabled.clone(), json_answer("{}")], Some(true), 2),
        (vec![disabled.clone(), already], Some(false), 2),
        (vec![disabled, status_answer(403, "{}")], None, 2),
    ] {
        let server = in_turn(answers);
        let base = server.base();
        let was = upstream().enable_api(setting_up(&base, &go_on), "p-1").ok();
        assert_eq!(was, was_disabled);
        assert_eq!(server.next().line(), format!("GET {path} HTTP/1.1"));
        if asked == 2 {
            let seen = server.next();
            assert_eq!(seen.line(), format!("POST {path}:enable HTTP/1.1"));
            assert_eq!(seen.text(), "{}");
        }
        assert!(server.seen.try_recv().is_err());
    }
}
