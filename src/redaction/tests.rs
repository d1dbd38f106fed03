use std::collections::HashSet;
use std::io::Write;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use proptest::prelude::*;

use super::*;

fn of(secrets: &[&str]) -> Redaction {
    let mut redaction = Redaction::default();
    for secret in secrets {
        redaction.add(secret);
    }
    redaction
}

/// How a text is written down.
#[derive(Clone, Debug)]
enum Encoding {
    /// As JSON; where the flags say so, also what needs it not.
    Json(Vec<u8>),
    /// As in a URL, the same.
    Url(Vec<u8>),
    Base64 {
        is_safe: bool,
        is_padded: bool,
    },
    Hex(bool),
}

fn encoding() -> impl Strategy<Value = Encoding> {
    let flags = || proptest::collection::vec(any::<u8>(), 1..20);
    prop_oneof![
        flags().prop_map(Encoding::Json),
        flags().prop_map(Encoding::Url),
    ]
}

/// Layers of escapes, innermost first.
fn encodings() -> impl Strategy<Value = Vec<Encoding>> {
    let whole = prop_oneof![
        (any::<bool>(), any::<bool>())
            .prop_map(|(is_safe, is_padded)| Encoding::Base64 { is_safe, is_padded }),
        any::<bool>().prop_map(Encoding::Hex),
    ];
    (
        proptest::collection::vec(whole, 0..2),
        proptest::collection::vec(encoding(), 0..3),
    )
        .prop_map(|(mut whole, mut more)| {
            whole.append(&mut more);
            whole
        })
}

fn json(text: &str, flags: &[u8]) -> String {
    let mut json = String::new();
    for (c, flag) in text.chars().zip(flags.iter().cycle()) {
        let mut units = [0; 2];
        let units = c.encode_utf16(&mut units).iter();
        let short = match c {
            '"' | '\\' | '/' => Some(c),
            '\t' => Some('t'),
            '\n' => Some('n'),
            _ => None,
        };
        match (flag % 4, short) {
            (0, _) => units.for_each(|unit| json.push_str(&format!("\\u{unit:04x}"))),
            (1, _) => units.for_each(|unit| json.push_str(&format!("\\u{unit:04X}"))),
            (_, Some(short)) if c != '/' || flag % 4 == 2 => json.extend(['\\', short]),
            _ => json.push(c),
        }
    }
    json
}

fn url(text: &str, flags: &[u8]) -> String {
    let mut url = Vec::new();
    for (&byte, flag) in text.as_bytes().iter().zip(flags.iter().cycle()) {
        match (flag % 3, byte) {
            (2, b' ') => url.push(b'+'),
            (_, b'%' | b'+' | b' ' | 0x80..) | (0, _) => {
                url.extend_from_slice(format!("%{byte:02x}").as_bytes());
            }
            (1, b'"' | b'\\' | b'/') => url.extend_from_slice(format!("%{byte:02X}").as_bytes()),
            _ => url.push(byte),
        }
    }
    String::from_utf8(url).unwrap()
}

fn encoded(text: &str, encoding: &Encoding) -> String {
    match encoding {
        Encoding::Json(flags) => json(text, flags),
        Encoding::Url(flags) => url(text, flags),
        Encoding::Base64 { is_safe, is_padded } => {
            let alphabet = match is_safe {
                true => URL_SAFE,
                false => base64::alphabet::STANDARD,
            };
            let config = GeneralPurposeConfig::new().with_encode_padding(*is_padded);
            GeneralPurpose::new(&alphabet, config).encode(text)
        }
        Encoding::Hex(is_upper) => text
            .bytes()
            .map(|byte| match is_upper {
                true => format!("{byte:02X}"),
                false => format!("{byte:02x}"),
            })
            .collect(),
    }
}

/// JSON's escapes undone once.
fn without_json(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let mut units: Vec<u16> = Vec::new();
    let mut chars = text.chars();
    let mut rest = chars.as_str();
    while let Some(c) = chars.next() {
        let mut put = |c: char| units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
        if c != '\\' {
            put(c);
        } else if let Some(unit) = rest
            .get(2..6)
            .filter(|_| rest.as_bytes()[1] == b'u')
            .and_then(|digits| u16::from_str_radix(digits, 16).ok())
        {
            units.push(unit);
            chars = rest[6..].chars();
        } else {
            match chars.next() {
                Some('n') => put('\n'),
                Some('t') => put('\t'),
                Some(c) => put(c),
                None => put('\\'),
            }
        }
        rest = chars.as_str();
    }
    String::from_utf16_lossy(&units).into_bytes()
}

