use proptest::prelude::*;

use super::*;

fn named(body: &str) -> (Option<&'static str>, Option<&'static str>) {
    let scan = scan(body.as_bytes()).unwrap();
    (scan.duplicate, scan.misspelt)
}

#[test]
fn what_an_upstream_may_read_as_ours_is_told() {
    for (body, duplicate, misspelt) in [
        (r#"{"model":"a","stream":true}"#, None, None),
        (r#"{"model":"a","\u006dodel":"b"}"#, Some("model"), None),
        (r#"{"model":"a","MODEL":"b"}"#, Some("model"), Some("model")),
        (r#"{"Model":"b","model":"a"}"#, Some("model"), Some("model")),
        (r#"{"mOdel":"b","modeL":"a"}"#, Some("model"), Some("model")),
        (r#"{"\u004dodel":"b"}"#, None, Some("model")),
        (
            r#"{"stream":false,"\u017Ftream":1}"#,
            Some("stream"),
            Some("stream"),
        ),
        ("{\"\u{17f}TREAM\":1}", None, Some("stream")),
        (
            r#"{"models":1,"mode":1,"streams":1,"m":1,"":1}"#,
            None,
            None,
        ),
        (
            r#"{"x":{"MODEL":1,"Stream":1,"model":1,"model":1}}"#,
            None,
            None,
        ),
        (
            "{\"m\u{f6}del\":1,\"\u{ff4d}odel\":1,\"model \":1}",
            None,
            None,
        ),
    ] {
        assert_eq!(named(body), (duplicate, misspelt), "{body}");
    }
}

proptest! {
    /// In any mixture of cases and escapes, anywhere among other members.
    #[test]
    fn no_spelling_is_missed(
        name in prop::sample::select(&OURS[..]),
        spelling in prop::collection::vec(0..4_u8, 6),
        before in prop::collection::vec("[a-zA-Z]{0,7}", 0..4),
        comes_first in any::<bool>(),
    ) {
        let spelt: String = name
            .chars()
            .zip(spelling)
            .map(|(c, how)| match (how, c) {
                (0, _) => c.to_string(),
                (1, _) => c.to_ascii_uppercase().to_string(),
                (2, _) => format!("\\u{:04x}", u32::from(c.to_ascii_uppercase())),
                (_, 's') => "\u{17f}".to_owned(),
                _ => format!("\\u{:04X}", u32::from(c)),
            })
            .collect();
        let others = before
            .iter()
            .filter(|key| !OURS.contains(&&*key.to_ascii_lowercase()))
            .map(|key| format!("\"{key}\":1"));
        let both = [format!("\"{name}\":1"), format!("\"{spelt}\":2")];
        let mut members: Vec<String> = others.chain(both).collect();
        if comes_first {
            members.reverse();
        }
        let body = format!("{{{}}}", members.join(","));
        prop_assert_eq!(named(&body).0, Some(name), "{}", body);
    }
}
