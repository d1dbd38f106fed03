//! The encoded forms of a secret, and finding them in a text.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem::{FindIter, Finder};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::LEAST;
use super::unescaped::Unescaped;

/// Bytes that one byte of a secret takes up at most, as far as it is looked for across the borders of what is
/// written at once: a JSON escape of which each character is a JSON escape.
const EXPANSION: usize = 36;

/// The same of all bytes of a long one: a JSON escape in a JSON string in a URL.
const EXPANSION_OF_LONG: usize = 12;

/// Bytes by which a secret is long.
const LONG: usize = 4096;

/// Bytes of a beginning that give something away.
const BEGUN: usize = 4;

/// Bytes that must be left of a secret without its escapes, that it is looked for within words.
const ENOUGH: usize = LEAST - 2;

/// What URLs escape: all but the unreserved characters of RFC 3986, 2.3.
const IN_URLS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// One form of a secret.
pub struct Needle {
    finder: Finder<'static>,
    form: Form,
    /// Of the secret.
    pub index: usize,
}

#[derive(Clone, Copy)]
enum Form {
    /// As it stands.
    Raw,
    /// Behind escapes.
    Unescaped,
    /// The same, and only if it is a word of its own.
    Word,
    /// In base64, with a character before or after it that is partly of the secret.
    Base64 { before: bool, after: bool },
    /// All of what was encoded in base64.
    Base64Word,
}

/// A text in the forms in which needles are looked for.
pub struct Haystack<'t> {
    text: &'t [u8],
    /// The byte before it, if there is one.
    before: Option<u8>,
    unescaped: Unescaped,
    /// In one alphabet.
    base64: Vec<u8>,
}

/// The forms of a secret, put together.
struct Forms<'n> {
    index: usize,
    needles: &'n mut Vec<Needle>,
}

/// Adds the forms of `secret`.
pub fn of(secret: &str, index: usize, needles: &mut Vec<Needle>) {
    let mut forms = Forms { index, needles };
    forms.add(secret);
    if !secret.is_ascii() {
        // Some servers take a header's bytes for Latin-1.
        forms.add(&secret.bytes().map(char::from).collect::<String>());
    }
}

impl Forms<'_> {
    fn add(&mut self, secret: &str) {
        match secret.len() < LEAST {
            true => self.add_short(secret),
            false => self.add_long(secret),
        }
    }

    fn add_short(&mut self, secret: &str) {
        let bytes = secret.as_bytes();
        self.put(&Unescaped::of(bytes).bytes, Form::Word);
        self.put_hexadecimal(bytes, Form::Word);
        let encoded = STANDARD.encode(bytes);
        let encoded = alphabet(encoded.trim_end_matches('=').as_bytes());
        self.put(&encoded, Form::Base64Word);
        // In the midst of base64 it cannot be told from other text, but with what comes before it in a header.
        self.put_base64(&format!("Bearer {secret}"));
    }

    fn add_long(&mut self, secret: &str) {
        let bytes = secret.as_bytes();
        // In JSON the last of its backslashes may be one that escapes another.
        let mut without_last = bytes;
        while let Some(shorter) = without_last.strip_suffix(b"\\") {
            without_last = shorter;
        }
        match without_last {
            few if few.len() < ENOUGH => self.put(bytes, Form::Raw),
            enough => self.put(enough, Form::Raw),
        }
        self.put_hexadecimal(bytes, Form::Unescaped);
        let plain = settled(bytes);
        self.put(
            &plain,
            match plain.len() < ENOUGH {
                // Of mere escapes little is left.
                true => Form::Word,
                false => Form::Unescaped,
            },
        );
        // What stands before it may make an escape of its beginning: `%` and a digit, or `%`.
        let is_digit = |at: usize| plain.get(at).is_some_and(u8::is_ascii_hexdigit);
        let without_one = plain.get(1..).filter(|_| is_digit(0)).map(<[u8]>::to_vec);
        let with_percent = (is_digit(0) && is_digit(1)).then(|| settled(&[b"%", bytes].concat()));
        for rest in [without_one, with_percent].into_iter().flatten() {
            if rest.len() >= ENOUGH {
                self.put(&rest, Form::Unescaped);
            }
        }
        let json = serde_json::Value::from(secret).to_string();
        let within = json
            .strip_prefix('"')
            .and_then(|json| json.strip_suffix('"'));
        let json = within.unwrap_or(&json);
        let url = utf8_percent_encode(secret, IN_URLS).to_string();
        let mut forms = vec![secret, json, &url];
        forms.dedup();
        forms.into_iter().for_each(|form| self.put_base64(form));
    }

    fn put_hexadecimal(&mut self, bytes: &[u8], form: Form) {
        let lower: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.put(lower.as_bytes(), form);
        self.put(lower.to_ascii_uppercase().as_bytes(), form);
    }

    fn put_base64(&mut self, text: &str) {
        for shift in 0..3 {
            let (core, form) = in_base64(text.as_bytes(), shift);
            self.put(&core, form);
        }
    }

    fn put(&mut self, bytes: &[u8], form: Form) {
        if !bytes.is_empty() {
            self.needles.push(Needle {
                finder: Finder::new(bytes).into_owned(),
                form,
                index: self.index,
            });
        }
    }
}

/// `bytes` unescaped, as far as it does not depend on what follows.
fn settled(bytes: &[u8]) -> Vec<u8> {
    let mut unescaped = Unescaped::of(bytes);
    unescaped.bytes.truncate(unescaped.settled());
    unescaped.bytes
}

