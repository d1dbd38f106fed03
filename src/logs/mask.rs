//! Which headers and query parameters are secrets, and how they are shown (`spec/config.md` 6.3).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::config::Secret;

/// Parts of names of headers whose values nobody is to read.
const HEADERS: &[&str] = &[
    "authorization",
    "api-key",
    "apikey",
    "token",
    "secret",
    "cookie",
    "x-management-key",
];

/// Parts of such names of query parameters, beside `key` itself.
const PARAMETERS: &[&str] = &["api-key", "apikey", "api_key", "token", "secret"];

/// The secret in a header, if it is one that holds any: its value without the scheme.
pub fn secret_of<'v>(name: &str, value: &'v str) -> Option<&'v str> {
    let name = name.to_ascii_lowercase();
    if !HEADERS.iter().any(|part| name.contains(part)) {
        return None;
    }
    match value.split_once(' ') {
        Some((_, secret)) if name.contains("authorization") => Some(secret),
        _ => Some(value),
    }
}

/// A header's value as logs show it.
pub fn header<'v>(name: &str, value: &'v str) -> Cow<'v, str> {
    match secret_of(name, value) {
        Some(secret) => {
            let scheme = value.len() - secret.len();
            let scheme = value.get(..scheme).unwrap_or_default();
            Cow::Owned(format!("{scheme}{}", Secret::new(secret).masked()))
        }
        None => Cow::Borrowed(value),
    }
}

/// A URL, whole or only path and query, as logs show it: without the secrets of its query and without the
/// user of its host.
pub fn url(url: &str) -> String {
    let (start, query) = match url.split_once('?') {
        Some((start, query)) => (start, Some(query)),
        None => (url, None),
    };
    let mut shown = match start.split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.split('/').next().unwrap_or_default();
            match host.rsplit_once('@') {
                Some((user, _)) => {
                    let rest = rest.get(user.len()..).unwrap_or_default();
                    format!("{scheme}://***{rest}")
                }
                None => start.to_owned(),
            }
        }
        None => start.to_owned(),
    };
    let Some(query) = query else {
        return shown;
    };
    let mut between = '?';
    for pair in query.split('&') {
        shown.push(between);
        between = '&';
        match secret_parameter(pair) {
            Some((name, value)) => {
                shown.push_str(name);
                shown.push('=');
                shown.push_str(&Secret::new(value).masked());
            }
            None => shown.push_str(pair),
        }
    }
    shown
}

/// The secrets in the query of a URL, decoded.
pub fn secrets_of(url: &str) -> impl Iterator<Item = String> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter_map(secret_parameter);
    pairs.map(|(_, value)| value)
}

/// Name, as it stands, and value of a query's pair that is a secret.
fn secret_parameter(pair: &str) -> Option<(&str, String)> {
    let (name, value) = pair.split_once('=')?;
    let plain = decode(name).to_ascii_lowercase();
    let is_secret = plain == "key" || PARAMETERS.iter().any(|part| plain.contains(part));
    is_secret.then(|| (name, decode(value)))
}

/// `application/x-www-form-urlencoded`: `+` is a space.
fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
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
            ("Content-Type", "application/json", "application/json"),
        ] {
            assert_eq!(header(name, value), shown, "{name}");
        }
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
