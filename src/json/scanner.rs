//! A pass over a JSON text that validates every byte of it and stops where the caller wants to look.
//!
//! The law of this file: no recursion, no allocation but one bit per level of nesting, no byte looked at more
//! often than a fixed number of times. The caller's own walk is as deep as what it looks for; everything else is
//! skipped by [`Scanner::value`], to any depth.

use super::nesting::Nesting;
use super::value::{Placed, Value};
use super::{Invalid, Span, Text};

/// A position in a text. A copy of it looks ahead.
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
    oddities: Oddities,
}

/// What a text had so far that is JSON and yet cannot be read by everybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddities {
    /// Levels of lists and objects within one value that was passed over.
    pub depth: usize,
    /// A number too large to be one.
    pub has_infinite: bool,
    /// Half of a pair of escapes.
    pub has_lone_surrogate: bool,
}

type Result<T> = std::result::Result<T, Invalid>;

impl<'a> Scanner<'a> {
    /// A scanner at the beginning of `bytes`.
    ///
    /// # Errors
    /// When they are not UTF-8.
    pub fn new(bytes: &'a [u8]) -> Result<Self> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self::over(text)),
            Err(error) => Err(Invalid {
                offset: error.valid_up_to(),
                reason: "invalid UTF-8",
            }),
        }
    }

    /// A scanner at the beginning of `text`.
    pub fn over(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            oddities: Oddities::default(),
        }
    }

    /// Of all that was passed.
    pub fn oddities(&self) -> Oddities {
        self.oddities
    }

    /// What stands at `span`.
    pub fn source(&self, span: Span) -> &'a str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    fn invalid(&self, reason: &'static str) -> Invalid {
        Invalid {
            offset: self.at,
            reason,
        }
    }

    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes().get(self.at..).unwrap_or_default()
    }

    /// The next byte that is not white space.
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            match self.bytes().get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// Where the scanner stands.
    pub fn offset(&self) -> usize {
        self.at
    }

    /// Checks that nothing but white space is left.
    ///
    /// # Errors
    /// When there is.
    pub fn end(&mut self) -> Result<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.invalid("something behind the value")),
        }
    }

    /// Walks an object: `member` is called with each key and must take its value from the scanner. The scanner
    /// must be at its `{`.
    ///
    /// # Errors
    /// Where the text is malformed, and what `member` returns.
    pub fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Text<'a>) -> Result<()>,
    ) -> Result<()> {
        self.expect(b'{')?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            let key = self.key()?;
            member(self, key)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.invalid("expected ',' or '}'")),
            }
        }
    }

    /// Walks an array: `element` is called before each element and must take it from the scanner. The scanner
    /// must be at its `[`.
    ///
    /// # Errors
    /// Where the text is malformed, and what `element` returns.
    pub fn array(&mut self, mut element: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        self.expect(b'[')?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            element(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.invalid("expected ',' or ']'")),
            }
        }
    }

    /// Passes over a comma, if there is one.
    pub fn comma(&mut self) {
        if self.peek() == Some(b',') {
            self.at += 1;
        }
    }

    /// Takes the next value, whatever it is.
    ///
    /// # Errors
    /// Where it is malformed.
    pub fn value(&mut self) -> Result<Placed<'a>> {
        let first = self.peek();
        let start = self.at;
        let value = match first {
            Some(b'"') => Value::String(self.string()?),
            Some(b'{' | b'[') => {
                self.skip_container()?;
                Value::Container(self.text.get(start..self.at).unwrap_or_default())
            }
            Some(b't') => self.literal("true", Value::True)?,
            Some(b'f') => self.literal("false", Value::False)?,
            Some(b'n') => self.literal("null", Value::Null)?,
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                Value::Number(self.text.get(start..self.at).unwrap_or_default())
            }
            Some(_) => return Err(self.invalid("expected a value")),
            None => return Err(self.invalid("unexpected end")),
        };
        let end = self.at;
        Ok((value, Span { start, end }))
    }

    /// Passes over the next value.
    ///
    /// # Errors
    /// Where it is malformed.
    pub fn skip(&mut self) -> Result<()> {
        self.value().map(drop)
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.peek() != Some(byte) {
            return Err(self.invalid("expected another value"));
        }
        self.at += 1;
        Ok(())
    }

    fn key(&mut self) -> Result<Text<'a>> {
        if self.peek() != Some(b'"') {
            return Err(self.invalid("expected a key"));
        }
        let key = self.string()?;
        if self.peek() != Some(b':') {
            return Err(self.invalid("expected ':'"));
        }
        self.at += 1;
        Ok(key)
    }

    /// Passes over an object or array without leaving this function for what is inside.
    fn skip_container(&mut self) -> Result<()> {
        let mut nesting = Nesting::default();
        loop {
            match self.peek() {
                Some(b'{') => {
                    self.at += 1;
                    if self.peek() != Some(b'}') {
                        self.key()?;
                        self.enter(&mut nesting, true);
                        continue;
                    }
                    self.at += 1;
                }
                Some(b'[') => {
                    self.at += 1;
                    if self.peek() != Some(b']') {
                        self.enter(&mut nesting, false);
                        continue;
                    }
                    self.at += 1;
                }
                _ => self.skip()?,
            }
            // A value has ended: on to the next one, or out of what it was the last of.
            loop {
                let Some(is_object) = nesting.top() else {
                    return Ok(());
                };
                match (self.peek(), is_object) {
                    (Some(b','), true) => {
                        self.at += 1;
                        self.key()?;
                        break;
                    }
                    (Some(b','), false) => {
                        self.at += 1;
                        break;
                    }
                    (Some(b'}'), true) | (Some(b']'), false) => {
                        self.at += 1;
                        nesting.pop();
                    }
                    (None, _) => return Err(self.invalid("unexpected end")),
                    (_, true) => return Err(self.invalid("expected ',' or '}'")),
                    (_, false) => return Err(self.invalid("expected ',' or ']'")),
                }
            }
        }
    }

    fn enter(&mut self, nesting: &mut Nesting, is_object: bool) {
        nesting.push(is_object);
        self.oddities.depth = self.oddities.depth.max(nesting.depth());
    }

    fn literal(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(self.invalid("expected a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn digits(&mut self) -> usize {
        let count = self
            .rest()
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        self.at += count;
        count
    }

    fn number(&mut self) -> Result<()> {
        if self.rest().first() == Some(&b'-') {
            self.at += 1;
        }
        let start = self.at;
        let mut has_exponent = false;
        let leads_with_zero = self.rest().first() == Some(&b'0');
        let digits = self.digits();
        if digits == 0 || (leads_with_zero && digits > 1) {
            return Err(self.invalid("malformed number"));
        }
        if self.rest().first() == Some(&b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(self.invalid("malformed number"));
            }
        }
        if let Some(b'e' | b'E') = self.rest().first() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.rest().first() {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(self.invalid("malformed number"));
            }
            has_exponent = true;
        }
        /// The largest number has 309 digits.
        const SHORT: usize = 300;
        if has_exponent || self.at - start > SHORT {
            let number = self.text.get(start..self.at).unwrap_or_default();
            self.oddities.has_infinite |= number.parse().is_ok_and(f64::is_infinite);
        }
        Ok(())
    }

    /// Takes a string; the scanner is at its quote.
    fn string(&mut self) -> Result<Text<'a>> {
        let start = self.at;
        self.at += 1;
        let mut is_escaped = false;
        loop {
            let rest = self.rest();
            let run = match short_run(rest) {
                Some((run, byte)) if byte < b' ' => return Err(self.control_character(run)),
                Some((run, _)) => run,
                None => self.long_run(rest)?,
            };
            self.at += run;
            if rest.get(run) == Some(&b'"') {
                break;
            }
            is_escaped = true;
            self.escape()?;
        }
        let raw = self.text.get(start + 1..self.at).unwrap_or_default();
        self.at += 1;
        let end = self.at;
        Ok(Text::new(raw, Span { start, end }, is_escaped))
    }

    /// Bytes up to the next quote or backslash.
    fn long_run(&mut self, rest: &[u8]) -> Result<usize> {
        let Some(run) = memchr::memchr2(b'"', b'\\', rest) else {
            return Err(match control_character(rest) {
                Some(at) => self.control_character(at),
                None => {
                    self.at = self.text.len();
                    self.invalid("unexpected end")
                }
            });
        };
        match control_character(rest.get(..run).unwrap_or_default()) {
            Some(at) => Err(self.control_character(at)),
            None => Ok(run),
        }
    }

    fn control_character(&mut self, at: usize) -> Invalid {
        self.at += at;
        self.invalid("unescaped control character")
    }

    /// The UTF-16 code unit of the escape that the scanner is at, if it is of one.
    fn unit(&self) -> Option<u32> {
        hex(self.rest().strip_prefix(b"\\u")?.get(..4)?)
    }

    /// Passes over an escape; the scanner is at its backslash.
    fn escape(&mut self) -> Result<()> {
        match self.rest().get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let Some(unit) = self.unit() else {
                    return Err(self.invalid("malformed escape"));
                };
                self.at += 6;
                let is_pair = (0xd800..0xdc00).contains(&unit)
                    && self
                        .unit()
                        .is_some_and(|low| (0xdc00..0xe000).contains(&low));
                if is_pair {
                    self.at += 6;
                } else if (0xd800..0xe000).contains(&unit) {
                    self.oddities.has_lone_surrogate = true;
                }
            }
            _ => return Err(self.invalid("malformed escape")),
        }
        Ok(())
    }
}

