//! One JSON object, with or without an envelope, in pieces.

use memchr::memchr2;

/// The most bytes before the member `response`. An object with more is passed unchanged.
pub const LONGEST_LEAD: usize = 64 * 1024;
const RESPONSE: &[u8] = b"response";

/// Takes the envelope off one JSON object that comes in pieces.
#[derive(Debug, Default)]
pub struct Object {
    state: State,
    /// What was read before `response`, in case the object is passed unchanged.
    pub lead: Vec<u8>,
    /// The beginning of the name that is being read.
    name: Vec<u8>,
    value: Value,
    /// The last byte that is not white space.
    last: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    /// Before a name in the object.
    Between,
    Name {
        is_escaped: bool,
    },
    /// Before the colon and the value.
    Before,
    /// In a value that is not the response.
    Skipping,
    /// In the response, which is passed.
    Inside,
    /// After the response. The rest is dropped.
    After,
    /// It has no envelope.
    Plain,
}

impl Object {
    pub fn take(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while let Some(&byte) = bytes.first() {
            let is_blank = byte.is_ascii_whitespace();
            let (next, taken) = match self.state {
                State::Plain => (State::Plain, bytes.len()),
                State::Inside | State::Skipping => match self.value.end(bytes) {
                    Some(end) if self.state == State::Inside => (State::After, end),
                    Some(end) => (State::Between, end),
                    None => (self.state, bytes.len()),
                },
                State::After => (State::After, bytes.len()),
                state if is_blank && !matches!(state, State::Name { .. }) => (state, 1),
                State::Start if byte == b'{' => (State::Between, 1),
                State::Between => match byte {
                    b'"' => {
                        self.name.clear();
                        (State::Name { is_escaped: false }, 1)
                    }
                    b',' => (State::Between, 1),
                    _ => (State::Plain, 1),
                },
                State::Name { is_escaped } => match byte {
                    b'"' if !is_escaped => (State::Before, 1),
                    _ => {
                        if self.name.len() <= RESPONSE.len() {
                            self.name.push(byte);
                        }
                        let is_escaped = byte == b'\\' && !is_escaped;
                        (State::Name { is_escaped }, 1)
                    }
                },
                State::Before if byte == b':' => (State::Before, 1),
                State::Before => {
                    self.value = Value::default();
                    match self.name == RESPONSE {
                        true if byte == b'{' => (State::Inside, 0),
                        true => (State::Plain, 0),
                        false => (State::Skipping, 0),
                    }
                }
                State::Start => (State::Plain, 0),
            };
            let (passed, rest) = bytes.split_at(taken);
            if let Some(last) = passed.trim_ascii_end().last() {
                self.last = *last;
            }
            let state = self.state;
            self.state = next;
            match (state, next) {
                (State::Inside, State::After) => {
                    out.extend_from_slice(passed);
                    self.last = 0;
                }
                (State::Plain | State::Inside, _) => out.extend_from_slice(passed),
                (State::After, _) => {}
                (_, State::Inside) => {
                    // The space after `data:`, which Google's clients expect.
                    if self.lead.first() == Some(&b' ') {
                        out.push(b' ');
                    }
                    self.lead.clear();
                }
                _ => {
                    self.lead.extend_from_slice(passed);
                    if next == State::Plain || self.lead.len() > LONGEST_LEAD {
                        self.state = State::Plain;
                        out.append(&mut self.lead);
                    }
                }
            }
            bytes = rest;
        }
    }

    /// Passes bytes that are no part of the object, in their order.
    pub fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match self.lead.is_empty() {
            true => out.extend_from_slice(bytes),
            false => self.lead.extend_from_slice(bytes),
        }
    }

    /// Whether the object is not complete, although its response is.
    pub fn is_cut(&self) -> bool {
        self.state == State::After && self.last != b'}'
    }

    /// Ends the object.
    pub fn reset(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.lead);
        *self = Self::default();
    }
}

/// The place in a value.
#[derive(Debug, Default)]
struct Value {
    depth: usize,
    is_string: bool,
    is_escaped: bool,
}

impl Value {
    /// How many bytes the value still has; `None` if it has more than these. A value that is not in brackets ends before
    /// a comma or bracket.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if self.is_escaped {
                self.is_escaped = false;
                at += 1;
                continue;
            }
            if self.is_string {
                let end = memchr2(b'"', b'\\', rest)?;
                self.is_escaped = rest.get(end) == Some(&b'\\');
                self.is_string = self.is_escaped;
                at += end + 1;
                continue;
            }
            match rest.first() {
                Some(b'"') => self.is_string = true,
                Some(b'{' | b'[') => self.depth += 1,
                Some(b'}' | b']' | b',') if self.depth == 0 => return Some(at),
                Some(b'}' | b']') => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        None
    }
}
