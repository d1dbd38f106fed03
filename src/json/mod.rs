//! JSON as spans over the bytes that came in: found once, never turned into a tree.

use std::borrow::Cow;

/// A half-open range of byte offsets into a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

// STAND-IN until the scan branch is merged.
#[derive(Debug, PartialEq)]
pub struct Invalid {
    pub offset: usize,
    pub reason: &'static str,
}

#[derive(Clone, Debug)]
pub struct Member<'a> {
    pub key: Cow<'a, str>,
    pub value: Span,
    pub whole: Span,
}

pub fn members(body: &[u8]) -> Result<Vec<Member<'_>>, Invalid> {
    use serde_json::value::RawValue;
    struct V<'a>(Vec<(String, &'a RawValue)>);
    impl<'de> serde::Deserialize<'de> for V<'de> {
        fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
            struct Vis;
            impl<'de> serde::de::Visitor<'de> for Vis {
                type Value = V<'de>;
                fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                    f.write_str("object")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(
                    self,
                    mut m: A,
                ) -> Result<V<'de>, A::Error> {
                    let mut v = Vec::new();
                    while let Some(e) = m.next_entry::<String, &'de RawValue>()? {
                        v.push(e);
                    }
                    Ok(V(v))
                }
            }
            d.deserialize_map(Vis)
        }
    }
    let v: V = serde_json::from_slice(body).map_err(|_| Invalid {
        offset: 0,
        reason: "bad",
    })?;
    let base = body.as_ptr() as usize;
    let mut prev = 0;
    Ok(v.0
        .into_iter()
        .map(|(k, raw)| {
            let start = raw.get().as_ptr() as usize - base;
            let end = start + raw.get().len();
            let tail = body[prev..start].iter().position(|b| *b == b'"').unwrap() + prev;
            prev = end;
            let comma = body[end..]
                .iter()
                .position(|b| !b.is_ascii_whitespace())
                .map(|p| p + end);
            let whole_end = match comma {
                Some(c) if body[c] == b',' => c + 1,
                _ => end,
            };
            Member {
                key: Cow::Owned(k),
                value: Span { start, end },
                whole: Span {
                    start: tail,
                    end: whole_end,
                },
            }
        })
        .collect())
}

pub struct Splice<'a> {
    body: &'a [u8],
    edits: Vec<(Span, Cow<'a, [u8]>)>,
    append: Vec<u8>,
}

impl<'a> Splice<'a> {
    pub fn new(body: &'a [u8]) -> Self {
        Self {
            body,
            edits: Vec::new(),
            append: Vec::new(),
        }
    }
    pub fn replace(&mut self, span: Span, with: impl Into<Cow<'a, [u8]>>) {
        self.edits.push((span, with.into()));
    }
    pub fn remove(&mut self, member: &Member<'_>) {
        self.edits.push((member.whole, Cow::Borrowed(&b""[..])));
    }
    pub fn append_member(&mut self, key: &str, raw: impl Into<Cow<'a, [u8]>>) {
        self.append
            .extend_from_slice(format!(",\"{key}\":").as_bytes());
        self.append.extend_from_slice(&raw.into());
    }
    fn out(&self) -> Vec<u8> {
        let mut edits = self.edits.clone();
        edits.sort_by_key(|e| e.0.start);
        let mut out = Vec::new();
        let mut at = 0;
        for (s, w) in &edits {
            out.extend_from_slice(&self.body[at..s.start]);
            out.extend_from_slice(w);
            at = s.end;
        }
        out.extend_from_slice(&self.body[at..]);
        if !self.append.is_empty() {
            let close = out.iter().rposition(|b| *b == b'}').unwrap();
            let before = out[..close]
                .iter()
                .rposition(|b| !b.is_ascii_whitespace())
                .unwrap();
            let skip = matches!(out[before], b'{' | b',') as usize;
            out.splice(close..close, self.append[skip..].iter().copied());
        } else if !edits.is_empty() {
            let close = out.iter().rposition(|b| *b == b'}').unwrap();
            let before = out[..close]
                .iter()
                .rposition(|b| !b.is_ascii_whitespace())
                .unwrap();
            if out[before] == b',' {
                out.remove(before);
            }
        }
        out
    }
    pub fn pieces(&self) -> impl Iterator<Item = Cow<'_, [u8]>> {
        std::iter::once(Cow::Owned(self.out()))
    }
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.out().len()
    }
    pub fn reader(&self) -> impl std::io::Read {
        std::io::Cursor::new(self.out())
    }
}
impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at byte {}", self.reason, self.offset)
    }
}
