//! Builds the URLs of calls.

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::failure::{Failure, FailureKind};

/// All except the unreserved characters of RFC 3986, 2.3.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The same without the slash.
const NAME: &AsciiSet = &VALUE.remove(b'/');

/// `path` below `base`. The path and the query of the base are kept. If the base ends with an API version, that version
/// replaces the one at the beginning of `path`.
///
/// # Errors
/// When the base is not an http(s) URL.
pub fn under(base: &str, path: &str) -> Result<Uri, Failure> {
    let (base, own_query) = base.trim().split_once('?').unwrap_or((base.trim(), ""));
    let base = base.trim_end_matches('/');
    let path = match has_version(base) {
        true => without_version(path),
        false => path,
    };
    let joint = match (own_query.is_empty(), path.contains('?')) {
        (true, _) => "",
        (false, true) => "&",
        (false, false) => "?",
    };
    let uri = format!("{base}{path}{joint}{own_query}")
        .parse::<Uri>()
        .ok();
    uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
        .ok_or_else(|| Failure::new(FailureKind::Connect, "the base URL is invalid"))
}

fn has_version(base: &str) -> bool {
    let last = base.rsplit_once('/');
    last.is_some_and(|(before, last)| !before.ends_with('/') && is_version(last))
}

fn without_version(path: &str) -> &str {
    let first = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    match first {
        Some((first, _)) if is_version(first) => path.get(1 + first.len()..).unwrap_or(path),
        _ => path,
    }
}

/// Whether a segment is a version such as `v1` or `v1beta1`.
fn is_version(word: &str) -> bool {
    let number = word.strip_prefix('v').unwrap_or_default();
    let stage = number.trim_start_matches(|c: char| c.is_ascii_digit());
    let stage = match stage.len() < number.len() {
        true => stage.trim_end_matches(|c: char| c.is_ascii_digit()),
        false => return false,
    };
    matches!(stage, "" | "alpha" | "beta")
}

/// A model's name as a segment of a path.
///
/// # Errors
/// When the name would change the path.
pub fn model(name: &str) -> Result<String, Failure> {
    if name.is_empty() || name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(Failure::request("the model's name cannot be part of a URL"));
    }
    Ok(utf8_percent_encode(name, NAME).to_string())
}

/// A value of a query.
pub fn value(text: &str) -> String {
    utf8_percent_encode(text, VALUE).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_keep_their_path_and_query() {
        for (base, expected) in [
            ("https://h", "https://h/v1/m"),
            ("https://h/", "https://h/v1/m"),
            (" http://h:81/a/b// ", "http://h:81/a/b/v1/m"),
            ("https://h/a?v=1", "https://h/a/v1/m?v=1"),
        ] {
            assert_eq!(under(base, "/v1/m").unwrap().to_string(), expected);
        }
        let both = under("https://h/?v=1", "/m?alt=sse").unwrap();
        assert_eq!(both.to_string(), "https://h/m?alt=sse&v=1");
    }

    #[test]
    fn a_version_is_said_once() {
        for (base, path, expected) in [
            ("https://h/v1", "/v1/messages", "https://h/v1/messages"),
            ("https://h/a/v1/", "/v1/messages", "https://h/a/v1/messages"),
            (
                "https://h/v1?x=1",
                "/v1/messages",
                "https://h/v1/messages?x=1",
            ),
            (
                "https://h/v1beta",
                "/v1beta/models/g:c",
                "https://h/v1beta/models/g:c",
            ),
            (
                "https://h/v1",
                "/v1beta/models/g:c",
                "https://h/v1/models/g:c",
            ),
            (
                "https://h/v1beta1",
                "/v1/publishers/p",
                "https://h/v1beta1/publishers/p",
            ),
            ("https://h/v1", "/responses", "https://h/v1/responses"),
            ("https://h/vx", "/v1/messages", "https://h/vx/v1/messages"),
            ("https://h/v1x", "/v1/messages", "https://h/v1x/v1/messages"),
            ("https://v1", "/v1/messages", "https://v1/v1/messages"),
        ] {
            assert_eq!(under(base, path).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn other_bases_are_refused() {
        for base in ["", "h/x", "ftp://h", "https://", "/x", "https://a b"] {
            assert!(under(base, "/v1").is_err(), "{base}");
        }
    }

    #[test]
    fn names_stay_in_their_place() {
        assert_eq!(
            model("models/gemini-2.5_x~y").unwrap(),
            "models/gemini-2.5_x~y"
        );
        assert_eq!(
            model("a b?c#d%e:f@g é").unwrap(),
            "a%20b%3Fc%23d%25e%3Af%40g%20%C3%A9"
        );
        for name in ["", "..", "../x", "a/./b", "a//b", "/a"] {
            assert!(model(name).is_err(), "{name}");
        }
    }
}
