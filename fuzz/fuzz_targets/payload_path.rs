//! Any path in any document: no panic; what was JSON stays JSON; what is not changed stays; what was set is there,
//! and setting it again changes nothing.

#![no_main]

use holdfast::unversioned::json::Scanner;
use holdfast::unversioned::payload::{Path, delete, exists, get, set};
use libfuzzer_sys::fuzz_target;

/// More than a value, its path and the nulls on the way to it can come to, for one value of each path.
const MOST_MORE: usize = 64 * 6 * 1024 + 17 * 1024 * 1024;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    // The path ends with the line, and so does the value.
    let mut parts = text.splitn(3, '\n');
    let (Some(path), Some(value), Some(document)) = (parts.next(), parts.next(), parts.next())
    else {
        return;
    };
    let Ok(path) = Path::parse(path) else {
        return;
    };
    let value = if is_json(value) { value.trim() } else { "7" };
    let was_json = is_json(document);
    let found = get(document, &path);
    assert_eq!(found.is_some(), exists(document, &path));
    if let Some(found) = &found {
        assert!(was_json && is_json(found), "{found}");
        assert!(found.len() <= document.len() * 2 + 32);
    }
    // `-1` is always another place, also where it is escaped.
    let has_end = path.source().replace('\\', "").contains("-1");
    match set(document, &path, value) {
        None => assert!(
            path.is_complex() || !was_json || found.is_none() || has_end,
            "what is there can be set"
        ),
        Some(changed) => {
            assert!(was_json && is_json(&changed), "{changed}");
            assert!(
                changed.len() <= document.len() + value.len() + path.source().len() * 8 + MOST_MORE
            );
            if !path.is_complex() && !has_end {
                assert_eq!(get(&changed, &path).as_deref(), Some(value));
                assert_eq!(set(&changed, &path, value).as_ref(), Some(&changed));
                if found.is_none() {
                    let gone = delete(&changed, &path).expect("it is there");
                    assert!(is_json(&gone));
                } else {
                    // The document itself, unless members are repeated with other values.
                    let found = found.as_deref().unwrap_or_default();
                    assert_eq!(set(&changed, &path, found), set(document, &path, found));
                }
            }
        }
    }
    match delete(document, &path) {
        None => assert!(
            path.is_complex() || found.is_none(),
            "what is there can be deleted"
        ),
        Some(less) => {
            assert!(was_json && is_json(&less), "{less}");
            assert!(less.len() < document.len());
            assert!(found.is_some() || has_end);
        }
    }
});

fn is_json(text: &str) -> bool {
    let mut scanner = Scanner::over(text);
    scanner.skip().is_ok() && scanner.end().is_ok()
}
