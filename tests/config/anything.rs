//! No text makes the loader panic, loop or talk without end.

use holdfast::config::Severity;
use holdfast::unversioned::credential;
use proptest::prelude::*;

use crate::{FULL, load};

fn check(text: &str) {
    let loaded = load(text);
    assert!(loaded.problems.len() <= 202);
    let failed = loaded
        .problems
        .iter()
        .any(|p| p.severity == Severity::Error);
    assert_eq!(loaded.config.is_none(), failed);
    let lines = text.lines().count() + 1;
    for problem in &loaded.problems {
        assert!(problem.line <= lines, "{problem}");
        assert_eq!(problem.to_string().lines().count(), 1, "{problem}");
    }
    if let Some(config) = &loaded.config {
        let (credentials, _) = credential::from_config(config);
        for credential in &credentials {
            for (id, _) in credential.visible_ids() {
                assert!(credential.resolve(&id).is_some(), "{id}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn anything_that_looks_like_yaml_is_read_or_refused(
        parts in proptest::collection::vec(prop::sample::select(vec![
            "a", ": ", "\n", "  ", "- ", "[", "]", "{", "}", ",", "'", "\"", "|", ">", "&a ", "*a", "<<: ", "? ",
            "!!str ", "#", "\t", "---\n", "...\n", "%YAML 1.2\n", "\r\n", "api-keys", "gemini-api-key", "api-key",
            "openai-compatibility", "models", "name", "routing", "limits", "0x", "~", "\u{feff}", "\u{0}", "é",
        ]), 0..60)
    ) {
        check(&parts.concat());
    }

    #[test]
    fn a_damaged_file_is_read_or_refused(
        at in 0..FULL.len(), cut in 0_usize..40, insert in "[\\[\\]{}:,&*!|>'\"%@`#?~\n\t -]{0,4}"
    ) {
        let at = FULL.floor_char_boundary(at);
        let end = FULL.floor_char_boundary((at + cut).min(FULL.len()));
        check(&format!("{}{insert}{}", &FULL[..at], &FULL[end..]));
    }

    #[test]
    fn lines_in_any_order_are_read_or_refused(order in proptest::collection::vec(0_usize..300, 1..60)) {
        let lines: Vec<&str> = FULL.lines().collect();
        let text: Vec<&str> = order.iter().filter_map(|at| lines.get(*at).copied()).collect();
        check(&text.join("\n"));
    }
}
