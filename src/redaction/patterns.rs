//! Takes keys and tokens out of text that goes to a caller.
//!
//! Upstreams echo what they refuse (`Incorrect API key provided: sk-…`), and transport errors name URLs
//! with `?key=` in them. One pass, linear in the text: whatever makes a rule scan ahead also makes it match.

use std::borrow::Cow;

use super::MASK;

/// How vendors' keys begin, and how many key characters must follow for it to be one.
const PREFIXES: &[(&[u8], usize)] = &[
    (b"sk-", 6),     // OpenAI, Anthropic, OpenRouter, DeepSeek, Moonshot
    (b"sk_", 12),    // ElevenLabs, Stripe
    (b"AIza", 8),    // Google API key
    (b"ya29.", 8),   // Google OAuth access token
    (b"eyJ", 17),    // JSON Web Token
    (b"gsk_", 12),   // Groq
    (b"xai-", 12),   // xAI
    (b"pplx-", 12),  // Perplexity
    (b"nvapi-", 12), // NVIDIA
    (b"hf_", 12),    // Hugging Face
    (b"ghp_", 12),   // GitHub
    (b"gho_", 12),
    (b"ghu_", 12),
    (b"AKIA", 12), // AWS
];

/// Last words of names whose values are secrets: `?key=`, `x-api-key:`, `"access_token":`.
const NAMES: &[&[u8]] = &[b"key", b"apikey", b"token", b"secret", b"password"];

/// `text` with every bearer token and key-like value masked; borrowed if there is none.
pub fn redact(text: &str) -> Cow<'_, str> {
    // Secrets are ASCII, so that no cut is within a character. If one were, nothing would be shown rather than a secret.
    masked(text).unwrap_or(Cow::Borrowed(MASK))
}

fn masked(text: &str) -> Option<Cow<'_, str>> {
    let bytes = text.as_bytes();
    let mut clean = String::new();
    let mut copied = 0;
    let mut at = 0;
    let mut boundary = true;
    while let Some(&byte) = bytes.get(at) {
        if let Some(secret) = boundary.then(|| find(bytes.get(at..)?)).flatten() {
            clean.push_str(text.get(copied..at + secret.start)?);
            clean.push_str(MASK);
            at += secret.end;
            copied = at;
            boundary = false;
        } else {
            boundary = !byte.is_ascii_alphanumeric();
            at += 1;
        }
    }
    if copied == 0 {
        return Some(Cow::Borrowed(text));
    }
    clean.push_str(text.get(copied..)?);
    Some(Cow::Owned(clean))
}

/// Where in `rest`, which starts at a word, a secret lies: after its prefix, scheme or name.
fn find(rest: &[u8]) -> Option<std::ops::Range<usize>> {
    prefixed(rest)
        .or_else(|| bearer(rest))
        .or_else(|| named(rest))
}

fn prefixed(rest: &[u8]) -> Option<std::ops::Range<usize>> {
    PREFIXES.iter().find_map(|&(prefix, least)| {
        let tail = rest.strip_prefix(prefix)?;
        let length = run(tail, is_key_byte);
        let dots = run(tail.get(..length)?.iter().rev(), |byte| byte == b'.');
        let length = length - dots;
        (length >= least).then(|| prefix.len()..prefix.len() + length)
    })
}

/// `Bearer` and a token: RFC 6750 2.1. Short words without a digit are prose (`bearer authentication`).
fn bearer(rest: &[u8]) -> Option<std::ops::Range<usize>> {
    let scheme = b"bearer";
    let tail = strip_prefix_ignoring_case(rest, scheme)?;
    let space = run(tail, |byte| byte == b' ');
    let token = tail.get(space..)?;
    let length = run(token, is_token_byte);
    let start = scheme.len() + space;
    (space > 0 && looks_random(token.get(..length)?, 8, 20)).then_some(start..start + length)
}

