//! A pass over a JSON text that validates every byte of it and stops where the caller wants to look.
//!
//! The rules of this file: no recursion, no allocation but one bit per level of nesting, no byte looked at more
//! often than a fixed number of times. The caller's own walk is as deep as what it looks for; everything else is
//! skipped by [`Scanner::value`], to any depth.

use super::nesting::Nesting;
use super::value::{Placed, Value};
use super::{Invalid, Span, Text, runs};

/// A position in a text. A copy of it looks ahead.
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    text: &'a str,
    /// What has not been passed.
    rest: &'a [u8],
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
            rest: text.as_bytes(),
            oddities: Oddities::default(),
        }
    }

    /// Of all that was passed.
    pub fn oddities(&self) -> Oddities {
        self.oddities
    }

    /// What stands at `span`.
    pub fn source(&self, span: Span) -> &'a str {
        let source = self.text.get(span.start..span.end);
        debug_assert!(source.is_some(), "{span:?} is not of this text");
        source.unwrap_or_default()
    }

    fn invalid(&self, reason: &'static str) -> Invalid {
        Invalid {
            offset: self.offset(),
            reason,
        }
    }

    /// Passes `count` bytes, which are there.
    fn pass(&mut self, count: usize) {
        let passed = self.rest.split_off(..count);
        debug_assert!(passed.is_some(), "{count} bytes are left");
    }

    /// What has been passed since `start`, which is an [`Scanner::offset`].
    fn since(&self, start: usize) -> Result<&'a str> {
        let source = self.text.get(start..self.offset());
        source.ok_or_else(|| self.invalid("cut within a character"))
    }

    /// The next byte that is not white space.
    pub fn peek(&mut self) -> Option<u8> {
        while let [b' ' | b'\n' | b'\r' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
        self.rest.first().copied()
    }

    /// Where the scanner stands.
    pub fn offset(&self) -> usize {
        self.text.len() - self.rest.len()
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
            self.pass(1);
            return Ok(());
        }
        loop {
            let key = self.key()?;
            member(self, key)?;
            match self.peek() {
                Some(b',') => self.pass(1),
                Some(b'}') => {
                    self.pass(1);
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
            self.pass(1);
            return Ok(());
        }
        loop {
            element(self)?;
            match self.peek() {
                Some(b',') => self.pass(1),
                Some(b']') => {
                    self.pass(1);
                    return Ok(());
                }
                _ => return Err(self.invalid("expected ',' or ']'")),
            }
        }
    }

    /// Passes over a comma, if there is one.
    pub fn comma(&mut self) {
        if self.peek() == Some(b',') {
            self.pass(1);
        }
    }

    /// Takes the next value, whatever it is.
    ///
    /// # Errors
    /// Where it is malformed.
    pub fn value(&mut self) -> Result<Placed<'a>> {
        let first = self.peek();
        let start = self.offset();
        let value = match first {
            Some(b'"') => Value::String(self.string()?),
            Some(b'{' | b'[') => {
                self.skip_container()?;
                Value::Container(self.since(start)?)
            }
            Some(b't') => self.literal("true", Value::True)?,
            Some(b'f') => self.literal("false", Value::False)?,
            Some(b'n') => self.literal("null", Value::Null)?,
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                Value::Number(self.since(start)?)
            }
            Some(_) => return Err(self.invalid("expected a value")),
            None => return Err(self.invalid("unexpected end")),
        };
        let end = self.offset();
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
        self.pass(1);
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
        self.pass(1);
        Ok(key)
    }

    /// Passes over an object or array without leaving this function for what is inside.
    fn skip_container(&mut self) -> Result<()> {
        let mut nesting = Nesting::default();
        loop {
            match self.peek() {
                Some(b'{') => {
                    self.pass(1);
                    if self.peek() != Some(b'}') {
                        self.key()?;
                        self.enter(&mut nesting, true);
                        continue;
                    }
                    self.pass(1);
                }
                Some(b'[') => {
                    self.pass(1);
                    if self.peek() != Some(b']') {
                        self.enter(&mut nesting, false);
                        continue;
                    }
                    self.pass(1);
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
                        self.pass(1);
                        self.key()?;
                        break;
                    }
                    (Some(b','), false) => {
                        self.pass(1);
                        break;
                    }
                    (Some(b'}'), true) | (Some(b']'), false) => {
                        self.pass(1);
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
        if !self.rest.starts_with(word.as_bytes()) {
            return Err(self.invalid("expected a value"));
        }
        self.pass(word.len());
        Ok(value)
    }

    fn digits(&mut self) -> usize {
        let count = self
            .rest
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        self.pass(count);
        count
    }

    fn number(&mut self) -> Result<()> {
        if self.rest.first() == Some(&b'-') {
            self.pass(1);
        }
        let start = self.offset();
        let mut has_exponent = false;
        let leads_with_zero = self.rest.first() == Some(&b'0');
        let digits = self.digits();
        if digits == 0 || (leads_with_zero && digits > 1) {
            return Err(self.invalid("malformed number"));
        }
        if self.rest.first() == Some(&b'.') {
            self.pass(1);
            if self.digits() == 0 {
                return Err(self.invalid("malformed number"));
            }
        }
        if let Some(b'e' | b'E') = self.rest.first() {
            self.pass(1);
            if let Some(b'+' | b'-') = self.rest.first() {
                self.pass(1);
            }
            if self.digits() == 0 {
                return Err(self.invalid("malformed number"));
            }
            has_exponent = true;
        }
        /// The largest number has 309 digits.
        const SHORT: usize = 300;
        if has_exponent || self.offset() - start > SHORT {
            let number = self.since(start)?;
            self.oddities.has_infinite |= number.parse().is_ok_and(f64::is_infinite);
        }
        Ok(())
    }

    /// Takes a string; the scanner is at its quote.
    fn string(&mut self) -> Result<Text<'a>> {
        let start = self.offset();
        self.pass(1);
        let first = self.offset();
        let mut is_escaped = false;
        loop {
            let run = match runs::short_run(self.rest) {
                Some((run, byte)) if byte < b' ' => return Err(self.control_character(run)),
                Some((run, _)) => run,
                None => self.long_run()?,
            };
            self.pass(run);
            if self.rest.first() == Some(&b'"') {
                break;
            }
            is_escaped = true;
            self.escape()?;
        }
        let raw = self.since(first)?;
        self.pass(1);
        let end = self.offset();
        Ok(Text::new(raw, Span { start, end }, is_escaped))
    }

    /// Bytes up to the next quote or backslash.
    fn long_run(&mut self) -> Result<usize> {
        let run = memchr::memchr2(b'"', b'\\', self.rest);
        let (plain, _) = self.rest.split_at(run.unwrap_or(self.rest.len()));
        match (runs::control_character(plain), run) {
            (Some(at), _) => Err(self.control_character(at)),
            (None, Some(run)) => Ok(run),
            (None, None) => {
                self.rest = &[];
                Err(self.invalid("unexpected end"))
            }
        }
    }

    fn control_character(&mut self, at: usize) -> Invalid {
        self.pass(at);
        self.invalid("unescaped control character")
    }

    /// The UTF-16 code unit of the escape that the scanner is at, if it is of one.
    fn unit(&self) -> Option<u32> {
        hex(self.rest.strip_prefix(b"\\u")?.get(..4)?)
    }

    /// Passes over an escape; the scanner is at its backslash.
    fn escape(&mut self) -> Result<()> {
        match self.rest.get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.pass(2),
            Some(b'u') => {
                let Some(unit) = self.unit() else {
                    return Err(self.invalid("malformed escape"));
                };
                self.pass(6);
                let is_pair = (0xd800..0xdc00).contains(&unit)
                    && self
                        .unit()
                        .is_some_and(|low| (0xdc00..0xe000).contains(&low));
                if is_pair {
                    self.pass(6);
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

#[cfg(test)]
mod tests;
