//! A text without its escapes, and where each byte came from.

/// Bytes of a text after everything that encoders put between them has been taken out, however often the text
/// was encoded and however much of it: `%HH`, `\uHHHH`, `\xHH`, and backslashes before anything else.
///
/// It is made to find things in, not to be shown. What encodings do not keep apart is one here: a space and
/// `+`, a control character and the letter that JSON writes it with. No backslash is left.
pub struct Unescaped {
    pub bytes: Vec<u8>,
    /// Where in the text each byte begins, with the backslashes before it.
    starts: Vec<usize>,
    /// Which of the bytes have backslashes before them, as far as it matters: of `u`, `x` and `%`.
    marks: Vec<(usize, Backslashes)>,
    /// Those before the next byte.
    pending: Option<Backslashes>,
    /// The length of the text.
    length: usize,
}

/// Backslashes before a byte.
#[derive(Clone, Copy)]
struct Backslashes {
    /// Where they begin.
    start: usize,
    /// First those that were escaped themselves: they belong to what was there before somebody escaped it.
    escaped: usize,
    /// Then the others.
    plain: usize,
}

impl Unescaped {
    pub fn of(text: &[u8]) -> Self {
        let mut all = Self {
            bytes: Vec::with_capacity(text.len()),
            starts: Vec::with_capacity(text.len()),
            marks: Vec::new(),
            pending: None,
            length: text.len(),
        };
        for (at, &byte) in text.iter().enumerate() {
            match byte {
                b'\\' => all.backslash(at, false),
                byte => all.push(byte, at),
            }
        }
        all
    }

    /// The place in the text of `bytes` from `first` up to `last`.
    pub fn place(&self, first: usize, last: usize) -> std::ops::Range<usize> {
        let start = self.starts.get(first).copied().unwrap_or(self.length);
        start..self.end(last)
    }

    /// The place in the text, in whole escapes, of what stands in it from `start` to `end`.
    pub fn whole(&self, start: usize, end: usize) -> std::ops::Range<usize> {
        let after = self.starts.partition_point(|&at| at <= start);
        let first = after.checked_sub(1).and_then(|at| self.starts.get(at));
        let last = self.starts.get(self.starts.partition_point(|&at| at < end));
        let last = last.copied().or(self.left().filter(|&at| at >= end));
        first.copied().unwrap_or(start).min(start)..last.unwrap_or(self.length)
    }

    /// Where in the text the escape begins that covers `at`.
    pub fn border(&self, at: usize) -> usize {
        let after = self.starts.partition_point(|&start| start <= at);
        let start = after.checked_sub(1).and_then(|at| self.starts.get(at));
        start.copied().unwrap_or(0)
    }

    /// How many of the bytes do not depend on what may follow: those before an escape that has only begun.
    pub fn settled(&self) -> usize {
        let length = self.bytes.len();
        let is_begun = |&at: &usize| {
            let rest = self.bytes.get(at..).and_then(<[u8]>::split_first);
            let (digits, most) = match rest {
                Some((b'%', digits)) => (digits, 2),
                Some((b'x', digits)) if self.is_marked(at) => (digits, 2),
                Some((b'u', digits)) if self.is_marked(at) => (digits, 4),
                _ => return false,
            };
            digits.len() < most && digits.iter().all(u8::is_ascii_hexdigit)
        };
        let mut last = length.saturating_sub(4)..length;
        last.find(is_begun).unwrap_or(length)
    }

    fn end(&self, last: usize) -> usize {
        let before = last.checked_sub(1).and_then(|at| self.starts.get(at));
        // Several bytes of one character have one place.
        let mut rest = self.starts.iter().skip(last);
        let next = rest.find(|start| Some(*start) != before);
        next.copied().or(self.left()).unwrap_or(self.length)
    }

    /// Where the last backslashes begin, if nothing comes behind them.
    fn left(&self) -> Option<usize> {
        self.pending.map(|backslashes| backslashes.start)
    }

    fn backslash(&mut self, start: usize, is_escaped: bool) {
        let pending = self.pending.get_or_insert(Backslashes {
            start,
            escaped: 0,
            plain: 0,
        });
        match is_escaped {
            true => pending.escaped += 1,
            false => pending.plain += 1,
        }
    }

    /// Takes one byte, and puts together what it completes. Each byte that completes something takes others
    /// away, so all of it is linear.
    fn push(&mut self, byte: u8, start: usize) {
        let mut next = Some((byte, start));
        while let Some((byte, start)) = next.take() {
            if byte == b'\\' {
                self.backslash(start, true);
                continue;
            }
            let byte = match byte {
                b'+' => b' ',
                0x08 => b'b',
                b'\t' => b't',
                b'\n' => b'n',
                0x0c => b'f',
                b'\r' => b'r',
                other => other,
            };
            let start = self.left().unwrap_or(start);
            if let Some(backslashes) = self.pending.take()
                && matches!(byte, b'u' | b'x' | b'%')
            {
                self.marks.push((self.bytes.len(), backslashes));
            }
            self.put(byte, start);
            next = self.completed();
        }
    }

    fn put(&mut self, byte: u8, start: usize) {
        self.bytes.push(byte);
        self.starts.push(start);
    }

