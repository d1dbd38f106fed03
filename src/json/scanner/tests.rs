use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::*;

fn check(bytes: &[u8]) -> Result<()> {
    let mut scanner = Scanner::new(bytes)?;
    scanner.skip()?;
    scanner.end()
}

#[test]
fn any_depth_is_passed_over() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        assert_eq!(check(deep.as_bytes()), Ok(()));
        let cut = &deep[..deep.len() - 1];
        assert!(check(cut.as_bytes()).is_err());
    }
}

#[test]
fn flaws_have_a_place() {
    for (text, offset) in [
        ("{\"a\":tru}", 5),
        ("[1,]", 3),
        ("{\"a\" 1}", 5),
        ("[01]", 3),
        ("\"a\u{1}b\"", 2),
        ("\"\\x\"", 1),
        ("[1 2]", 3),
        ("{} {}", 3),
        ("[1}", 2),
    ] {
        assert_eq!(check(text.as_bytes()).unwrap_err().offset, offset, "{text}");
    }
    assert_eq!(check(b"\"ab\xff\"").unwrap_err().offset, 3);
}

#[test]
fn what_not_everybody_can_read_is_noticed() {
    let oddities = |text: &str| {
        let mut scanner = Scanner::over(text);
        scanner.skip().unwrap();
        scanner.oddities()
    };
    for (text, is_lone) in [
        (r#""\ud83d\ude00 \u00e9 \u0041""#, false),
        (r#""\ud83d""#, true),
        (r#""\ud83d\u0041""#, true),
        (r#""\ud83dx""#, true),
        (r#""\ude00""#, true),
    ] {
        let is_read = serde_json::from_str::<String>(text).is_ok();
        assert_eq!(is_read, !is_lone, "{text}");
        assert_eq!(oddities(text).has_lone_surrogate, is_lone, "{text}");
    }
    let long = "9".repeat(400);
    for (text, is_infinite) in [
        ("1e308", false),
        ("-1e309", true),
        ("0e999", false),
        (&long, true),
    ] {
        let is_read = serde_json::from_str::<serde_json::Value>(text).is_ok();
        assert_eq!(is_read, !is_infinite, "{text}");
        assert_eq!(oddities(text).has_infinite, is_infinite, "{text}");
    }
    assert_eq!(oddities("[{\"a\":[1]},[]]").depth, 3);
}

/// Text that is JSON, nearly JSON, or nothing like it.
fn nearly_json() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"\\n\"",
        "\"\\u00e9\"",
        "\"",
        "\\",
        "1",
        "-0.5e+3",
        "0",
        "true",
        "false",
        "null",
        "tru",
        " ",
        "\n",
        "\u{1}",
        "é",
        "{\"k\":1}",
        "[1,2]",
        "\"k\":",
        "00",
    ]);
    prop::collection::vec(token, 0..14).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn it_accepts_what_serde_json_accepts(text in nearly_json()) {
        let oracle = serde_json::from_str::<IgnoredAny>(&text);
        prop_assert_eq!(check(text.as_bytes()).is_ok(), oracle.is_ok(), "{:?}", text);
    }
}
