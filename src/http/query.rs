//! The query of a request target.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The raw query, without its `?`; empty if there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Query<'t>(&'t str);

impl<'t> Query<'t> {
    pub fn new(raw: &'t str) -> Self {
        Self(raw)
    }

    pub fn raw(self) -> &'t str {
        self.0
    }

    /// The first value of `name`, form-decoded.
    pub fn first(self, name: &str) -> Option<Cow<'t, str>> {
        pairs(self.0)
            .find(|(key, _)| decode(key) == name)
            .map(|(_, value)| decode(value.unwrap_or_default()))
    }

    /// All values of `name`, form-decoded.
    pub fn all(self, name: &str) -> impl Iterator<Item = Cow<'t, str>> {
        pairs(self.0)
            .filter(move |(key, _)| decode(key) == name)
            .map(|(_, value)| decode(value.unwrap_or_default()))
    }

    /// The answer format of a Gemini request: `alt`, else `$alt` (Google, "System parameters").
    pub fn alt(self) -> Option<Cow<'t, str>> {
        ["alt", "$alt"]
            .into_iter()
            .find_map(|name| self.first(name).filter(|value| !value.is_empty()))
    }
}

fn pairs(raw: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    raw.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (pair, None),
        })
}

/// `application/x-www-form-urlencoded`: `+` is a space.
fn decode(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned());
    }
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_is_used_and_decoded() {
        let query = Query::new("a=1&key=a%2Fb+c&key=second&&flag&%6Bind=x");
        assert_eq!(query.first("key").as_deref(), Some("a/b c"));
        assert_eq!(query.first("flag").as_deref(), Some(""));
        assert_eq!(query.first("kind").as_deref(), Some("x"));
        assert_eq!(query.first("missing"), None);
        assert_eq!(Query::default().first(""), None);
    }

    #[test]
    fn alt_falls_back_to_dollar_alt() {
        for (raw, alt) in [
            ("alt=json", Some("json")),
            ("alt=sse", Some("sse")),
            (
                "$alt=json;enum-encoding=int",
                Some("json;enum-encoding=int"),
            ),
            (
                "%24alt=json%3Benum-encoding%3Dint",
                Some("json;enum-encoding=int"),
            ),
            ("%24alt=json", Some("json")),
            ("$alt=json", Some("json")),
            ("alt=&$alt=proto", Some("proto")),
            ("alt=sse&$alt=json", Some("sse")),
            ("", None),
        ] {
            assert_eq!(Query::new(raw).alt().as_deref(), alt, "{raw}");
        }
    }
}
