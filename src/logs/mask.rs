//! Which headers and query parameters are secrets, and how they are shown.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::config::Secret;
use crate::redaction::{LEAST, Redaction};

/// What a name of a secret contains somewhere, whatever stands between its words.
const PARTS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "cookie",
    "authorization",
    "signature",
    "apikey",
    "codeverifier",
    "bearer",
];

/// How one of its words ends, or what it is: `key`, `accesskey`, `oauth2`; not `keyword`, `author`.
const ENDS: &[&str] = &["key", "keys", "sig", "auth"];

/// What one of its words is.
const WORDS: &[&str] = &["pass", "pwd", "jwt", "hmac", "assertion", "otp"];

/// The headers that hold keys of language-model APIs, and proxies' logins.
const KEYS: [&str; 5] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "x-goog-api-key",
    "api-key",
];

/// Whether the value of something called `name` is a secret.
fn is_secret(name: &str) -> bool {
    let letters = letters(name);
    PARTS.iter().any(|part| letters.contains(part))
        || words(name).any(|word| {
            let word = word.trim_end_matches(|c: char| c.is_ascii_digit());
            WORDS.contains(&word) || ENDS.iter().any(|end| word.ends_with(end))
        })
}

/// The same of a header. Names of keys have words before them that nobody parts from them.
pub fn is_secret_header(name: &str) -> bool {
    is_secret(name) || letters(name).contains("key")
}

/// The same of a member of a query. A code is exchanged for a token; `country_code` is not.
fn is_secret_member(name: &str) -> bool {
    is_secret(name) || name.eq_ignore_ascii_case("code") || letters(name).contains("credential")
}

fn letters(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

/// The words of a name in lower case: `X-Goog-Api-Key`, `api_key` and `apiKey` have such as `key`.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut is_after_small = false;
    for c in name.chars() {
        let is_new = !c.is_alphanumeric() || (c.is_uppercase() && is_after_small);
        is_after_small = c.is_lowercase() || c.is_numeric();
        if is_new {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
    }
    words.into_iter()
}

/// The secret in a header, if it is one that holds any: its value without the scheme.
pub fn secret_of<'v>(name: &str, value: &'v str) -> Option<&'v str> {
    scheme_and_secret(name, value).map(|(_, secret)| secret)
}

/// The scheme, if there is one, and the secret in a header that holds one.
fn scheme_and_secret<'v>(name: &str, value: &'v str) -> Option<(Option<&'v str>, &'v str)> {
    if !is_secret_header(name) {
        return None;
    }
    Some(match value.split_once(' ') {
        Some((scheme, secret)) if letters(name).contains("authorization") => (Some(scheme), secret),
        _ => (None, value),
    })
}

/// Has `redaction` show `secret` by its mask.
pub fn hide(redaction: &mut Redaction, secret: &str) {
    redaction.add_masked(secret, &Secret::new(secret.trim()).masked());
}

/// The same, unless `secret` is so short that it may be a word of other text. Of a key that is no matter.
pub fn hide_long(redaction: &mut Redaction, secret: &str) {
    if secret.trim().len() >= LEAST {
        hide(redaction, secret);
    }
}

/// Has `redaction` hide the secrets that a request's headers and its target hold.
pub fn hide_request<'h>(
    redaction: &mut Redaction,
    headers: impl IntoIterator<Item = (&'h str, &'h str)>,
    url: &str,
) {
    for (name, value) in headers {
        let is_key = KEYS.iter().any(|key| name.eq_ignore_ascii_case(key));
        match secret_of(name, value) {
            Some(key) if is_key => hide(redaction, key),
            Some(secret) => hide_long(redaction, secret),
            None => {}
        }
    }
    for secret in secrets_of(url) {
        hide(redaction, &secret);
    }
}

/// User and password of a URL, as they stand there.
pub fn login(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let (login, _) = rest.split('/').next()?.rsplit_once('@')?;
    Some(login)
}

/// A header's value as logs show it.
pub fn header<'v>(name: &str, value: &'v str) -> Cow<'v, str> {
    let masked = |secret| Secret::new(secret).masked();
    match scheme_and_secret(name, value) {
        Some((Some(scheme), secret)) => format!("{scheme} {}", masked(secret)).into(),
        Some((None, secret)) => masked(secret).into(),
        None => Cow::Borrowed(value),
    }
}

/// A URL, whole or only path and query, as logs show it: without the secrets of its query and without the
/// user of its host.
pub fn url(url: &str) -> String {
    let (start, query) = split_before(url, QUERY);
    let mut shown = match start.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = split_before(rest, &['/']);
            match host.rsplit_once('@') {
                Some((_, host)) => format!("{scheme}://***@{host}{path}"),
                None => start.to_owned(),
            }
        }
        None => start.to_owned(),
    };
    for piece in query.split_inclusive(BETWEEN) {
        let (pair, end) = split_before(piece, BETWEEN);
        match secret_member(pair) {
            Some((name, value)) => {
                shown.push_str(name);
                shown.push('=');
                shown.push_str(&Secret::new(value).masked());
                shown.push_str(end);
            }
            None => shown.push_str(piece),
        }
    }
    shown
}

/// The secrets in the query of a URL, decoded.
pub fn secrets_of(url: &str) -> impl Iterator<Item = String> {
    let (_, query) = split_before(url, QUERY);
    let pairs = query.split(BETWEEN).filter_map(secret_member);
    pairs.map(|(_, value)| value)
}

/// What stands between members of a query, for one server or another, and before those of a URL within it or of
/// a fragment.
const BETWEEN: &[char] = &['&', ';', '?', '#'];

/// What begins a query or a fragment.
const QUERY: &[char] = &['?', '#'];

