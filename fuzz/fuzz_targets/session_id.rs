//! Session ids out of arbitrary bodies: no panic, JSON is told from what is none, and white space between tokens
//! changes nothing.

#![no_main]

use holdfast::unversioned::session::identity::identify;
use holdfast::unversioned::session::scan::{scan, scan_with_turns};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let scanned = scan(body);
    let mut reader = serde_json::Deserializer::from_slice(body);
    reader.disable_recursion_limit();
    // Deep nesting is the other parser's limit, not ours.
    if depth(body) < 200 {
        let judged = serde::de::IgnoredAny::deserialize(&mut reader).and_then(|_| reader.end());
        // The other parser does not look into strings that nobody wants.
        let is_json = judged.is_ok() && std::str::from_utf8(body).is_ok();
        assert_eq!(scanned.is_ok(), is_json || body.is_empty());
    }
    let Ok(scanned) = scanned else {
        return;
    };
    let found = identify([], &scanned);
    let with_turns = scan_with_turns(body).expect("it is the same body");
    assert_eq!(identify([], &with_turns), found);
    let prefix = with_turns.turns.prefix();
    assert!(
        prefix
            .beginnings()
            .is_sorted_by_key(|beginning| beginning.size)
    );
    let spaced = spaced(body);
    let again = scan(&spaced).expect("white space does not matter");
    if !has_containers_as_text(&found.primary) {
        assert_eq!(identify([], &again), found);
    }
    assert_eq!(scanned.streams(), again.streams());
    assert_eq!(scanned.duplicate, again.duplicate);
    assert_eq!(scanned.misspelt, again.misspelt);
});

use serde::Deserialize;

fn depth(body: &[u8]) -> usize {
    body.iter()
        .filter(|byte| matches!(byte, b'[' | b'{'))
        .count()
}

/// An id that is the source text of an object or array keeps its spacing, and so does a hash of one.
fn has_containers_as_text(id: &Option<String>) -> bool {
    id.as_ref()
        .is_some_and(|id| id.contains(['{', '[']) || id.starts_with("msg:"))
}

/// The same text with a space in front of every token that follows a comma, colon or bracket.
fn spaced(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() * 2);
    let mut in_string = false;
    let mut escaped = false;
    for byte in body {
        out.push(*byte);
        match (in_string, escaped, byte) {
            (true, true, _) => escaped = false,
            (true, false, b'\\') => escaped = true,
            (_, false, b'"') => in_string = !in_string,
            (false, _, b',' | b':' | b'[' | b'{') => out.push(b' '),
            _ => {}
        }
    }
    out
}
