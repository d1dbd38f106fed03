//! What to do about a syntax error, for the mistakes that people make most.

use super::tree::Fault;

/// Advice for the error `fault` of the document `text`.
pub fn advice(text: &str, fault: &Fault) -> Option<&'static str> {
    let line = text.lines().nth(fault.line.checked_sub(1)?)?;
    let message = fault.message.as_str();
    let indent = line.len() - line.trim_start().len();
    if line.get(..indent).is_some_and(|blank| blank.contains('\t')) {
        return Some("indent with spaces, not with tabs");
    }
    if message.contains("flow") && line.contains("${") {
        return Some("write \"${KEY}\" in quotes inside [ ] and { }");
    }
    if message.contains("illegal placement of ':'") {
        return Some("look for a `[` or `{` above that is not closed");
    }
    if message.contains("mapping values are not allowed") {
        return Some("put text that contains `: ` in quotes, and indent keys of one block alike");
    }
    let value = line.split_once(": ").map(|(_, value)| value.trim_start());
    match value.and_then(|value| value.chars().next()) {
        Some('@' | '`' | '%' | '*' | '&' | '!') => {
            Some("put text that begins with a special character in quotes")
        }
        Some('"' | '\'') => Some("look for a quote that is not closed"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::config::yaml;

    #[test]
    fn common_mistakes_are_told_what_to_do() {
        for (text, word) in [
            ("api-keys: [${KEY}]", "\"${KEY}\" in quotes"),
            ("a: 1\nb: {c: ${KEY}, d: 1}", "\"${KEY}\" in quotes"),
            ("limits:\n\tbody: 1MiB", "tabs"),
            ("a: b: c", "`: `"),
            ("a: @b", "special character"),
            ("a: \"b\nc: d", "not closed"),
            ("a: [b\nc: d", "`[` or `{`"),
        ] {
            let faults = yaml::parse(text).faults;
            let found = faults.iter().any(|fault| {
                super::advice(text, fault).is_some_and(|advice| advice.contains(word))
            });
            assert!(found, "{text}: {faults:?}");
        }
    }
}
