//! A client's answer on its way, looked at.

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use super::keep::Keep;
use super::spool::Spool;

/// `HTTP/1.1 200`.
const START: usize = 12;
/// The least status that is a failure.
const FAILED: u16 = 400;

/// What has been seen of one answer. Clones share it: some of an answer may take another way to the client.
#[derive(Clone)]
pub struct Seen(Rc<RefCell<State>>);

struct State {
    keep: Keep,
    start: [u8; START],
    bytes: usize,
    spool: Spool,
}

/// Passes bytes on, and keeps what the log of the request needs of them.
pub struct Tee<'l> {
    out: &'l mut dyn Write,
    seen: Seen,
}

/// What went to the client.
pub struct Sent {
    /// `None` if nothing did.
    pub status: Option<u16>,
    pub bytes: usize,
    /// Empty if it was not kept.
    pub spool: Spool,
}

impl Seen {
    /// Of an answer of which `keep` is kept, in `folder` if it is long.
    pub fn new(keep: Keep, folder: Arc<Path>) -> Self {
        Self(Rc::new(RefCell::new(State {
            keep,
            start: [0; START],
            bytes: 0,
            spool: Spool::new(folder),
        })))
    }

    /// `out`, with an eye on what goes over it.
    pub fn tee<'l>(&self, out: &'l mut dyn Write) -> Tee<'l> {
        Tee {
            out,
            seen: self.clone(),
        }
    }

    /// What has gone to the client by now. What was kept of it is taken out.
    pub fn sent(&self) -> Sent {
        let mut state = self.0.borrow_mut();
        Sent {
            status: state.status(),
            bytes: state.bytes,
            spool: state.spool.take(),
        }
    }
}

impl State {
    fn status(&self) -> Option<u16> {
        let start = str::from_utf8(&self.start).ok()?;
        start.strip_prefix("HTTP/1.1 ")?.parse().ok()
    }

    fn note(&mut self, bytes: &[u8]) {
        if let Some(room) = self.start.get_mut(self.bytes..) {
            for (room, byte) in room.iter_mut().zip(bytes) {
                *room = *byte;
            }
        }
        self.bytes += bytes.len();
        match self.keep {
            Keep::Nothing => {}
            Keep::Everything => self.spool.put(bytes),
            // Whoever fails says so with its first bytes, which are more than its status.
            Keep::Failures if self.status().is_some_and(|status| status >= FAILED) => {
                self.spool.put(bytes);
            }
            Keep::Failures => {}
        }
    }
}

impl Write for Tee<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        let mut state = self.seen.0.borrow_mut();
        state.note(bytes.get(..count).unwrap_or_default());
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

    fn kept(keep: Keep, writes: &[&str]) -> (Option<u16>, usize, String) {
        let mut out = Vec::new();
        let seen = Seen::new(keep, Path::new("none").into());
        for write in writes {
            // Whichever way they take.
            seen.tee(&mut out).write_all(write.as_bytes()).unwrap();
        }
        let sent = seen.sent();
        let mut text = String::new();
        sent.spool
            .read()
            .unwrap()
            .0
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(out, writes.concat().as_bytes());
        (sent.status, sent.bytes, text)
    }

    #[test]
    fn failures_are_kept_and_all_is_counted() {
        let (good, bad) = ("HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 500 Oh\r\n\r\n");
        let all = |text: &str| text.to_owned() + "ab";
        let cases = [
            (Keep::Nothing, bad, 500, String::new()),
            (Keep::Failures, good, 200, String::new()),
            (Keep::Failures, bad, 500, all(bad)),
            (Keep::Everything, good, 200, all(good)),
        ];
        for (keep, head, status, expected) in cases {
            let kept = kept(keep, &[head, "a", "b"]);
            assert_eq!(kept, (Some(status), head.len() + 2, expected));
        }
        assert_eq!(kept(Keep::Everything, &[]), (None, 0, String::new()));
        let split = kept(Keep::Everything, &["HTTP/1", ".1 200 O", "K"]);
        assert_eq!(split.0, Some(200));
    }
}
