//! Any text is a configuration or is refused with problems; what is printed of one is one again.

#![no_main]

use holdfast::config::{self, Severity};
use holdfast::unversioned::credential;
use libfuzzer_sys::fuzz_target;

fn lookup(name: &str) -> Option<String> {
    (name.len() < 4).then(|| format!("value-of-{name}"))
}

fuzz_target!(|text: &str| {
    // Files are none of a fuzzer's business.
    if text.contains("-file") {
        return;
    }
    let loaded = config::load_with(text, "fuzz.yaml", &lookup);
    let failed = loaded
        .problems
        .iter()
        .any(|problem| problem.severity == Severity::Error);
    assert_eq!(loaded.config.is_none(), failed);
    for problem in &loaded.problems {
        assert_eq!(problem.to_string().lines().count(), 1);
    }
    let Some(understood) = loaded.config else {
        return;
    };
    assert!(config::changes(&understood, &understood).is_empty());
    let (credentials, _) = credential::from_config(&understood);
    for credential in &credentials {
        for (id, _) in credential.visible_ids() {
            assert!(credential.resolve(&id).is_some());
        }
    }
    let page = config::effective(&understood, text);
    if page.contains("${") {
        return;
    }
    let again = config::load_with(&page, "fuzz.yaml", &lookup);
    assert!(again.config.is_some(), "{page}\n{:?}", again.problems);
});
