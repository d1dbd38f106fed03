//! Extracts members of an answer that is too long to be held, while it passes.

use memchr::memchr2;

use crate::wire::Dialect;

/// The longest key to extract, bytes.
const KEY: usize = 32;
/// The most bytes to extract.
const FOUND: usize = 64 * 1024;
/// The members to extract.
const WANTED: [&[u8]; 4] = [b"usage", b"usageMetadata", b"id", b"error"];
/// The member that wraps answers of Gemini CLI's endpoint.
const ENVELOPE: &[u8] = b"response";

/// Scans the top level of an object that passes in pieces. It extracts members and checks no more
/// than where strings, objects and arrays end.
#[derive(Debug)]
pub struct Extractor {
    has_envelope: bool,
    depth: usize,
    /// The depth of the members: 1, or 2 within the envelope.
    level: usize,
    place: Place,
    is_escaped: bool,
    key: Vec<u8>,
    /// Members that were found, as JSON, a comma behind each.
    found: Vec<u8>,
    /// The start of the member that is being extracted.
    kept_from: Option<usize>,
    is_closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before a key of the level.
    Key,
    InKey,
    /// Before the value of the envelope.
    Envelope,
    Value,
    /// In a string that is no key of the level.
    Text,
}

impl Extractor {
    pub fn new(dialect: Dialect) -> Self {
        Self {
            has_envelope: dialect == Dialect::Gemini,
            depth: 0,
            level: 1,
            place: Place::Value,
            is_escaped: false,
            key: Vec::new(),
            found: Vec::new(),
            kept_from: None,
            is_closed: false,
        }
    }

    /// Takes the next bytes.
    pub fn see(&mut self, mut piece: &[u8]) {
        while let Some((&byte, rest)) = piece.split_first() {
            if matches!(self.place, Place::InKey | Place::Text) {
                piece = self.string(piece);
                continue;
            }
            self.structure(byte);
            piece = rest;
        }
    }

    /// Whether the object has ended.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// An object of the members that were found.
    pub fn found(mut self) -> Vec<u8> {
        self.found.pop();
        [b"{", &*self.found, b"}"].concat()
    }