/// `name=value` and `name: value`, either in quotes. After a colon prose is likelier, so more is asked.
fn named(rest: &[u8]) -> Option<std::ops::Range<usize>> {
    let name = NAMES
        .iter()
        .find(|name| strip_prefix_ignoring_case(rest, name).is_some())?;
    let mut at = name.len();
    at += run(rest.get(at..)?, is_quote);
    let separator = *rest.get(at)?;
    at += 1;
    at += run(rest.get(at..)?, |byte| byte == b' ').min(4);
    at += run(rest.get(at..)?, is_quote);
    let value = rest.get(at..)?;
    let length = run(value, is_token_byte);
    let secret = match separator {
        b'=' => length >= 6,
        b':' => looks_random(value.get(..length)?, 12, 24),
        _ => false,
    };
    secret.then_some(at..at + length)
}

/// Whether `token` is long enough for a secret: `with_digit` bytes if it has a digit, else `without`.
fn looks_random(token: &[u8], with_digit: usize, without: usize) -> bool {
    token.len() >= without || (token.len() >= with_digit && token.iter().any(u8::is_ascii_digit))
}

fn run<'a>(bytes: impl IntoIterator<Item = &'a u8>, accept: impl Fn(u8) -> bool) -> usize {
    bytes.into_iter().take_while(|&&byte| accept(byte)).count()
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// RFC 6750 `b64token`.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'\\')
}

fn strip_prefix_ignoring_case<'a>(bytes: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, tail) = bytes.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_are_masked_and_the_words_around_them_kept() {
        for (text, clean) in [
            (
                "Incorrect API key provided: sk-proj-abc123DEF456.",
                "Incorrect API key provided: sk-[redacted].",
            ),
            (
                "\"sk-ant-api03-aaaa_bbbb-cccc\" is not valid",
                "\"sk-[redacted]\" is not valid",
            ),
            (
                "GET https://x.test/v1beta/models?key=AIzaSyA1234567890&alt=sse failed",
                "GET https://x.test/v1beta/models?key=[redacted]&alt=sse failed",
            ),
            (
                "API key AIzaSyA1234567890abcdefgh expired",
                "API key AIza[redacted] expired",
            ),
            (
                "authorization: Bearer abcdef0123456789",
                "authorization: Bearer [redacted]",
            ),
            ("BEARER  abcdefghijklmnopqrstuvwxyz", "BEARER  [redacted]"),
            ("x-api-key: 0123456789abcdef0123", "x-api-key: [redacted]"),
            (
                r#"{"access_token":"abcdefgh12345678","ttl":1}"#,
                r#"{"access_token":"[redacted]","ttl":1}"#,
            ),
            (
                "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
                "eyJ[redacted]",
            ),
            ("ключ=sk-abcdefgh—нет", "ключ=sk-[redacted]—нет"),
        ] {
            assert_eq!(redact(text), clean);
        }
    }

    #[test]
    fn prose_is_left_alone() {
        for text in [
            "",
            "Bearer authentication is required",
            "bearer token missing",
            "task-management-tools are not enabled",
            "Invalid api_key: must not be blank",
            "max_tokens: 409600000000 is too large",
            "This model's maximum context length is 128000 tokens",
            "request_id: req_011CSHoEeqs5C35K2UUqR7Fy",
            "unexpected token: }",
            "sk-abc***xyz",
            "模型不存在",
        ] {
            assert!(
                matches!(redact(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_key_gets_through(
            before in "(.{0,20}[ \"':=(])?",
            key in "sk-[A-Za-z0-9_-]{6,60}|AIza[A-Za-z0-9_-]{35}|ya29\\.[A-Za-z0-9_-]{20}",
            after in "([ \"')&,].{0,20})?",
        ) {
            let text = format!("{before}{key}{after}");
            prop_assert!(!redact(&text).contains(&key));
        }

        #[test]
        fn redacting_twice_is_redacting_once(text in "[a-zA-Z0-9 =:\"\\-_.]{0,80}|.{0,80}") {
            let once = redact(&text).into_owned();
            prop_assert_eq!(redact(&once), once.as_str());
        }
    }
}