/// A text before the first of these characters, and from there on.
fn split_before<'t>(text: &'t str, characters: &[char]) -> (&'t str, &'t str) {
    text.split_at(text.find(characters).unwrap_or(text.len()))
}

/// Name, as it stands, and value of a query's member that is a secret.
fn secret_member(pair: &str) -> Option<(&str, String)> {
    let (name, value) = pair.split_once('=')?;
    is_secret_member(&decode(name)).then(|| (name, decode(value)))
}

/// `application/x-www-form-urlencoded`: `+` is a space.
fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn headers_show_no_secret() {
        for (name, value, shown) in [
            (
                "Authorization",
                "Bearer sk-0123456789",
                "Bearer sk-0...6789",
            ),
            ("proxy-authorization", "Basic dXNlcjpw", "Basic dX...pw"),
            ("authorization", "sk-0123456789", "sk-0...6789"),
            ("X-Api-Key", "abcdefgh", "ab...gh"),
            ("x-goog-api-key", "abc", "a...c"),
            ("api-key", "ab", "***"),
            ("X-Auth-Token", "", "***"),
            ("Cookie", "session=1234", "sess...1234"),
            ("Set-Cookie", "session=1234", "sess...1234"),
            ("X-Management-Key", "management", "mana...ment"),
            ("X-Password", "abcdef", "ab...ef"),
            ("X-Hub-Signature-256", "abcdef", "ab...ef"),
            ("X-Auth", "abcdef", "ab...ef"),
            ("Ocp-Apim-Subscription-Key", "abcdef", "ab...ef"),
            ("X-Masterkeyed", "abcdef", "ab...ef"),
            ("Content-Type", "application/json", "application/json"),
            ("Accept-Encoding", "gzip", "gzip"),
            ("X-Session-ID", "session", "session"),
            ("X-Holdfast-Credential", "claude:1", "claude:1"),
            ("User-Agent", "client/1.0", "client/1.0"),
        ] {
            assert_eq!(header(name, value), shown, "{name}");
        }
    }

    #[test]
    fn secrets_are_known_by_their_names() {
        for name in [
            "key",
            "KEY",
            "api_key",
            "api-key",
            "apiKey",
            "APIKEY",
            "x-key",
            "accesskey",
            "key1",
            "auth[key]",
            "AWSAccessKeyId",
            "Key-Pair-Id",
            "sig",
            "signature",
            "X-Amz-Signature",
            "X-Goog-Signature",
            "X-Amz-Credential",
            "X-Amz-Security-Token",
            "token",
            "access_token",
            "auth_token",
            "id_token",
            "refreshToken",
            "auth",
            "oauth2",
            "authorization",
            "code",
            "code_verifier",
            "codeVerifier",
            "password",
            "pass",
            "pwd",
            "db_passwd",
            "client_secret",
            "client_assertion",
            "jwt",
            "hmac",
            "set-cookie",
        ] {
            assert!(is_secret_member(name), "{name}");
        }
        for name in [
            "",
            "alt",
            "keyword",
            "keyboard",
            "author",
            "design",
            "signal",
            "country_code",
            "encoding",
            "compass",
            "passage",
            "model",
            "pageSize",
            "filter",
            "beta",
            "api-version",
            "session_id",
            "x-request-id",
        ] {
            assert!(!is_secret_member(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_way_to_write_a_name_hides_it(
            name in proptest::sample::select(vec!["key", "sig", "X-Amz-Signature", "access_token", "password"]),
            coded in proptest::collection::vec(any::<bool>(), 20),
            before in "[a-z=&;]{0,8}",
        ) {
            let name: String = name
                .bytes()
                .zip(coded)
                .map(|(byte, is_coded)| match is_coded {
                    true => format!("%{byte:02x}"),
                    false => char::from(byte).to_string(),
                })
                .collect();
            let given = format!("/x?{before}&{name}=hush-hush-hush&z=1");
            let shown = url(&given);
            prop_assert!(!shown.contains("hush-hush-hush"), "{shown}");
            prop_assert!(shown.ends_with("&z=1"));
            prop_assert!(secrets_of(&given).any(|secret| secret == "hush-hush-hush"));
        }
    }

    #[test]
    fn logins_are_found() {
        assert_eq!(login("socks5://u:p@h:1/x@y"), Some("u:p"));
        assert_eq!(login("http://h:1"), None);
        assert_eq!(login("direct"), None);
    }

    #[test]
    fn urls_show_no_secret() {
        for (given, shown) in [
            ("/v1/messages", "/v1/messages"),
            ("/v1/models?", "/v1/models?"),
            (
                "/x?alt=sse&key=AIza0123456789&auth_token=abcdef&X-Api-Key=abc&flag&k%65y=AIza0123456789",
                "/x?alt=sse&key=AIza...6789&auth_token=ab...ef&X-Api-Key=a...c&flag&k%65y=AIza...6789",
            ),
            (
                "/x?a=1;sig=abcdef#access_token=abcdef&b=http://h/?code=abcdef",
                "/x?a=1;sig=ab...ef#access_token=ab...ef&b=http://h/?code=ab...ef",
            ),
            ("/x?key=&=abcdef&key", "/x?key=***&=abcdef&key"),
            (
                "https://user:pass@h.test:1/a@b?api_key=0123456789",
                "https://***@h.test:1/a@b?api_key=0123...6789",
            ),
        ] {
            assert_eq!(url(given), shown);
        }
        let secrets: Vec<String> = secrets_of("/x?key=a%2Fb+c&alt=sse&token=t").collect();
        assert_eq!(secrets, ["a/b c", "t"]);
    }
}