    /// The byte that the last ones stand for, and where it begins. Longer characters are put in at once.
    fn completed(&mut self) -> Option<(u8, usize)> {
        let length = self.bytes.len();
        let [first, high, low] = *self.bytes.last_chunk()?;
        let third = length - 3;
        if let Some(byte) = hex(&[high, low])
            && (first == b'%' || (first == b'x' && self.is_marked(third)))
        {
            let (start, backslashes) = self.take(third);
            self.pending = match first {
                b'%' => backslashes,
                _ => backslashes.and_then(Backslashes::left),
            };
            return Some((u8::try_from(byte).ok()?, start));
        }
        let [first, digits @ ..] = self.bytes.last_chunk::<5>()?;
        let fifth = length - 5;
        if *first != b'u' || !self.is_marked(fifth) {
            return None;
        }
        let unit = hex(digits)?;
        let (start, backslashes) = self.take(fifth);
        self.pending = backslashes.and_then(Backslashes::left);
        if let Ok(byte @ 0..0x80) = u8::try_from(unit) {
            return Some((byte, start));
        }
        // Whatever it is, no backslash before it means anything.
        self.pending = None;
        let before = self.bytes.last_chunk::<3>().and_then(surrogate);
        let character = match (before, unit) {
            (Some(high @ 0xd800..0xdc00), low @ 0xdc00..0xe000) => {
                let (start, _) = self.take(self.bytes.len() - 3);
                let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                return self.put_character(char::from_u32(code)?, start);
            }
            _ => char::from_u32(unit),
        };
        match character {
            Some(character) => self.put_character(character, start),
            // Half of a character, until the other half comes.
            None => {
                for (shift, mark) in [(12, 0xe0), (6, 0x80), (0, 0x80)] {
                    let bits = (unit >> shift) & if shift == 12 { 0x0f } else { 0x3f };
                    self.put(u8::try_from(mark | bits).ok()?, start);
                }
                None
            }
        }
    }

    fn put_character<T>(&mut self, character: char, start: usize) -> Option<T> {
        for byte in character.encode_utf8(&mut [0; 4]).bytes() {
            self.put(byte, start);
        }
        None
    }

    fn is_marked(&self, at: usize) -> bool {
        let mut marks = self.marks.iter().rev();
        marks
            .find(|(mark, _)| *mark <= at)
            .is_some_and(|(mark, _)| *mark == at)
    }

    /// Takes the bytes from `at` on out; where they began, and the backslashes before the
    /// first.
    fn take(&mut self, at: usize) -> (usize, Option<Backslashes>) {
        let start = self.starts.get(at).copied().unwrap_or(self.length);
        let mut first = None;
        while let Some((mark, backslashes)) = self.marks.pop_if(|(mark, _)| *mark >= at) {
            first = (mark == at).then_some(backslashes);
        }
        self.bytes.truncate(at);
        self.starts.truncate(at);
        (start, first)
    }
}

impl Backslashes {
    /// What is left of them once the escape that they begin is undone. Of an odd number the last one begins it, and
    /// the others are pairs; an even number is all pairs, and it was escaped once more.
    fn left(self) -> Option<Self> {
        let Self {
            mut escaped,
            mut plain,
            ..
        } = self;
        while plain % 2 == 0 {
            plain = escaped + plain / 2;
            escaped = 0;
            if plain == 0 {
                return None;
            }
        }
        let escaped = escaped + plain / 2;
        (escaped > 0).then_some(Self {
            escaped,
            plain: 0,
            ..self
        })
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    let mut value = 0;
    for &digit in digits {
        value = value * 16 + char::from(digit).to_digit(16)?;
    }
    Some(value)
}

/// Half of a character, as it is put in.
fn surrogate(bytes: &[u8; 3]) -> Option<u32> {
    let [0xed, middle @ 0xa0..0xc0, last @ 0x80..0xc0] = *bytes else {
        return None;
    };
    Some(0xd000 | (u32::from(middle) & 0x3f) << 6 | (u32::from(last) & 0x3f))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unescaped(text: &str) -> String {
        String::from_utf8_lossy(&Unescaped::of(text.as_bytes()).bytes).into_owned()
    }

    #[test]
    fn escapes_are_what_they_stand_for() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            (r#"a\"b\\c\/d"#, r#"a"bc/d"#),
            (r#"a\\\"b\\\\\\\"c"#, r#"a"b"c"#),
            (r"\u0061\u00E9\ud83d\uDE00\\u0062", "aé😀b"),
            ("%61%2f%2Fb%252f%25252F+%20%2B", "a//b//   "),
            ("%25%36%31%5cu0061%5C%75%30061", "aaa"),
            (r"\u0025\u0036\u0031%\u0036\x31", "aa"),
            ("a\tb\\tc%09", "atbtct"),
            ("100% of %zz %6", "100% of %zz %6"),
            (r"\u00", "u00"),
            ("%3%3%3%34", "4"),
        ] {
            assert_eq!(unescaped(text), expected, "{text}");
        }
    }

    #[test]
    fn places_are_whole_escapes() {
        let text = r#"\"\u00e9b%63\\d\"#;
        let all = Unescaped::of(text.as_bytes());
        assert_eq!(all.bytes, "\"ébcd".as_bytes());
        let place = |first, last| text.get(all.place(first, last)).unwrap();
        assert_eq!(place(0, 1), r#"\""#);
        assert_eq!(place(1, 3), r"\u00e9");
        assert_eq!(place(1, 2), r"\u00e9");
        assert_eq!(place(3, 5), "b%63");
        assert_eq!(place(5, 6), r"\\d");
        assert_eq!(text.get(all.whole(1, 2)), Some(r#"\""#));
        assert_eq!(text.get(all.whole(3, 9)), Some(r"\u00e9b"));
        assert_eq!(text.get(all.whole(9, 10)), Some("%63"));
        assert_eq!(all.whole(15, 16), 12..16);
    }
}
