//! A writer that takes secrets out of what is written.

use std::io::{self, ErrorKind, Write};
use std::ops::Range;

use super::Redaction;
use super::needle::Haystack;

/// Bytes that are looked through at a time, at least.
const PIECE: usize = 32 * 1024;

/// A writer in front of another that never sees a secret. What could be the beginning of one is held back until
/// [`Redacting::finish`].
pub struct Redacting<'r, W> {
    redaction: &'r Redaction,
    out: W,
    held: Vec<u8>,
    /// The last byte before what is held.
    before: Option<u8>,
    /// Bytes at the end that may have to wait for what follows.
    reach: usize,
    /// Bytes that are looked through at a time.
    piece: usize,
    is_changed: bool,
}

impl<'r, W: Write> Redacting<'r, W> {
    pub(super) fn new(redaction: &'r Redaction, out: W) -> Self {
        let reach = redaction.reach();
        Self {
            redaction,
            out,
            held: Vec::new(),
            before: None,
            reach,
            piece: PIECE.max(2 * reach),
            is_changed: false,
        }
    }

    /// Writes what was held back.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.end()?;
        Ok(self.out)
    }

    /// Looks through as little at a time as it can.
    #[cfg(test)]
    pub(super) fn in_small_pieces(self) -> Self {
        Self {
            piece: 2 * self.reach,
            ..self
        }
    }

    pub(super) fn end(&mut self) -> io::Result<()> {
        self.pass(0)?;
        self.out.flush()
    }

    /// Whether a secret has been taken out.
    pub(super) fn is_changed(&self) -> bool {
        self.is_changed
    }

    pub(super) fn into_inner(self) -> W {
        self.out
    }

    /// Writes all but the last `keep` bytes, or more of them if a secret lies across.
    fn pass(&mut self, keep: usize) -> io::Result<()> {
        let held = std::mem::take(&mut self.held);
        let limit = held.len().saturating_sub(keep);
        let haystack = Haystack::new(&held, self.before);
        let mut from = 0;
        for (place, index) in self.places(&haystack) {
            if place.start >= limit {
                break;
            }
            let clean = held.get(from..place.start);
            self.out.write_all(clean.ok_or(ErrorKind::InvalidData)?)?;
            self.out.write_all(self.redaction.mask(index).as_bytes())?;
            self.is_changed = true;
            from = place.end;
        }
        let limit = match keep {
            0 => limit,
            _ => haystack.border(limit),
        };
        if from < limit {
            let clean = held.get(from..limit);
            self.out.write_all(clean.ok_or(ErrorKind::InvalidData)?)?;
            from = limit;
        }
        let before = from.checked_sub(1).and_then(|at| held.get(at));
        self.before = before.copied().or(self.before);
        self.held = held;
        self.held.drain(..from);
        Ok(())
    }

    /// Where secrets stand, in order, each with its number. Of those that overlap it is the longest.
    fn places(&self, haystack: &Haystack) -> Vec<(Range<usize>, usize)> {
        let needles = self.redaction.needles().iter();
        let mut places: Vec<(Range<usize>, usize)> = needles
            .flat_map(|needle| needle.places(haystack).map(|place| (place, needle.index)))
            .collect();
        places.sort_by_key(|(place, _)| (place.start, usize::MAX - place.end));
        let mut merged: Vec<(Range<usize>, usize)> = Vec::with_capacity(places.len());
        let mut longest = 0;
        for (place, index) in places {
            match merged.last_mut() {
                Some((last, of)) if place.start < last.end => {
                    if place.len() > longest {
                        longest = place.len();
                        *of = index;
                    }
                    last.end = last.end.max(place.end);
                }
                _ => {
                    longest = place.len();
                    merged.push((place, index));
                }
            }
        }
        merged
    }
}

impl<W: Write> Write for Redacting<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.reach == 0 {
            return self.out.write(bytes);
        }
        let most = self.piece;
        let room = most.saturating_sub(self.held.len()).max(1);
        let bytes = bytes.get(..room).unwrap_or(bytes);
        self.held.extend_from_slice(bytes);
        if self.held.len() >= most {
            self.pass(self.reach)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