    /// Takes bytes of a string; returns those behind.
    fn string<'p>(&mut self, piece: &'p [u8]) -> &'p [u8] {
        let run = match self.is_escaped {
            true => Some(0),
            false => memchr2(b'"', b'\\', piece),
        };
        let taken = run.map_or(piece.len(), |run| run + 1);
        let (bytes, rest) = piece.split_at_checked(taken).unwrap_or((piece, b""));
        if self.place == Place::InKey {
            let more = KEY.saturating_sub(self.key.len()).min(bytes.len());
            self.key
                .extend_from_slice(bytes.get(..more).unwrap_or_default());
        }
        self.keep(bytes);
        match (self.is_escaped, bytes.last()) {
            (true, _) => self.is_escaped = false,
            (false, Some(b'\\')) => self.is_escaped = true,
            (false, Some(b'"')) if run.is_some() => {
                if self.place == Place::InKey {
                    self.key.pop_if(|last| *last == b'"');
                }
                self.place = match self.place {
                    Place::InKey => Place::Key,
                    _ => Place::Value,
                };
            }
            _ => {}
        }
        rest
    }

    fn structure(&mut self, byte: u8) {
        let at_level = self.depth == self.level;
        match byte {
            b'"' if self.place == Place::Key => {
                self.key.clear();
                self.place = Place::InKey;
                return;
            }
            b'"' => self.place = Place::Text,
            b':' if self.place == Place::Key => {
                self.place = Place::Value;
                self.begin_value();
                return;
            }
            b'{' | b'[' => {
                self.depth += 1;
                let is_object = byte == b'{';
                if self.depth == 1 && is_object {
                    self.place = Place::Key;
                } else if self.place == Place::Envelope {
                    self.place = Place::Value;
                    if is_object {
                        self.level = 2;
                        self.place = Place::Key;
                    }
                }
            }
            b'}' | b']' => {
                if at_level {
                    self.end_value();
                    self.level = 1;
                    self.place = Place::Value;
                }
                self.depth = self.depth.saturating_sub(1);
                self.is_closed |= self.depth == 0;
            }
            b',' if at_level => {
                self.end_value();
                self.place = Place::Key;
                return;
            }
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ if self.place == Place::Envelope => self.place = Place::Value,
            _ => {}
        }
        self.keep(&[byte]);
    }

    fn begin_value(&mut self) {
        if WANTED.contains(&&*self.key) {
            self.kept_from = Some(self.found.len());
            self.found.push(b'"');
            self.found.extend_from_slice(&self.key);
            self.found.extend_from_slice(b"\":");
        } else if self.has_envelope && self.level == 1 && self.key == ENVELOPE {
            self.place = Place::Envelope;
        }
    }

    fn end_value(&mut self) {
        if self.kept_from.take().is_some() {
            self.found.push(b',');
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        if let Some(start) = self.kept_from {
            self.found.extend_from_slice(bytes);
            if self.found.len() > FOUND {
                self.found.truncate(start);
                self.kept_from = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn look(dialect: Dialect, pieces: &[&[u8]]) -> (bool, Value) {
        let mut look = Extractor::new(dialect);
        for piece in pieces {
            look.see(piece);
        }
        let is_closed = look.is_closed();
        let found = look.found();
        (
            is_closed,
            serde_json::from_slice(&found).unwrap_or_default(),
        )
    }

    #[test]
    fn members_are_found_at_the_top_only() {
        let text = r#"{"x":[{"usage":{"n":1}},"}","\"usage\":{"],"a":"usage","usage" : {"n":[2,{"b":"}\\"}]},
            "y":{"id":"no","error":{}},"error":null,"id":"r_\"1","response":{"id":"inner"}}"#;
        let found = json!({"usage":{"n":[2,{"b":"}\\"}]},"error":null,"id":"r_\"1"});
        assert_eq!(look(Dialect::Responses, &[text.as_bytes()]), (true, found));
        let text = r#"{"response" :{"candidates":[{"usageMetadata":1}],"usageMetadata":{"n":3}},"id":"t"}"#;
        let found = json!({"usageMetadata":{"n":3},"id":"t"});
        assert_eq!(look(Dialect::Gemini, &[text.as_bytes()]), (true, found));
    }

    #[test]
    fn what_is_cut_is_not_closed() {
        let text = r#"{"a":[{"b":"}"}],"usage":{}}"#;
        for cut in 0..text.len() {
            assert!(!look(Dialect::Chat, &[&text.as_bytes()[..cut]]).0, "{cut}");
        }
    }

    #[test]
    fn what_is_found_is_bounded() {
        let long = format!(r#"{{"id":"{}","usage":{{"n":1}}}}"#, "x".repeat(2 * FOUND));
        let (is_closed, found) = look(Dialect::Chat, &[long.as_bytes()]);
        assert!(is_closed);
        assert_eq!(found, json!({"usage":{"n":1}}));
    }

    fn value() -> impl Strategy<Value = Value> {
        let text = "[a-z\"\\\\{}\\[\\],:\u{e9} ]{0,8}";
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            text.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let key = prop_oneof![
                Just("usage".to_owned()),
                Just("id".to_owned()),
                Just("response".to_owned()),
                "[a-z\"\\\\]{0,3}",
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((key, inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_object_cut_anywhere(
            value in value().prop_filter("an object", Value::is_object),
            is_pretty in any::<bool>(),
            size in 1..9_usize,
        ) {
            let text = match is_pretty {
                true => serde_json::to_string_pretty(&value).unwrap(),
                false => value.to_string(),
            };
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            let mut expected = value.clone();
            if let Some(object) = expected.as_object_mut() {
                object.retain(|key, _| WANTED.contains(&key.as_bytes()));
            }
            prop_assert_eq!(look(Dialect::Chat, &pieces), (true, expected));
        }
    }
}
