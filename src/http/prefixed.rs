//! The head of an answer, written together with the first bytes of its body.

use std::io::{self, Write};

/// A writer that sends a head together with the first bytes of the body: one write instead of two.
pub struct Prefixed<'a> {
    head: Vec<u8>,
    out: &'a mut dyn Write,
}

impl<'a> Prefixed<'a> {
    pub fn new(head: Vec<u8>, out: &'a mut dyn Write) -> Self {
        Self { head, out }
    }
}

impl Write for Prefixed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.head.is_empty() {
            return self.out.write(bytes);
        }
        let mut joined = std::mem::take(&mut self.head);
        joined.extend_from_slice(bytes);
        self.out.write_all(&joined)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.head.is_empty() {
            let head = std::mem::take(&mut self.head);
            self.out.write_all(&head)?;
        }
        self.out.flush()
    }
}
