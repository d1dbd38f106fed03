//! The hash of a conversation's opening: the order of members does not matter, later turns do not matter once all
//! three have spoken, and the fallback of a turn is the primary of the one before.

#![no_main]

use holdfast::unversioned::session::identity::{Identity, identify};
use holdfast::unversioned::session::scan::scan;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fn identity(body: &Value) -> Identity {
    let body = serde_json::to_vec(body).expect("a value can be written");
    let scanned = scan(&body).expect("what was written is JSON");
    identify([], &scanned)
}

fuzz_target!(|texts: (String, String, String, String)| {
    let (system, user, assistant, later) = texts;
    let said = |role: &str, text: &str| json!({"role": role, "content": text});
    let first = json!({"messages": [said("system", &system), said("user", &user)]});
    let second = json!({"messages": [
        said("system", &system), said("user", &user), said("assistant", &assistant)]});
    let third = json!({"messages": [
        said("system", &system), said("user", &user), said("assistant", &assistant),
        said("user", &later), said("assistant", &later)]});
    let [first, second, third] = [&first, &second, &third].map(identity);
    assert_eq!(first.fallback, None);
    if system.is_empty() && user.is_empty() {
        assert_eq!(first.primary, None);
        return;
    }
    if !assistant.is_empty() {
        assert_eq!(second.fallback, first.primary);
        if !user.is_empty() {
            assert_eq!(second, third);
        }
    } else {
        assert_eq!(second, first);
    }
    let parts = json!({"messages": [
        {"content": [{"text": system, "type": "text"}], "role": "system"},
        {"content": [{"type": "image"}, {"text": user, "type": "text"}], "role": "user"}]});
    assert_eq!(identity(&parts), first);
});
