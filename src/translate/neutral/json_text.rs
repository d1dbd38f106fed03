//! JSON that is passed on as text.

use serde_json::Value;

use super::untranslatable::MOST_TREE;

/// A value as text without white space; `null` by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json(String);

impl Json {
    /// Removes the white space from a JSON text.
    pub fn of(text: &str) -> Self {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(quote) = memchr::memchr(b'"', rest.as_bytes()) {
            let (before, string) = rest.split_at_checked(quote).unwrap_or((rest, ""));
            out.extend(before.split_ascii_whitespace());
            let (string, behind) = string.split_at_checked(end(string)).unwrap_or((string, ""));
            out.push_str(string);
            rest = behind;
        }
        out.extend(rest.split_ascii_whitespace());
        out.shrink_to_fit();
        Self(out)
    }

    /// A JSON text without white space.
    pub fn compact(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_object(&self) -> bool {
        self.0.starts_with('{')
    }

    /// The tree, if the text is not longer than [`MOST_TREE`].
    pub fn tree(&self) -> Option<Value> {
        (self.0.len() <= MOST_TREE).then(|| serde_json::from_str(&self.0).unwrap_or_default())
    }
}

/// The length of the string at the start of a text, with quotes.
fn end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while let Some(next) = bytes
        .get(at..)
        .and_then(|rest| memchr::memchr2(b'"', b'\\', rest))
    {
        at += next;
        if bytes.get(at) == Some(&b'"') {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

impl Default for Json {
    fn default() -> Self {
        Self("null".to_owned())
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self(value.to_string())
    }
}

impl From<Json> for String {
    fn from(json: Json) -> Self {
        json.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn white_space_outside_strings_is_removed() {
        for (text, plain) in [
            (" 1 ", "1"),
            ("{ \"a b\" : [ 1 ,\n\t2 ] }", r#"{"a b":[1,2]}"#),
            (r#"[ "\" \\" , "\\\" x" ]"#, r#"["\" \\","\\\" x"]"#),
        ] {
            assert_eq!(Json::of(text).as_str(), plain);
        }
    }

    proptest! {
        #[test]
        fn values_stay_equal(words in prop::collection::vec(".*", 0..4), pretty in any::<bool>()) {
            let value = json!({"a": words, "b": {"c d": [1, null, {}, []]}});
            let text = match pretty {
                true => serde_json::to_string_pretty(&value).unwrap(),
                false => value.to_string(),
            };
            let plain = Json::of(&text);
            prop_assert_eq!(plain.as_str(), value.to_string());
        }
    }
}