fn without_url(text: &[u8], plus: u8) -> Vec<u8> {
    let text: Vec<u8> = text
        .iter()
        .map(|&byte| if byte == b'+' { plus } else { byte })
        .collect();
    percent_encoding::percent_decode(&text).collect()
}

fn contains(text: &[u8], secret: &str) -> bool {
    memchr::memmem::find(text, secret.as_bytes()).is_some()
}

/// What a run of base64 may hold, wherever it begins.
fn without_base64(text: &[u8]) -> Vec<Vec<u8>> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let engine = GeneralPurpose::new(&base64::alphabet::STANDARD, config);
    let one = |&byte: &u8| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    };
    let text: Vec<u8> = text.iter().map(one).collect();
    let is_coded = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let mut all = Vec::new();
    for run in text.split(|byte| !is_coded(byte)) {
        for skipped in 0..4.min(run.len()) {
            let run = &run[skipped..];
            let length = match run.len() % 4 {
                1 => run.len() - 1,
                _ => run.len(),
            };
            all.extend(engine.decode(&run[..length]));
        }
    }
    all
}

/// Whether `secret` can be read in `text`, by whoever undoes any escapes some times and then one encoding.
fn is_readable(text: &[u8], secret: &str) -> bool {
    let mut seen: HashSet<Vec<u8>> = HashSet::new();
    let mut layer = vec![text.to_vec()];
    for _ in 0..4 {
        let mut next = Vec::new();
        for text in layer {
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            let is_coded = without_base64(&text)
                .iter()
                .any(|text| contains(text, secret));
            let is_hex = contains(&text, &hex) || contains(&text, &hex.to_ascii_uppercase());
            if contains(&text, secret) || is_coded || is_hex {
                return true;
            }
            for text in [
                without_json(&text),
                without_url(&text, b'+'),
                without_url(&text, b' '),
            ] {
                if seen.insert(text.clone()) {
                    next.push(text);
                }
            }
        }
        layer = next;
    }
    false
}

/// `text` through a writer that is given it in pieces.
fn cut(redaction: &Redaction, text: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut writer = redaction.writer(Vec::new()).in_small_pieces();
    let mut rest = text;
    for cut in cuts.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (now, later) = rest.split_at((*cut).min(rest.len()));
        writer.write_all(now).unwrap();
        rest = later;
    }
    writer.finish().unwrap()
}

