//! Items and references in arbitrary bodies: no panic, whatever is put in leaves JSON, and nothing else is changed.

#![no_main]

use std::sync::Arc;

use holdfast::unversioned::stored::reference::input_of;
use holdfast::unversioned::stored::{Item, Parts, Put, References, What};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|body: &[u8]| {
    let items: Vec<Arc<Item>> = input_of(body)
        .iter()
        .map(|text| Arc::new(Item::new(text, 7)))
        .collect();
    for item in &items {
        assert!(!item.id().is_empty());
        assert_eq!(item.id(), Item::new(item.text(), 7).id());
        if let Ok(listed) = serde_json::from_str::<Value>(&item.listed()) {
            assert!(listed.is_object());
        }
        let _ = item.users_words();
    }
    if let Some(parts) = Parts::of(body) {
        for text in &parts.output {
            assert!(text.starts_with('{'));
        }
    }
    let Some(references) = References::of(body) else {
        return;
    };
    let puts: Vec<Put> = references
        .named
        .iter()
        .enumerate()
        .map(|(index, named)| match (&named.what, index % 3) {
            (What::Sealed(_), _) | (_, 0) => Put::Text(r#"{"put":"in"}"#.to_owned()),
            (_, 1) => Put::Item(Arc::new(Item::new(r#"{"type":"reasoning"}"#, 7))),
            _ => Put::Nothing,
        })
        .collect();
    let before: [&[Arc<Item>]; 1] = [&items];
    for before in [None, Some(&before[..])] {
        let whole = references.put_in(before, &puts);
        assert!(whole.len() <= references.size(before.unwrap_or_default(), &puts));
        // Deep nesting is the other parser's limit, not ours.
        let (Ok(given), true) = (serde_json::from_slice::<Value>(body), is_unique(body)) else {
            continue;
        };
        let put: Value = serde_json::from_slice(&whole).expect("JSON stays JSON");
        assert_eq!(put["model"], given["model"]);
        let was = given["input"].as_array().map_or(0, Vec::len);
        if given["input"].is_array() {
            let more = before.map_or(0, |_| items.len());
            assert_eq!(put["input"].as_array().map(Vec::len), Some(was + more));
        }
        if before.is_some() {
            assert_eq!(put.get("previous_response_id"), None);
        }
    }
});

/// Whether no member of the body is there twice.
fn is_unique(body: &[u8]) -> bool {
    let Ok(members) = holdfast::unversioned::json::members(body) else {
        return false;
    };
    let mut keys: Vec<&str> = members.iter().map(|member| &*member.key).collect();
    keys.sort_unstable();
    keys.windows(2).all(|pair| pair[0] != pair[1])
}