/// The value of four hexadecimal digits.
fn hex(digits: &[u8]) -> Option<u32> {
    let value = |digit: &u8| char::from(*digit).to_digit(16);
    digits
        .iter()
        .try_fold(0, |sum, digit| Some(sum << 4 | value(digit)?))
}

/// Bytes that are looked at here before the ways that are better for many are taken: in source code a quote, a
/// backslash or the end comes sooner.
const SHORT_RUN: usize = 48;

/// How many bytes there are before a quote, a backslash or a control character, and which that is, if it comes soon.
fn short_run(bytes: &[u8]) -> Option<(usize, u8)> {
    let start = bytes.get(..SHORT_RUN).unwrap_or(bytes);
    let (words, tail) = start.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let found = ends(u64::from_le_bytes(*word));
        if found != 0 {
            let at = (found.trailing_zeros() / 8) as usize;
            return Some((8 * index + at, *word.get(at)?));
        }
    }
    let ends = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    let at = tail.iter().position(|byte| ends(*byte))?;
    Some((8 * words.len() + at, *tail.get(at)?))
}

const ONES: u64 = u64::MAX / 0xff;
const TOP: u64 = ONES * 0x80;

/// The top bits of the bytes that are below `limit`, which is at most 0x80. Borrowing from a byte sets its top bit,
/// unless the byte is no ASCII; a borrow can spread only upwards from a byte that is one, so the lowest that is set is
/// right, and so is "none".
fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(limit)) & !word & TOP
}

