//! URLs of calls, put together from parts.

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::failure::{Failure, FailureKind};

/// All but the unreserved characters of RFC 3986, 2.3.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The same, but the slashes of a name stay.
const NAME: &AsciiSet = &VALUE.remove(b'/');

/// `path` under `base`. The base's own path is kept, without a closing slash, and so is its query.
///
/// # Errors
/// When the base is no http(s) URL.
pub fn under(base: &str, path: &str) -> Result<Uri, Failure> {
    let (base, own_query) = base.trim().split_once('?').unwrap_or((base.trim(), ""));
    let base = base.trim_end_matches('/');
    let joint = match (own_query.is_empty(), path.contains('?')) {
        (true, _) => "",
        (false, true) => "&",
        (false, false) => "?",
    };
    let uri = format!("{base}{path}{joint}{own_query}")
        .parse::<Uri>()
        .ok();
    uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
        .ok_or_else(|| Failure::new(FailureKind::Connect, "the base URL cannot be used"))
}

/// A model's name as part of a path.
///
/// # Errors
/// When the name would lead to another path.
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
