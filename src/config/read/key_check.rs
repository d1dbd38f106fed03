//! Keys that look like a mistake. Nothing here shows a key.

/// Ends of keys in examples, where people are to put their own.
const ELLIPSES: [&str; 2] = ["...", "…"];
/// The client key of `config.minimal.yaml`.
const EXAMPLE: &str = "choose-a-long-random-key";

/// Quotes, also those that text processors make of them.
const QUOTES: [char; 9] = ['"', '\'', '`', '‘', '’', '“', '”', '„', '«'];

/// What looks wrong about a key that a client or holdfast itself presents.
pub fn mistake(key: &str) -> Option<&'static str> {
    if is_placeholder(key) {
        return Some("is a placeholder of an example: replace it with your own key");
    }
    if key.contains(QUOTES) {
        return Some("contains a quote character, which is sent as part of the key");
    }
    if key.contains(char::is_whitespace) {
        return Some("contains white space, which is sent as part of the key");
    }
    None
}

fn is_placeholder(key: &str) -> bool {
    let is_named = key.starts_with('<') && key.ends_with('>');
    key == EXAMPLE || is_named || ELLIPSES.iter().any(|end| key.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told() {
        for (key, word) in [
            ("sk-ant-first...", Some("placeholder")),
            ("AIza…", Some("placeholder")),
            ("<your key>", Some("placeholder")),
            ("choose-a-long-random-key", Some("placeholder")),
            ("\"sk-1\"", Some("quote")),
            ("‘sk-1’", Some("quote")),
            ("“sk-1”", Some("quote")),
            ("sk 1", Some("white space")),
            ("sk-1\n", Some("white space")),
            ("sk-ant-api03-x_Y-z.1/2+3=", None),
            ("", None),
        ] {
            match (mistake(key), word) {
                (Some(found), Some(word)) => assert!(found.contains(word), "{key}: {found}"),
                (found, word) => assert_eq!(found, word, "{key}"),
            }
        }
    }
}