/// The base64 of `bytes` where `shift` bytes of a group come before them, without the characters that are not all
/// of theirs.
fn in_base64(bytes: &[u8], shift: usize) -> (Vec<u8>, Form) {
    let mut all = vec![0; shift];
    all.extend_from_slice(bytes);
    let first = (shift * 8).div_ceil(6);
    let last = all.len() * 8 / 6;
    let mut core = alphabet(STANDARD.encode(&all).as_bytes());
    core.truncate(last);
    core.drain(..first.min(last));
    let form = Form::Base64 {
        before: shift > 0,
        after: !all.len().is_multiple_of(3),
    };
    (core, form)
}

/// Base64 in one alphabet.
fn alphabet(encoded: &[u8]) -> Vec<u8> {
    let one = |&byte: &u8| match byte {
        // `+`, as it is unescaped.
        b'+' | b' ' => b'-',
        b'/' => b'_',
        other => other,
    };
    encoded.iter().map(one).collect()
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

impl Needle {
    /// The longest that it may be in a text.
    pub fn reach(&self) -> usize {
        let length = self.finder.needle().len();
        let short = length.min(LONG) * EXPANSION;
        short.max(length * EXPANSION_OF_LONG) + 64
    }

    /// Where it begins in `haystack`, if that ends in the midst of it.
    pub fn begun(&self, haystack: &Haystack) -> Option<usize> {
        let bytes = self.bytes_of(haystack);
        let begun = overlap(bytes, self.finder.needle());
        let first = bytes.len() - begun;
        (begun >= BEGUN).then(|| match self.form {
            Form::Raw => haystack.unescaped.whole(first, first + 1).start,
            _ => haystack.unescaped.place(first, bytes.len()).start,
        })
    }

    fn bytes_of<'a>(&self, haystack: &'a Haystack) -> &'a [u8] {
        match self.form {
            Form::Raw => haystack.text,
            Form::Unescaped | Form::Word => &haystack.unescaped.bytes,
            Form::Base64 { .. } | Form::Base64Word => &haystack.base64,
        }
    }

    /// Where it stands in `haystack`, in order.
    pub fn places<'a>(&'a self, haystack: &'a Haystack) -> Places<'a> {
        Places {
            found: self.finder.find_iter(self.bytes_of(haystack)),
            needle: self,
            haystack,
        }
    }
}

/// How many bytes at the end of `text` are the first ones of `needle`, but not all (Knuth, Morris and Pratt).
fn overlap(text: &[u8], needle: &[u8]) -> usize {
    let surplus = (text.len() + 1).saturating_sub(needle.len());
    let mut borders = vec![0];
    let next = |borders: &[usize], mut length: usize, byte: u8| {
        while length > 0 && needle.get(length) != Some(&byte) {
            length = borders.get(length - 1).copied().unwrap_or(0);
        }
        length + usize::from(needle.get(length) == Some(&byte))
    };
    for &byte in needle.iter().skip(1) {
        let longer = next(&borders, borders.last().copied().unwrap_or(0), byte);
        borders.push(longer);
    }
    let end = text.iter().skip(surplus);
    end.fold(0, |length, &byte| next(&borders, length, byte))
}

/// The places of a needle.
pub struct Places<'a> {
    found: FindIter<'a, 'a>,
    needle: &'a Needle,
    haystack: &'a Haystack<'a>,
}

impl Iterator for Places<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let length = self.needle.finder.needle().len();
        let Haystack { unescaped, .. } = self.haystack;
        loop {
            let first = self.found.next()?;
            let last = first + length;
            return Some(match self.needle.form {
                Form::Raw => unescaped.whole(first, last),
                Form::Unescaped => unescaped.place(first, last),
                Form::Word | Form::Base64Word => {
                    let place = unescaped.place(first, last);
                    if !self.haystack.is_word(first, last) {
                        continue;
                    }
                    place
                }
                Form::Base64 { before, after } => {
                    let base64 = &self.haystack.base64;
                    let is_coded = |at: usize| base64.get(at).is_some_and(|&byte| is_base64(byte));
                    let mut last = last + usize::from(after && is_coded(last));
                    if after {
                        let rest = base64.iter().skip(last);
                        last += rest.take(2).take_while(|&&byte| byte == b'=').count();
                    }
                    let first = match first.checked_sub(1) {
                        Some(more) if before && is_coded(more) => more,
                        _ => first,
                    };
                    unescaped.place(first, last)
                }
            });
        }
    }
}

impl<'t> Haystack<'t> {
    pub fn new(text: &'t [u8], before: Option<u8>) -> Self {
        let unescaped = Unescaped::of(text);
        Self {
            text,
            before,
            base64: alphabet(&unescaped.bytes),
            unescaped,
        }
    }

    /// Where the escape begins that covers `at`.
    pub fn border(&self, at: usize) -> usize {
        self.unescaped.border(at)
    }

    /// Whether no letter and no digit stand beside the bytes from `first` to `last`. What is escaped is neither.
    fn is_word(&self, first: usize, last: usize) -> bool {
        let is_begun = match first.checked_sub(1) {
            Some(at) => self.is_of_word(at),
            None => self.before.is_some_and(|byte| byte.is_ascii_alphanumeric()),
        };
        !is_begun && !self.is_of_word(last)
    }

    fn is_of_word(&self, at: usize) -> bool {
        let place = self.unescaped.place(at, at + 1);
        matches!(self.text.get(place), Some([byte]) if byte.is_ascii_alphanumeric())
    }
}
