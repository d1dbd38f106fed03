//! Tokens and answers of token endpoints out of arbitrary bytes: no panic, and no refusal repeats what it was given.

#![no_main]

use std::time::UNIX_EPOCH;

use holdfast::unversioned::credential::file::Claims;
use holdfast::unversioned::failure::Headers;
use holdfast::unversioned::provider::Fetched;
use holdfast::unversioned::provider::oauth::read;
use libfuzzer_sys::fuzz_target;

const STATUSES: [u16; 6] = [200, 400, 401, 403, 429, 500];
const SECRET: &str = "rt.secret";

fuzz_target!(|input: &[u8]| {
    let [status, rest @ ..] = input else { return };
    let text = String::from_utf8_lossy(rest);
    for token in [text.as_ref(), &format!("e30.{text}.x")] {
        let claims = Claims::of(token);
        let _ = (claims.email(), claims.account_id(), claims.plan(), claims.expiry());
    }
    let body = text.replace('~', SECRET).into_bytes();
    let answer = Fetched {
        status: STATUSES[usize::from(*status) % STATUSES.len()],
        headers: Headers::default(),
        body,
    };
    match read(&answer, UNIX_EPOCH) {
        Ok(answer) => assert!(!answer.access.reveal().trim().is_empty()),
        Err(refusal) => assert!(!format!("{refusal:?}").contains(SECRET)),
    }
});
