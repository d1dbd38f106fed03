//! A body with a few changes: pieces of the original with new bytes between them.

use std::borrow::Cow;
use std::io::{self, Read};

use super::{Member, Span};

/// Changes to a body, which itself is not copied.
#[derive(Clone, Debug)]
pub struct Splice<'a> {
    body: &'a [u8],
    replaced: Vec<(Span, Cow<'a, [u8]>)>,
    removed: Vec<Removed>,
    /// Members to come last, each with its comma in front.
    appended: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Removed {
    whole: Span,
    index: usize,
    is_last: bool,
}

impl<'a> Splice<'a> {
    pub fn new(body: &'a [u8]) -> Self {
        Self {
            body,
            replaced: Vec::new(),
            removed: Vec::new(),
            appended: Vec::new(),
        }
    }

    /// Puts `bytes` in the place of `span`.
    pub fn replace(&mut self, span: Span, bytes: impl Into<Cow<'a, [u8]>>) {
        self.replaced.push((span, bytes.into()));
    }

    /// Takes a member of the top-level object out, with its comma.
    pub fn remove(&mut self, member: &Member<'_>) {
        self.removed.push(Removed {
            whole: member.whole,
            index: member.index,
            is_last: member.is_last,
        });
    }

    /// Puts bytes in front of the body and behind it.
    pub fn wrap(&mut self, before: impl Into<Cow<'a, [u8]>>, after: impl Into<Cow<'a, [u8]>>) {
        let (start, end) = (0, self.body.len());
        let at = |place| Span {
            start: place,
            end: place,
        };
        self.replaced.insert(0, (at(start), before.into()));
        self.replaced.push((at(end), after.into()));
    }

    /// Adds a member at the end of the top-level object. `key` needs no escaping; `raw` is JSON.
    pub fn append_member(&mut self, key: &str, raw: impl AsRef<[u8]>) {
        self.appended.extend_from_slice(b",\"");
        self.appended.extend_from_slice(key.as_bytes());
        self.appended.extend_from_slice(b"\":");
        self.appended.extend_from_slice(raw.as_ref());
    }

    /// The changed body, piece by piece.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.plan().into_iter()
    }

    /// Bytes of the changed body.
    pub fn len(&self) -> usize {
        self.pieces().map(<[u8]>::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The changed body, to be read once.
    pub fn reader(&self) -> impl Read {
        Reader {
            pieces: self.plan().into_iter(),
            current: &[],
        }
    }

    fn plan(&self) -> Vec<&[u8]> {
        let mut cuts: Vec<(Span, &[u8])> = self
            .replaced
            .iter()
            .map(|(span, bytes)| (*span, bytes.as_ref()))
            .collect();
        let mut removed = self.removed.clone();
        removed.sort_by_key(|member| member.index);
        removed.dedup_by_key(|member| member.index);
        for (before, member) in removed.iter().enumerate() {
            // What stays and stands before it keeps its comma only if something follows; the simplest is to
            // take the comma before it, and the one behind only where there is nothing before.
            let Span { start, end } = member.whole;
            let span = if before < member.index {
                Span {
                    start: start.saturating_sub(1),
                    end,
                }
            } else if member.is_last {
                member.whole
            } else {
                Span {
                    start,
                    end: end + 1,
                }
            };
            cuts.push((span, &[]));
        }
        if !self.appended.is_empty()
            && let Some(close) = memchr::memrchr(b'}', self.body)
        {
            let (before, _) = self.body.split_at(close);
            let was_empty = before.trim_ascii_end().last() == Some(&b'{');
            let is_emptied = removed
                .last()
                .is_some_and(|last| last.is_last && last.index + 1 == removed.len());
            let appended = match self.appended.strip_prefix(b",") {
                Some(first) if was_empty || is_emptied => first,
                _ => &self.appended,
            };
            let span = Span {
                start: close,
                end: close,
            };
            cuts.push((span, appended));
        }
        cuts.sort_by_key(|(span, _)| (span.start, span.end));
        let mut pieces = Vec::with_capacity(2 * cuts.len() + 1);
        let mut at = 0;
        let mut rest = self.body;
        for (span, bytes) in cuts {
            // A change within something that is removed is removed with it.
            let is_within = span.start < at;
            let (Some(kept), Some(after)) = (
                self.body.get(at..span.start.max(at)),
                self.body.get(span.end.max(at)..),
            ) else {
                debug_assert!(false, "{span:?} is not of this body");
                continue;
            };
            if !is_within {
                pieces.extend([kept, bytes]);
            }
            (at, rest) = (span.end.max(at), after);
        }
        pieces.push(rest);
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }
}

struct Reader<'p> {
    pieces: std::vec::IntoIter<&'p [u8]>,
    current: &'p [u8],
}

impl Read for Reader<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.pieces.next() {
                Some(piece) => self.current = piece,
                None => return Ok(0),
            }
        }
        self.current.read(room)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::super::members;
    use super::*;

    fn text(splice: &Splice<'_>) -> String {
        let mut bytes = Vec::new();
        splice.reader().read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, splice.pieces().collect::<Vec<_>>().concat());
        assert_eq!(bytes.len(), splice.len());
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn members_go_with_their_commas() {
        let body = br#"{ "a":1 , "b" : [2], "c":{"d":3} }"#;
        let members = members(body).unwrap();
        for (gone, expected) in [
            (vec![], r#"{ "a":1 , "b" : [2], "c":{"d":3} }"#),
            (vec![0], r#"{ "b" : [2], "c":{"d":3} }"#),
            (vec![1], r#"{ "a":1 , "c":{"d":3} }"#),
            (vec![2], r#"{ "a":1 , "b" : [2]}"#),
            (vec![0, 1], r#"{ "c":{"d":3} }"#),
            (vec![1, 2], r#"{ "a":1 }"#),
            (vec![2, 0, 0], r#"{ "b" : [2]}"#),
            (vec![0, 1, 2], r#"{}"#),
        ] {
            let mut splice = Splice::new(body);
            for index in gone {
                splice.remove(&members[index]);
            }
            assert_eq!(text(&splice), expected);
        }
    }

    #[test]
    fn members_are_added_last() {
        for (body, expected) in [
            ("{}", r#"{"x":1,"y":2}"#),
            (" { } ", r#" { "x":1,"y":2} "#),
            (r#"{"a":{}}"#, r#"{"a":{},"x":1,"y":2}"#),
        ] {
            let mut splice = Splice::new(body.as_bytes());
            splice.append_member("x", "1");
            splice.append_member("y", "2");
            assert_eq!(text(&splice), expected);
        }
    }

    proptest! {
        #[test]
        fn the_result_is_what_was_meant(
            values in prop::collection::vec(0_u32..1000, 0..6),
            gone in prop::collection::vec(any::<bool>(), 6),
            changed in prop::option::of(0_usize..6),
            added in 0_usize..3,
            pretty in any::<bool>(),
        ) {
            let object: Map<String, Value> = values
                .iter()
                .enumerate()
                .map(|(n, value)| (format!("k{n}"), json!({ "v": value })))
                .collect();
            let body = if pretty {
                serde_json::to_vec_pretty(&object).unwrap()
            } else {
                serde_json::to_vec(&object).unwrap()
            };
            let members = members(&body).unwrap();
            prop_assert_eq!(members.len(), values.len());
            let mut splice = Splice::new(&body);
            let mut expected = object;
            for (member, gone) in members.iter().zip(&gone) {
                if changed == Some(member.index) {
                    splice.replace(member.value, &b"\"changed\""[..]);
                    expected.insert(member.key.to_string(), json!("changed"));
                }
                if *gone {
                    splice.remove(member);
                    expected.remove(member.key.as_ref());
                }
            }
            for n in 0..added {
                splice.append_member(&format!("new{n}"), "null");
                expected.insert(format!("new{n}"), Value::Null);
            }
            let result: Map<String, Value> = serde_json::from_str(&text(&splice)).unwrap();
            prop_assert_eq!(result, expected);
        }
    }
}