/// The top bit of the first byte that ends a run within a string, and perhaps others above it.
fn ends(word: u64) -> u64 {
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    below(word, b' ') | is(b'"') | is(b'\\')
}

/// Where the first byte below 0x20 is.
fn control_character(bytes: &[u8]) -> Option<usize> {
    let (words, tail) = bytes.as_chunks::<8>();
    let is_clean = words
        .iter()
        .all(|word| below(u64::from_le_bytes(*word), b' ') == 0);
    if is_clean && tail.iter().all(|byte| *byte >= 0x20) {
        return None;
    }
    bytes.iter().position(|byte| *byte < 0x20)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn check(bytes: &[u8]) -> Result<()> {
        let mut scanner = Scanner::new(bytes)?;
        scanner.skip()?;
        scanner.end()
    }

    #[test]
    fn any_depth_is_passed_over() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
            assert_eq!(check(deep.as_bytes()), Ok(()));
            let cut = &deep[..deep.len() - 1];
            assert!(check(cut.as_bytes()).is_err());
        }
    }

    #[test]
    fn flaws_have_a_place() {
        for (text, offset) in [
            ("{\"a\":tru}", 5),
            ("[1,]", 3),
            ("{\"a\" 1}", 5),
            ("[01]", 3),
            ("\"a\u{1}b\"", 2),
            ("\"\\x\"", 1),
            ("[1 2]", 3),
            ("{} {}", 3),
            ("[1}", 2),
        ] {
            assert_eq!(check(text.as_bytes()).unwrap_err().offset, offset, "{text}");
        }
        assert_eq!(check(b"\"ab\xff\"").unwrap_err().offset, 3);
    }

    #[test]
    fn what_not_everybody_can_read_is_noticed() {
        let oddities = |text: &str| {
            let mut scanner = Scanner::over(text);
            scanner.skip().unwrap();
            scanner.oddities()
        };
        for (text, is_lone) in [
            (r#""\ud83d\ude00 \u00e9 \u0041""#, false),
            (r#""\ud83d""#, true),
            (r#""\ud83d\u0041""#, true),
            (r#""\ud83dx""#, true),
            (r#""\ude00""#, true),
        ] {
            let is_read = serde_json::from_str::<String>(text).is_ok();
            assert_eq!(is_read, !is_lone, "{text}");
            assert_eq!(oddities(text).has_lone_surrogate, is_lone, "{text}");
        }
        let long = "9".repeat(400);
        for (text, is_infinite) in [
            ("1e308", false),
            ("-1e309", true),
            ("0e999", false),
            (&long, true),
        ] {
            let is_read = serde_json::from_str::<serde_json::Value>(text).is_ok();
            assert_eq!(is_read, !is_infinite, "{text}");
            assert_eq!(oddities(text).has_infinite, is_infinite, "{text}");
        }
        assert_eq!(oddities("[{\"a\":[1]},[]]").depth, 3);
    }

    /// Text that is JSON, nearly JSON, or nothing like it.
    fn nearly_json() -> impl Strategy<Value = String> {
        let token = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"a\"",
            "\"\\n\"",
            "\"\\u00e9\"",
            "\"",
            "\\",
            "1",
            "-0.5e+3",
            "0",
            "true",
            "false",
            "null",
            "tru",
            " ",
            "\n",
            "\u{1}",
            "é",
            "{\"k\":1}",
            "[1,2]",
            "\"k\":",
            "00",
        ]);
        prop::collection::vec(token, 0..14).prop_map(|tokens| tokens.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5000))]

        #[test]
        fn it_accepts_what_serde_json_accepts(text in nearly_json()) {
            let oracle = serde_json::from_str::<IgnoredAny>(&text);
            prop_assert_eq!(check(text.as_bytes()).is_ok(), oracle.is_ok(), "{:?}", text);
        }
    }
}
