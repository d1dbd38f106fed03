//! Takes known secrets out of bytes that are written down, however the bytes are cut.

use std::borrow::Cow;
use std::io::{self, Write};

use memchr::memmem;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::config::Secret;

/// Shorter ones are words of their own: to mask them wherever they stand would leave nothing to read.
const LEAST: usize = 6;

/// Bytes that are looked at at a time.
const PIECE: usize = 64 * 1024;

/// The secrets of one request.
#[derive(Clone, Debug, Default)]
pub struct Veil {
    /// Each with its mask, longer ones first: one may begin with another.
    secrets: Vec<(Secret, String)>,
}

/// A writer in front of another that never sees a secret. What could be the beginning of one is held back
/// until [`Veiled::finish`].
pub struct Veiled<'v, W> {
    veil: &'v Veil,
    out: W,
    held: Vec<u8>,
}

impl Veil {
    /// Masks `secret` from now on: as it is, and as URLs and JSON write it.
    pub fn add(&mut self, secret: &str) {
        let secret = secret.trim();
        if secret.len() < LEAST {
            return;
        }
        let mask = Secret::new(secret).masked();
        let json = serde_json::Value::from(secret).to_string();
        let json = json.get(1..json.len() - 1).unwrap_or_default();
        let url = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
        for form in [secret, json, &url] {
            let is_known = |(known, _): &(Secret, String)| known.reveal() == form;
            if !self.secrets.iter().any(is_known) {
                self.secrets.push((Secret::new(form), mask.clone()));
            }
        }
        let longer_first = |(secret, _): &(Secret, String)| usize::MAX - secret.reveal().len();
        self.secrets.sort_by_key(longer_first);
    }

    /// `text` without secrets.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut veiled = self.writer(Vec::new());
        // Writing to memory cannot fail.
        let _ = veiled.write_all(text.as_bytes());
        let written = veiled.finish().unwrap_or_default();
        match written == text.as_bytes() {
            true => Cow::Borrowed(text),
            false => Cow::Owned(String::from_utf8_lossy(&written).into_owned()),
        }
    }

    pub fn writer<W: Write>(&self, out: W) -> Veiled<'_, W> {
        Veiled {
            veil: self,
            out,
            held: Vec::new(),
        }
    }

    /// Bytes at an end that may have to wait for what follows.
    fn longest(&self) -> usize {
        self.secrets
            .first()
            .map_or(0, |(secret, _)| secret.reveal().len())
    }
}

impl<W: Write> Veiled<'_, W> {
    /// Writes what was held back.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.pass(0)?;
        self.out.flush()?;
        Ok(self.out)
    }

    /// Writes all but the last `keep` bytes, or more of them if a secret lies across. Each secret is looked for
    /// once in each byte, however many there are of the others.
    fn pass(&mut self, keep: usize) -> io::Result<()> {
        let held = &self.held;
        let secrets = &self.veil.secrets;
        let find = |secret: &Secret, from: usize| {
            let rest = held.get(from..).unwrap_or_default();
            memmem::find(rest, secret.reveal().as_bytes()).map_or(usize::MAX, |at| from + at)
        };
        let mut places: Vec<usize> = secrets.iter().map(|(secret, _)| find(secret, 0)).collect();
        let limit = held.len().saturating_sub(keep);
        let mut from = 0;
        while from < limit {
            for (place, (secret, _)) in places.iter_mut().zip(secrets) {
                if *place < from {
                    *place = find(secret, from);
                }
            }
            // Of several that begin at one place the first is the longest.
            let first = places.iter().zip(secrets).min_by_key(|(place, _)| **place);
            let Some((&at, (secret, mask))) = first.filter(|(at, _)| **at < limit) else {
                break;
            };
            self.out.write_all(held.get(from..at).unwrap_or_default())?;
            self.out.write_all(mask.as_bytes())?;
            from = at + secret.reveal().len();
        }
        if from < limit {
            self.out
                .write_all(held.get(from..limit).unwrap_or_default())?;
            from = limit;
        }
        self.held.drain(..from);
        Ok(())
    }
}

impl<W: Write> Write for Veiled<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let longest = self.veil.longest();
        if longest == 0 {
            return self.out.write(bytes);
        }
        let bytes = bytes.get(..PIECE).unwrap_or(bytes);
        self.held.extend_from_slice(bytes);
        self.pass(longest - 1)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn veil(secrets: &[&str]) -> Veil {
        let mut veil = Veil::default();
        for secret in secrets {
            veil.add(secret);
        }
        veil
    }

    #[test]
    fn secrets_are_masked_in_every_form() {
        let veil = veil(&["client-key-1", "client-key-1-longer", "a/b+c\"d", "short"]);
        for (text, clean) in [
            ("", ""),
            ("short words stay", "short words stay"),
            ("key client-key-1!", "key clie...ey-1!"),
            ("client-key-1-longer", "clie...nger"),
            ("client-key-1client-key-1", "clie...ey-1clie...ey-1"),
            ("?key=a%2Fb%2Bc%22d&x", "?key=a/...\"d&x"),
            (r#"{"k":"a/b+c\"d"}"#, r#"{"k":"a/...\"d"}"#),
        ] {
            // The mask itself is plain.
            assert_eq!(
                veil.text(text).replace("\\\"d", "\"d"),
                clean.replace("\\\"d", "\"d")
            );
        }
        assert_eq!(Veil::default().text("client-key-1"), "client-key-1");
    }

    #[test]
    fn a_body_full_of_secrets_is_no_burden() {
        let names = [("a", 1), ("b", 2), ("c", 3)];
        let secrets: Vec<String> = names.iter().map(|(name, n)| name.repeat(5 + n)).collect();
        let veil = veil(&secrets.iter().map(String::as_str).collect::<Vec<_>>());
        let text = "a".repeat(6 * 100_000);
        assert_eq!(veil.text(&text), "aa...aa".repeat(100_000));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_bytes_are_cut(
            parts in proptest::collection::vec("[ab]{0,9}|abcabc|abcabcabd|x", 0..20),
            cuts in proptest::collection::vec(1_usize..9, 1..9),
        ) {
            let veil = veil(&["abcabc", "abcabcabd"]);
            let text = parts.concat();
            let mut veiled = veil.writer(Vec::new());
            let mut rest = text.as_bytes();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                veiled.write_all(now).unwrap();
                rest = later;
            }
            let cut = veiled.finish().unwrap();
            let expected = text.replace("abcabcabd", "abca...cabd").replace("abcabc", "ab...bc");
            prop_assert_eq!(String::from_utf8(cut).unwrap(), expected);
        }
    }
}
