//! Captures the response to the client while it is written.

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use super::buffer::Buffer;
use super::policy::Policy;

/// `HTTP/1.1 200`.
const START: usize = 12;
/// The lowest status of an error.
const FAILED: u16 = 400;

/// What is captured of one response. Clones share it: parts of a response are written by different writers.
#[derive(Clone)]
pub struct ResponseCapture(Rc<RefCell<State>>);

struct State {
    policy: Policy,
    start: [u8; START],
    bytes: usize,
    buffer: Buffer,
}

/// Passes bytes on, and captures what the request log needs.
pub struct Tee<'l> {
    out: &'l mut dyn Write,
    capture: ResponseCapture,
}

/// What was sent to the client.
pub struct CapturedResponse {
    /// `None` if nothing was sent.
    pub status: Option<u16>,
    /// Bytes sent.
    pub length: usize,
    /// The bytes, if the policy asks for them; else empty.
    pub contents: Buffer,
}

impl ResponseCapture {
    /// Captures what `policy` asks for; a long response is buffered in `folder`.
    pub fn new(policy: Policy, folder: Arc<Path>) -> Self {
        Self(Rc::new(RefCell::new(State {
            policy,
            start: [0; START],
            bytes: 0,
            buffer: Buffer::new(folder),
        })))
    }

    /// A writer to `out` that captures what passes.
    pub fn tee<'l>(&self, out: &'l mut dyn Write) -> Tee<'l> {
        Tee {
            out,
            capture: self.clone(),
        }
    }

    /// Takes out what was captured so far.
    pub fn take(&self) -> CapturedResponse {
        let mut state = self.0.borrow_mut();
        CapturedResponse {
            status: state.status(),
            length: state.bytes,
            contents: state.buffer.take(),
        }
    }
}

impl State {
    fn status(&self) -> Option<u16> {
        let start = str::from_utf8(&self.start).ok()?;
        start.strip_prefix("HTTP/1.1 ")?.parse().ok()
    }

    fn capture(&mut self, bytes: &[u8]) {
        if let Some(room) = self.start.get_mut(self.bytes..) {
            for (room, byte) in room.iter_mut().zip(bytes) {
                *room = *byte;
            }
        }
        self.bytes += bytes.len();
        match self.policy {
            Policy::Off => {}
            Policy::Full => self.buffer.put(bytes),
            // The first write contains the whole status line.
            Policy::ErrorsOnly if self.status().is_some_and(|status| status >= FAILED) => {
                self.buffer.put(bytes);
            }
            Policy::ErrorsOnly => {}
        }
    }
}

impl Write for Tee<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        let mut state = self.capture.0.borrow_mut();
        let written = bytes.get(..count).ok_or(io::ErrorKind::InvalidData)?;
        state.capture(written);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn kept(policy: Policy, writes: &[&str]) -> (Option<u16>, usize, String) {
        let mut out = Vec::new();
        let capture = ResponseCapture::new(policy, Path::new("none").into());
        for write in writes {
            // Each writer captures for the same response.
            capture.tee(&mut out).write_all(write.as_bytes()).unwrap();
        }
        let response = capture.take();
        let mut text = String::new();
        response
            .contents
            .read()
            .unwrap()
            .0
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(out, writes.concat().as_bytes());
        (response.status, response.length, text)
    }

    #[test]
    fn failures_are_kept_and_all_is_counted() {
        let (good, bad) = ("HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 500 Oh\r\n\r\n");
        let all = |text: &str| text.to_owned() + "ab";
        let cases = [
            (Policy::Off, bad, 500, String::new()),
            (Policy::ErrorsOnly, good, 200, String::new()),
            (Policy::ErrorsOnly, bad, 500, all(bad)),
            (Policy::Full, good, 200, all(good)),
        ];
        for (policy, head, status, expected) in cases {
            let kept = kept(policy, &[head, "a", "b"]);
            assert_eq!(kept, (Some(status), head.len() + 2, expected));
        }
        assert_eq!(kept(Policy::Full, &[]), (None, 0, String::new()));
        let split = kept(Policy::Full, &["HTTP/1", ".1 200 O", "K"]);
        assert_eq!(split.0, Some(200));
    }
}
