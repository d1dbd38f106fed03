//! Compaction items out of arbitrary texts: no panic, only what was sealed for the same client is read, and a request
//! for a summary stays JSON.

#![no_main]

use holdfast::unversioned::stored::sealed::{LONGEST, PREFIX, Sealer};
use holdfast::unversioned::stored::summary::{Compacted, message, request};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let sealer = Sealer::new("a client's key").expect("a key");
    let other = Sealer::new("another key").expect("a key");
    let text = String::from_utf8_lossy(data);
    // Whoever does not know the key makes none.
    assert_eq!(sealer.open(&text), None);
    assert_eq!(sealer.open(&format!("{PREFIX}{text}")), None);
    let sealed = sealer.seal(&text).expect("randomness");
    let opened = sealer.open(&sealed).expect("what was sealed");
    assert!(opened.len() <= LONGEST && text.starts_with(&opened));
    assert_eq!(other.open(&sealed), None);
    assert!(serde_json::from_str::<Value>(&message(Some(&text))).is_ok());
    if let (Some(asked), Ok(_)) = (request(data), serde_json::from_slice::<Value>(data)) {
        let asked: Value = serde_json::from_slice(&asked).expect("JSON stays JSON");
        assert!(
            asked["input"]
                .as_array()
                .is_some_and(|input| !input.is_empty())
        );
    }
    let compacted = Compacted {
        id: "1",
        created: 0,
        answer: data,
        items: &[],
    };
    if let Some(object) = compacted.object(&sealer) {
        let object: Value = serde_json::from_slice(&object).expect("an object");
        let last = object["output"].as_array().and_then(|output| output.last());
        assert!(last.is_some_and(|item| item["type"] == "compaction"));
    }
});
