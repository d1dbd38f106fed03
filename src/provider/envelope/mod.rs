//! Takes the envelope off the answers of Code Assist: `{"response":{…},"traceId":…}` becomes `{…}`, in events and in whole
//! bodies. What has no envelope, such as an error, passes unchanged.

mod object;

use std::io::{self, Read};

use memchr::memchr2;
use object::{LONGEST_LEAD, Object};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A body without its envelope.
pub struct Unwrapped<R> {
    body: R,
    unwrapper: Unwrapper,
    /// Bytes that the reader has not taken yet, from `taken` on.
    ready: Vec<u8>,
    taken: usize,
    is_over: bool,
}

impl<R: Read> Unwrapped<R> {
    pub fn new(body: R) -> Self {
        Self {
            body,
            unwrapper: Unwrapper::default(),
            ready: Vec::new(),
            taken: 0,
            is_over: false,
        }
    }
}

impl<R: Read> Read for Unwrapped<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.ready.get(self.taken..).unwrap_or_default();
            if !ready.is_empty() {
                let count = ready.read(room)?;
                self.taken += count;
                return Ok(count);
            }
            // A silent stream holds no buffer.
            self.ready = Vec::new();
            self.taken = 0;
            if self.is_over {
                return Ok(0);
            }
            let count = self.body.read(room)?;
            if room.is_empty() {
                return Ok(0);
            }
            match room.get(..count) {
                Some([]) | None => {
                    self.is_over = true;
                    self.unwrapper.end(&mut self.ready)?;
                }
                Some(read) => self.unwrapper.take(read, &mut self.ready),
            }
        }
    }
}

/// What a body is, by its first bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Form {
    #[default]
    Unknown,
    /// One JSON object.
    Object,
    Events(Line),
    /// Something else, which passes unchanged.
    Other,
}

/// The place in the lines of a stream of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// So many bytes of `data:` have been read.
    Name(u8),
    Data,
    Other,
}

/// Takes the envelopes off a body that comes in any pieces.
#[derive(Debug, Default)]
struct Unwrapper {
    form: Form,
    object: Object,
    /// Whether the current line is still empty.
    is_blank: bool,
    after_cr: bool,
    /// The beginning of the body, until its form is known.
    start: Vec<u8>,
}

const DATA: &[u8] = b"data:";

impl Unwrapper {
    fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.form == Form::Unknown {
            self.start.extend_from_slice(bytes);
            self.form = form_of(&self.start);
            if self.form == Form::Unknown && self.start.len() <= LONGEST_LEAD {
                return;
            }
            self.is_blank = true;
            let start = std::mem::take(&mut self.start);
            match self.form {
                Form::Object | Form::Events(_) => {
                    self.go_on(start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&start), out);
                }
                Form::Unknown | Form::Other => self.go_on(&start, out),
            }
            return;
        }
        self.go_on(bytes, out);
    }

    fn go_on(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match self.form {
            Form::Object => self.object.take(bytes, out),
            Form::Events(_) => self.events(bytes, out),
            Form::Unknown | Form::Other => out.extend_from_slice(bytes),
        }
    }

    /// The end of the body.
    fn end(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        out.append(&mut self.start);
        let is_cut = self.form == Form::Object && self.object.is_cut();
        self.object.reset(out);
        match is_cut {
            true => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the answer ends within its envelope",
            )),
            false => Ok(()),
        }
    }

    fn events(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while let (Form::Events(line), Some(&first)) = (self.form, bytes.first()) {
            let (next, taken) = match line {
                _ if matches!(first, b'\n' | b'\r') => {
                    let ends_line = first == b'\r' || !self.after_cr;
                    self.after_cr = first == b'\r';
                    // A blank line ends the event.
                    if ends_line && std::mem::replace(&mut self.is_blank, true) {
                        self.object.reset(out);
                    }
                    self.object.pass(&[first], out);
                    (Line::Name(0), 1)
                }
                Line::Name(count) => {
                    (self.is_blank, self.after_cr) = (false, false);
                    self.object.pass(&[first], out);
                    let count = count + 1;
                    let next = match DATA.get(usize::from(count) - 1) {
                        Some(&expected) if expected != first => Line::Other,
                        _ if usize::from(count) == DATA.len() => Line::Data,
                        _ => Line::Name(count),
                    };
                    (next, 1)
                }
                Line::Data | Line::Other => {
                    let end = memchr2(b'\n', b'\r', bytes).unwrap_or(bytes.len());
                    let content = bytes.get(..end).unwrap_or_default();
                    match line {
                        Line::Data => self.object.take(content, out),
                        _ => self.object.pass(content, out),
                    }
                    (line, end)
                }
            };
            self.form = Form::Events(next);
            bytes = bytes.get(taken..).unwrap_or_default();
        }
    }
}

/// What a body with this start is; unknown while that is not clear.
fn form_of(start: &[u8]) -> Form {
    if start.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(start) {
        return Form::Unknown;
    }
    let start = start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(start);
    match start.trim_ascii_start().first() {
        None => Form::Unknown,
        Some(b'{') => Form::Object,
        // The fields of an event.
        Some(b'd' | b'e' | b'i' | b'r' | b':') => Form::Events(Line::Name(0)),
        Some(_) => Form::Other,
    }
}

#[cfg(test)]
mod tests;
