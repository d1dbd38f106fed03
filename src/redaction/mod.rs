//! Takes secrets out of what leaves the process, in whatever form they stand there.
//!
//! A [`Redaction`] knows the secrets themselves: those of one attempt at an upstream, or all of one request. Each
//! is found as it is, in the escapes of JSON and of URLs however often and however much of it was escaped, in
//! base64 of either alphabet wherever it stands in what was encoded, and in hexadecimal. [`patterns`] knows none,
//! and finds what looks like one.

mod needle;
pub mod patterns;
mod unescaped;
mod writer;

use std::borrow::Cow;
use std::fmt;
use std::io::Write;
use std::sync::OnceLock;

use needle::{Haystack, Needle};
pub use writer::Redacting;
use zeroize::Zeroizing;

/// What stands in the place of a secret for those who are not to know which.
pub const MASK: &str = "[redacted]";

/// Bytes of a secret that is taken out wherever it stands. Shorter ones are where they are words of their own: to
/// take them out of every word would leave nothing to read.
pub const LEAST: usize = 6;

/// Secrets, and what stands in their place.
#[derive(Default)]
pub struct Redaction {
    secrets: Vec<Known>,
    /// Made when it is first needed: most answers are no errors.
    needles: OnceLock<Vec<Needle>>,
}

struct Known {
    secret: Zeroizing<String>,
    mask: String,
}

impl Redaction {
    /// Takes `secret` out from now on, without the blanks around it. In its place stands [`MASK`].
    pub fn add(&mut self, secret: &str) {
        self.add_masked(secret, MASK);
    }

    /// The same, with `mask` in its place. Of several masks for the same secret the first stays.
    pub fn add_masked(&mut self, secret: &str, mask: &str) {
        let secret = secret.trim();
        if secret.is_empty() || self.secrets.iter().any(|known| *known.secret == secret) {
            return;
        }
        // No mask may hold what it hides.
        let mask = match mask.contains(secret) {
            true if "***".contains(secret) => "",
            true => "***",
            false => mask,
        };
        self.secrets.push(Known {
            secret: Zeroizing::new(secret.to_owned()),
            mask: mask.to_owned(),
        });
        self.needles = OnceLock::new();
    }

    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// `text` without secrets; borrowed if there are none in it.
    pub fn bytes<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        if self.is_empty() || text.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut writer = self.writer(Vec::new());
        let written = writer.write_all(text).and_then(|()| writer.end());
        match written {
            Ok(()) if writer.is_changed() => Cow::Owned(writer.into_inner()),
            Ok(()) => Cow::Borrowed(text),
            // Writing to memory does not fail. If it did, nothing would be shown rather than a secret.
            Err(_) => Cow::Owned(MASK.into()),
        }
    }

    /// `text` without secrets; borrowed if there are none in it.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// A writer in front of `out` that takes secrets out of what is written, however it is cut.
    pub fn writer<W: Write>(&self, out: W) -> Redacting<'_, W> {
        Redacting::new(self, out)
    }

    /// Takes the beginning of a secret off the end of `text`, which was cut there.
    pub fn trim_cut(&self, text: &mut Vec<u8>) {
        let needles = self.needles();
        let from = text.len().saturating_sub(self.reach());
        let (_, end) = text.split_at(from);
        let haystack = Haystack::new(end, None);
        let begun = needles.iter().filter_map(|needle| needle.begun(&haystack));
        if let Some(at) = begun.min() {
            text.truncate(from + at);
        }
    }

    /// Bytes that a secret takes up at most, in the longest of its usual forms.
    fn reach(&self) -> usize {
        let needles = self.needles().iter();
        needles.map(Needle::reach).max().unwrap_or(0)
    }

    fn needles(&self) -> &[Needle] {
        self.needles.get_or_init(|| {
            let mut needles = Vec::new();
            for (index, known) in self.secrets.iter().enumerate() {
                needle::of(&known.secret, index, &mut needles);
            }
            needles
        })
    }

    fn mask(&self, index: usize) -> &str {
        self.secrets.get(index).map_or(MASK, |known| &known.mask)
    }
}

impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redaction({} secrets)", self.secrets.len())
    }
}

#[cfg(test)]
mod tests;
