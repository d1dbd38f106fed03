//! The cases of the specification, each with the body as a client would send it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "A test ends at the first thing that is not as it must be"
)]

use std::collections::BTreeMap;

use holdfast::unversioned::session::identity::{Identity, identify};
use holdfast::unversioned::session::scan::scan;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    headers: BTreeMap<String, String>,
    body: String,
    primary: String,
    fallback: String,
}

#[test]
fn all_cases() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("fixtures/session_ids.json")).expect("the fixture");
    assert!(cases.len() > 100, "the fixture is not whole");
    let mut wrong = Vec::new();
    for case in &cases {
        let headers = case.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
        let some = |id: &str| (!id.is_empty()).then(|| id.to_owned());
        let expected = (some(&case.primary), some(&case.fallback));
        match scan(case.body.as_bytes()) {
            Ok(scan) => {
                let Identity {
                    primary, fallback, ..
                } = identify(headers, &scan);
                let found = (primary, fallback);
                if found != expected {
                    wrong.push(format!("{}: {found:?}, expected {expected:?}", case.name));
                }
            }
            Err(error) => wrong.push(format!("{}: {error}", case.name)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
