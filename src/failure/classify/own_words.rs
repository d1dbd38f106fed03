//! The vendor's own words in an answer about an invalid request.
//!
//! Such answers repeat names and values of the request. Whoever sends the text of another error as a name must not have
//! credentials blocked for it.

use serde_json::Value;

/// Members that repeat what was sent, or where.
const REPEATED: &[&str] = &[
    "field", "got", "input", "instance", "loc", "param", "path", "value",
];
/// Sentences of validators that follow the path of a member. Pydantic's, which Anthropic and many servers use.
const AFTER_A_PATH: &[&str] = &[
    ": extra inputs are not permitted",
    ": field required",
    ": input should",
    ": list should",
    ": string should",
    ": value error",
    ": unknown field",
];
const QUOTES: &[char] = &['"', '\'', '`'];
/// The deepest value that is looked at.
const DEPTH: usize = 8;

/// The words of all strings of a JSON answer, or of a text, in lower case.
pub fn of(json: &Value, text: &str) -> String {
    if json.is_null() {
        return of_text(text);
    }
    let mut words = String::new();
    collect(json, 0, &mut words);
    words
}

fn collect(value: &Value, depth: usize, words: &mut String) {
    if depth > DEPTH {
        return;
    }
    match value {
        Value::String(text) => {
            words.push_str(&of_text(text));
            words.push('\n');
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect(item, depth + 1, words)),
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| !REPEATED.contains(&name.as_str()))
            .for_each(|(_, value)| collect(value, depth + 1, words)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The words of a sentence, in lower case: without all from its first to its last quotation mark, which may stand in what
/// it quotes, and without the path of a member in front.
pub fn of_text(text: &str) -> String {
    let text = text.to_lowercase();
    let after = AFTER_A_PATH
        .iter()
        .filter_map(|sentence| text.rfind(sentence))
        .max();
    let text = after.and_then(|at| text.get(at..)).unwrap_or(&text);
    let Some(open) = opening(text) else {
        return text.to_owned();
    };
    let before = text.get(..open).unwrap_or_default();
    let close = text.rfind(QUOTES).filter(|close| *close > open);
    let behind = close.and_then(|close| text.get(close + 1..));
    format!("{before} {}", behind.unwrap_or_default())
}

/// Where the first quotation begins. An apostrophe within a word is none.
fn opening(text: &str) -> Option<usize> {
    let mut last = ' ';
    text.char_indices().find_map(|(at, char)| {
        let is_within = char == '\'' && last.is_alphanumeric();
        last = char;
        (QUOTES.contains(&char) && !is_within).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn quotations_and_paths_are_left_out() {
        for (text, expected) in [
            (
                "Your credit balance is too low.",
                "your credit balance is too low.",
            ),
            (
                "Unknown parameter: 'invalid_grant'.",
                "unknown parameter:  .",
            ),
            ("Unknown parameter: 'a' gone 'b'.", "unknown parameter:  ."),
            (
                "Unknown name \"a\\\" gone \"b\" at 'c': Cannot find.",
                "unknown name  : cannot find.",
            ),
            ("Unknown name `gone", "unknown name  "),
            (
                "messages.0.gone: Extra inputs are not permitted",
                ": extra inputs are not permitted",
            ),
            (
                "a: Field required. gone: Extra inputs are not permitted",
                ": extra inputs are not permitted",
            ),
            (
                "You don't have access, it's over.",
                "you don't have access, it's over.",
            ),
        ] {
            assert_eq!(of_text(text), expected, "{text}");
        }
    }

    #[test]
    fn members_that_repeat_the_request_are_left_out() {
        let json = json!({"error": {"message": "No.", "param": "gone", "code": "kept"},
            "detail": [{"loc": ["body", "gone"], "msg": "Field required", "input": {"gone": "gone"}}]});
        let words = of(&json, "");
        assert!(
            words.contains("kept") && words.contains("field required"),
            "{words}"
        );
        assert!(!words.contains("gone"), "{words}");
        assert_eq!(of(&Value::Null, "Plain 'gone'"), "plain  ");
    }

    proptest! {
        #[test]
        fn no_name_of_the_request_is_the_vendors_word(name in "[ -~é]{0,30}") {
            let name = format!("{name}invalid_grant{name}");
            for sentence in [
                format!("Unknown parameter: '{name}'."),
                format!("Invalid JSON payload received. Unknown name \"{name}\": Cannot find field."),
                format!("{name}: Extra inputs are not permitted"),
                format!("messages.0.{name}: Input should be 'a'"),
            ] {
                prop_assert!(!of_text(&sentence).contains("invalid_grant"), "{}", sentence);
            }
        }
    }
}
