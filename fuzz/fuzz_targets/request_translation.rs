//! Requests from every dialect to every dialect: no panic, what comes out is JSON, and the upstream's own reader
//! takes it.

#![no_main]

use holdfast::unversioned::translate::neutral::place::Direction;
use holdfast::unversioned::translate::neutral::lazy;
use holdfast::unversioned::translate::{self, Form, TranslationInput};
use holdfast::unversioned::translate::{chat, gemini, messages, responses};
use holdfast::unversioned::wire::Dialect;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

/// What is written of its own accord, bytes.
const SMALL: usize = 64 * 1024;

fuzz_target!(|input: &[u8]| {
    let Some((first, body)) = input.split_first() else {
        return;
    };
    let client = Dialect::ALL[usize::from(first & 3)];
    let upstream = Dialect::ALL[usize::from(first >> 2 & 3)];
    let body_bytes = body.len();
    let Ok(translated) = translate::request(&TranslationInput {
        client,
        form: Form::Usual,
        upstream,
        body,
        model: "client",
        upstream_model: "upstream",
        stream: first & 16 != 0,
        suffix: None,
        support: None,
        seed: "seed",
        now: 1,
    }) else {
        return;
    };
    let body: Map<String, Value> = serde_json::from_slice(&translated.body).expect("an object");
    drop(body);
    let most = translate::memory_needed(upstream, body_bytes) + SMALL;
    assert!(
        translated.body.capacity() <= most,
        "more memory than is said"
    );
    let body = lazy::open(&translated.body).expect("an object");
    let way = Direction::within(upstream);
    let again = match upstream {
        Dialect::Chat => chat::read::request(body, way),
        Dialect::Responses => responses::read::request(body, way),
        Dialect::Messages => messages::read::request(body, way),
        Dialect::Gemini => gemini::read::request(body, way, "upstream", false),
    };
    if let Err(error) = again {
        panic!("what is written cannot be read: {error}");
    }
});
