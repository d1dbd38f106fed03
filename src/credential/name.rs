//! Model names with a thinking suffix: `name(high)`, `name(8192)`.

use crate::wire::model_name::ModelName;

/// The base name and the suffix. The suffix is the text between the last `(` and the final `)`, untrimmed; it need not
/// be a valid setting.
pub fn split(name: &str) -> (&str, Option<&str>) {
    let ModelName { base, suffix, .. } = ModelName::split(name);
    (base, suffix)
}

/// As [`split`], for a configured name: parentheses without a valid thinking setting belong to the name.
pub fn split_configured(name: &str) -> (&str, Option<&str>) {
    match split(name) {
        (base, Some(value)) if is_thinking(value) => (base, Some(value)),
        _ => (name, None),
    }
}

fn is_thinking(value: &str) -> bool {
    const WORDS: [&str; 9] = [
        "none", "auto", "-1", "minimal", "low", "medium", "high", "xhigh", "max",
    ];
    let budget = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    budget || WORDS.iter().any(|word| value.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_parenthesis_counts() {
        for (name, expected) in [
            ("m", ("m", None)),
            ("m(high)", ("m", Some("high"))),
            ("m(a)(8192)", ("m(a)", Some("8192"))),
            ("m()", ("m", Some(""))),
            ("m(high", ("m(high", None)),
            ("m(high) ", ("m(high) ", None)),
            ("mhigh)", ("mhigh)", None)),
            ("(high)", ("", Some("high"))),
            ("", ("", None)),
        ] {
            assert_eq!(split(name), expected, "{name}");
        }
    }

    #[test]
    fn a_configured_name_may_have_parentheses_of_its_own() {
        assert_eq!(split_configured("m(High)"), ("m", Some("High")));
        assert_eq!(split_configured("m(-1)"), ("m", Some("-1")));
        assert_eq!(split_configured("m(free)"), ("m(free)", None));
        assert_eq!(split_configured("m()"), ("m()", None));
    }
}