const SECRETS: &str = "[a-zA-Z0-9]{6,24}|sk-[a-zA-Z0-9]{8}|[!-~]{6,24}|[a-f\"\\\\/%+]{3} [0-9é%\"\\\\]{3,9}x|[éüñ中😀]{3,6}|[0-9]{6,9}";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_encoding_hides_a_secret(
        secret in SECRETS,
        before in "[ -~\n]{0,20}|(%|\\\\|u00|[a-f0-9]){0,3}",
        after in "[ -~\n]{0,20}|(%|\\\\|u00|[a-f0-9]){0,3}",
        encodings in encodings(),
        around in "[a-zA-Z :\"]{0,600}",
        cuts in proptest::collection::vec(1_usize..99, 1..9),
    ) {
        // Escapes within a secret can be read in more than one way, behind escapes.
        prop_assume!(!secret.contains("\\u") && !secret.contains("\\x"));
        prop_assume!(secret.replace('\\', "").len() > 5);
        // Several `%` before it may make an escape of more of it than is provided for.
        prop_assume!(before.matches('%').count() < 2 && !before.contains("\\u"));
        let mut text = format!("{before}{secret}{after}");
        for encoding in &encodings {
            text = encoded(&text, encoding);
        }
        let text = format!("{around}\n{text}\n{around}");
        let redaction = of(&[&secret]);
        let whole = redaction.bytes(text.as_bytes());
        prop_assert!(!is_readable(&whole, &secret), "{} in {}", secret, String::from_utf8_lossy(&whole));
        let cut = cut(&redaction, text.as_bytes(), &cuts);
        prop_assert!(!is_readable(&cut, &secret), "{} in {}", secret, String::from_utf8_lossy(&cut));
        prop_assert!(whole.starts_with(around.as_bytes()) && whole.ends_with(around.as_bytes()));
    }

    #[test]
    fn what_holds_no_secret_stays_as_it_is(
        secret in "Q[a-zA-Z0-9\"\\\\/% ]{5,20}Q",
        text in "([a-p \"\\\\/%+=:,{}-]|\\\\u004[1-9]|\\\\[\"ntr\\\\]|%2[0-9a-f]|é|中|😀|[\0-\u{8}]){0,400}",
        cuts in proptest::collection::vec(1_usize..99, 1..9),
    ) {
        let redaction = of(&[&secret]);
        prop_assert!(matches!(redaction.bytes(text.as_bytes()), Cow::Borrowed(_)));
        prop_assert_eq!(cut(&redaction, text.as_bytes(), &cuts), text.as_bytes());
    }

    #[test]
    fn json_stays_json(
        secret in "[a-z]{6}|[a-z\"\\\\/é]{6,12}",
        before in "[ -~\n]{0,20}",
        after in "[ -~\n]{0,20}",
        flags in proptest::collection::vec(any::<u8>(), 1..20),
        is_doubled: bool,
    ) {
        prop_assume!(!secret.contains("\\u") && !secret.contains("\\x") && secret.replace('\\', "").len() > 5);
        let mut text = format!("{before}{secret}{after}");
        if is_doubled {
            text = format!("{{\"error\":\"{}\"}}", json(&text, &flags));
        }
        let body = format!("{{\"error\":{{\"message\":\"{}\"}}}}", json(&text, &flags));
        prop_assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok(), "{}", body);
        let redacted = of(&[&secret]).text(&body).into_owned();
        prop_assert!(redacted.contains(MASK));
        prop_assert!(serde_json::from_str::<serde_json::Value>(&redacted).is_ok(), "{}", redacted);
    }

    #[test]
    fn whatever_comes_is_no_burden(
        secrets in proptest::collection::vec(".{0,12}|[a-f0-9%u\\\\]{0,8}", 0..4),
        text in proptest::collection::vec(any::<u8>(), 0..200),
        piece in "[a-f0-9%u\\\\+/=]{0,9}",
    ) {
        let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
        let redaction = of(&secrets);
        redaction.bytes(&text);
        redaction.bytes(piece.repeat(50).as_bytes());
    }
}

