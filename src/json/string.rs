//! Strings as they are written, and their decoded text.

use std::borrow::Cow;
use std::io::Write;

use super::Span;

/// A validated string, still escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    /// What stands between the quotes.
    raw: &'a str,
    /// Where it stands, quotes included.
    pub span: Span,
    is_escaped: bool,
}

impl<'a> Text<'a> {
    pub(super) fn new(raw: &'a str, span: Span, is_escaped: bool) -> Self {
        Self {
            raw,
            span,
            is_escaped,
        }
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Whether it is written with escapes.
    pub fn is_escaped(&self) -> bool {
        self.is_escaped
    }

    /// As it stands between its quotes.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// Whether it says `other`.
    pub fn is(&self, other: &str) -> bool {
        if self.is_escaped {
            self.decode() == other
        } else {
            self.raw == other
        }
    }

    /// What it says. A lone surrogate becomes U+FFFD.
    pub fn decode(&self) -> Cow<'a, str> {
        if self.is_escaped {
            Cow::Owned(self.unescaped())
        } else {
            Cow::Borrowed(self.raw)
        }
    }

    /// Writes the beginning of what it says into `room`, as many bytes as it holds, and says how many that was.
    pub fn start(&self, mut room: &mut [u8]) -> usize {
        let size = room.len();
        let mut put = |bytes: &[u8]| {
            // Writes what there is room for, and never fails.
            let _ = room.write(bytes);
            !room.is_empty()
        };
        let mut rest = self.raw;
        while !rest.is_empty() {
            let run = memchr::memchr(b'\\', rest.as_bytes()).unwrap_or(rest.len());
            let (plain, escaped) = rest.split_at_checked(run).unwrap_or((rest, ""));
            let mut decoded = Decoded { rest: escaped };
            let char = decoded.next();
            rest = decoded.rest;
            let is_full = !put(plain.as_bytes())
                || char.is_some_and(|char| !put(char.encode_utf8(&mut [0; 4]).as_bytes()));
            if is_full {
                break;
            }
        }
        size - room.len()
    }

    /// Runs without escapes are copied whole, into no more room than is needed.
    fn unescaped(&self) -> String {
        let mut out = String::with_capacity(self.raw.len());
        let mut rest = self.raw;
        while let Some(run) = memchr::memchr(b'\\', rest.as_bytes()) {
            let (plain, escaped) = rest.split_at_checked(run).unwrap_or((rest, ""));
            out.push_str(plain);
            let mut decoded = Decoded { rest: escaped };
            out.extend(decoded.next());
            rest = decoded.rest;
        }
        out.push_str(rest);
        if out.capacity() - out.len() > out.len() / 8 {
            out.shrink_to_fit();
        }
        out
    }

    /// What it says, piece by piece: nothing is allocated, and one may stop at any time.
    pub fn chars(&self) -> impl Iterator<Item = char> + 'a {
        Decoded { rest: self.raw }
    }
}

/// The characters of an escaped string.
struct Decoded<'a> {
    rest: &'a str,
}

impl Decoded<'_> {
    fn hex(&mut self) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(4)?;
        self.rest = rest;
        u32::from_str_radix(digits, 16).ok()
    }

    /// The character of a `\u` escape, which takes a second escape if the first is half a pair.
    fn unicode(&mut self) -> Option<char> {
        let high = self.hex()?;
        if (0xd800..0xdc00).contains(&high) {
            let before = self.rest;
            if let Some(rest) = self.rest.strip_prefix("\\u") {
                self.rest = rest;
                let low = self.hex()?;
                if (0xdc00..0xe000).contains(&low) {
                    return char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
                }
                self.rest = before;
            }
        }
        Some(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}

impl Iterator for Decoded<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let first = chars.next()?;
        if first != '\\' {
            self.rest = chars.as_str();
            return Some(first);
        }
        let escape = chars.next()?;
        self.rest = chars.as_str();
        Some(match escape {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => self.unicode()?,
            itself => itself,
        })
    }
}