#[test]
fn secrets_are_taken_out_in_every_form() {
    let key = "a/b+c\"d é";
    let redaction = of(&[key, "client-key-1", "client-key-1-longer"]);
    for (text, clean) in [
        ("", ""),
        ("short words stay", "short words stay"),
        ("key client-key-1!", "key [redacted]!"),
        ("client-key-1-longer", "[redacted]"),
        ("client-key-1client-key-1", "[redacted][redacted]"),
        ("?key=a%2Fb%2bc%22d%20%C3%A9&x", "?key=[redacted]&x"),
        ("?key=a/b%2Bc\"d+%c3%A9&x", "?key=[redacted]&x"),
        (r#"{"k":"a\/b+c\"d \u00E9"}"#, r#"{"k":"[redacted]"}"#),
        (
            r#"{"k":"{\"k\":\"a\\/b\\u002bc\\\"d \\u00e9\"}"}"#,
            r#"{"k":"{\"k\":\"[redacted]\"}"}"#,
        ),
        // What reads headers as Latin-1.
        ("a/b+c\"d Ã©", "[redacted]"),
        (r#""a\/b+c\"d \u00c3\u00a9""#, r#""[redacted]""#),
        ("b'a/b+c\"d \\xc3\\xa9'", "b'[redacted]'"),
        ("Basic dXNlcjphL2IrYyJkIMOp", "Basic dXNlcj[redacted]"),
        ("5 612f622b632264 c3a9", "5 612f622b632264 c3a9"),
        ("x612f622b63226420c3a9", "x[redacted]"),
        ("x612F622B63226420C3A9", "x[redacted]"),
    ] {
        assert_eq!(redaction.text(text), clean, "{text}");
    }
    assert_eq!(Redaction::default().text("client-key-1"), "client-key-1");
}

#[test]
fn short_secrets_are_taken_out_where_they_are_words() {
    let redaction = of(&["k1", "ab\"c", "é"]);
    for (text, clean) in [
        ("the key k1.", "the key [redacted]."),
        ("k12 and ok1 and k1", "k12 and ok1 and [redacted]"),
        ("k1", "[redacted]"),
        ("key:\\nk1\\n", "key:\\n[redacted]\\n"),
        ("key:\nk1\tno", "key:\n[redacted]\tno"),
        ("%22k1%22 \\u006b1", "%22[redacted]%22 [redacted]"),
        ("\"ab\\\"c\"", "\"[redacted]\""),
        (
            "Key azE= or azE but not azEz",
            "Key [redacted]= or [redacted] but not azEz",
        ),
        ("6b31", "[redacted]"),
    ] {
        assert_eq!(redaction.text(text), clean, "{text}");
    }
}

#[test]
fn masks_do_not_hold_what_they_hide() {
    for secret in ["redacted", "[", "dact", "*", "**"] {
        let text = format!("is {secret} !");
        let clean = of(&[secret]).text(&text).into_owned();
        assert!(!clean.contains(secret), "{clean}");
    }
    let mut redaction = Redaction::default();
    redaction.add_masked(" client-key-1 ", "clie...ey-1");
    redaction.add("client-key-1");
    assert_eq!(redaction.text("client-key-1"), "clie...ey-1");
    assert_eq!(format!("{redaction:?}"), "Redaction(1 secrets)");
}

#[test]
fn of_secrets_that_overlap_nothing_is_left() {
    let redaction = of(&["abcabc", "abcabcabd", "bdxyzw"]);
    assert_eq!(redaction.text("-abcabcabcabd-"), "-[redacted]-");
    assert_eq!(redaction.text("-abcabcabdxyzw-"), "-[redacted]-");
    assert_eq!(redaction.text("-abcabcabcabc-"), "-[redacted][redacted]-");
}

#[test]
fn no_beginning_is_left_where_a_text_was_cut() {
    let redaction = of(&["ababab\"abc-0123456789"]);
    for (text, clean) in [
        ("", ""),
        ("not with abab", "not with "),
        ("not with abababab", "not with ab"),
        ("not with ababab\\\"a", "not with "),
        ("not with ababab%22abc-012345678", "not with "),
        ("not with \\u0061babab\\\\\\\"", "not with "),
        ("not with YWJhYmFiImFiYy0w", "not with "),
        ("not with aba", "not with aba"),
        ("not with others", "not with others"),
    ] {
        let mut cut = text.as_bytes().to_vec();
        redaction.trim_cut(&mut cut);
        assert_eq!(String::from_utf8(cut).unwrap(), clean, "{text}");
    }
    let long = "a".repeat(64 * 1024) + "b";
    let mut cut = "a".repeat(1024 * 1024).into_bytes();
    of(&[&long]).trim_cut(&mut cut);
    assert_eq!(cut.len(), 1024 * 1024 - 64 * 1024);
}

#[test]
fn hostile_bodies_are_no_burden() {
    const LENGTH: usize = 1024 * 1024;
    let long = "a".repeat(64 * 1024 - 1) + "b";
    let redaction = of(&[&long, "aaaaaab", "%34%34", "\\\\\\\\\\\\", "\\u0041\\u0041"]);
    for piece in [
        "a", "\\", "%", "%3", "\\u", "\\u0041", "\\u003", "%25", "aaaaaab", "\\ud83d", "A", "YWFh",
    ] {
        let text = piece.repeat(LENGTH / piece.len());
        let clean = redaction.text(&text);
        assert!(clean.len() <= 2 * LENGTH, "{piece}");
    }
    let encoded = STANDARD.encode(&long);
    assert_eq!(redaction.text(&format!("<{encoded}>")), "<[redacted]>");
    let all: String = long
        .bytes()
        .map(|byte| format!("\\\\u{byte:04x}"))
        .collect();
    assert_eq!(redaction.text(&format!("<{all}>")), "<[redacted]>");
}
