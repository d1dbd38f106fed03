//! Takes the envelope off the answers of Code Assist: `{"response":{…},"traceId":…}` becomes `{…}`, in events and in whole
//! bodies. What has no envelope, such as an error, passes unchanged.

use std::io::{self, Read};

use memchr::memchr2;

/// The most bytes before the member `response`. An object with more is passed unchanged.
const LONGEST_LEAD: usize = 64 * 1024;
const RESPONSE: &[u8] = b"response";
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

/// Takes the envelope off one JSON object that comes in pieces.
#[derive(Debug, Default)]
struct Object {
    state: State,
    /// What was read before `response`, in case the object is passed unchanged.
    lead: Vec<u8>,
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
    fn take(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
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
    fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match self.lead.is_empty() {
            true => out.extend_from_slice(bytes),
            false => self.lead.extend_from_slice(bytes),
        }
    }

    /// Whether the object is not complete, although its response is.
    fn is_cut(&self) -> bool {
        self.state == State::After && self.last != b'}'
    }

    /// Ends the object.
    fn reset(&mut self, out: &mut Vec<u8>) {
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

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;
    use serde_json::Value as Json;

    use super::*;

    /// A body that comes in pieces.
    struct Pieces(VecDeque<Vec<u8>>);

    impl Read for Pieces {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            if room.is_empty() {
                return Ok(0);
            }
            let Some(piece) = self.0.front_mut() else {
                return Ok(0);
            };
            let count = piece.len().min(room.len());
            room[..count].copy_from_slice(&piece[..count]);
            piece.drain(..count);
            if piece.is_empty() {
                self.0.pop_front();
            }
            Ok(count)
        }
    }

    fn read_in(pieces: &[&[u8]]) -> io::Result<String> {
        let pieces = pieces.iter().filter(|piece| !piece.is_empty());
        let pieces = pieces.map(|piece| piece.to_vec()).collect();
        let mut text = String::new();
        Unwrapped::new(Pieces(pieces)).read_to_string(&mut text)?;
        Ok(text)
    }

    /// The body read at once, and in two pieces for each place, and byte by byte: always the same.
    fn read(body: &str) -> String {
        let whole = read_in(&[body.as_bytes()]).unwrap();
        for at in 0..body.len() {
            let (one, two) = body.as_bytes().split_at(at);
            assert_eq!(read_in(&[one, two]).unwrap(), whole, "split at {at}");
        }
        let bytes: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
        assert_eq!(read_in(&bytes).unwrap(), whole, "byte by byte");
        whole
    }

    #[test]
    fn whole_bodies_lose_their_envelope() {
        for (body, expected) in [
            (r#"{"response":{"a":1}}"#, r#"{"a":1}"#),
            (
                " {\n \"traceId\" : \"a}\\\"b\" , \"response\" : { \"a\" : [ {} ] } , \"x\" : 1 }\n",
                " { \"a\" : [ {} ] }",
            ),
            (
                r#"{"n":-1.5e3,"t":true,"l":[1,{"response":{}}],"response":{"s":"}\\"}}"#,
                r#"{"s":"}\\"}"#,
            ),
        ] {
            assert_eq!(read(body), expected);
        }
    }

    #[test]
    fn other_bodies_pass_unchanged() {
        for body in [
            "",
            " \n",
            r#"{"error":{"code":429,"message":"response"}}"#,
            r#"{"totalTokens":7}"#,
            r#"{"response":null}"#,
            r#"{"response":[1]}"#,
            r#"{"responses":{"a":1},"respons":{},"resp\u006fnse":{}}"#,
            r#"[{"error":{"code":1}}]"#,
            "<html>response</html>",
            "null",
            "{",
            r#"{"trace"#,
            "data: [DONE]\n\n",
            "data:\n\n",
            ": comment\r\n\r\nevent: x\r\ndata: {\"error\":{}}\r\n\r\n",
            "data: {\"error\":{}}",
        ] {
            assert_eq!(read(body), body);
        }
    }

    #[test]
    fn events_lose_their_envelope() {
        for (body, expected) in [
            (
                "data: {\"response\":{\"a\":1},\"traceId\":\"t\"}\n\ndata: {\"traceId\":\"t\",\"response\":{\"b\":2}}\n\n",
                "data: {\"a\":1}\n\ndata: {\"b\":2}\n\n",
            ),
            (
                "data:{\"response\":{}}\r\n\r\n: {\"response\":{}}\r\n\r\ndata: {\"error\":{}}\r\n\r\n",
                "data:{}\r\n\r\n: {\"response\":{}}\r\n\r\ndata: {\"error\":{}}\r\n\r\n",
            ),
            (
                "id: 1\ndata: {\ndata: \"response\": {\"a\":\ndata: 1}}\n\n",
                "id: 1\ndata: {\"a\":\ndata: 1}\n\n",
            ),
            ("data: {\"response\":{\"a\":1}}", "data: {\"a\":1}"),
            (
                "\u{feff}data: {\"response\":{}}\r\rdata: {\"response\":{\"a\":1}}\r\r",
                "data: {}\r\rdata: {\"a\":1}\r\r",
            ),
        ] {
            assert_eq!(read(body), expected);
        }
    }

    #[test]
    fn an_answer_that_ends_within_its_envelope_is_cut() {
        assert!(read_in(&[br#"{"response":{"a":1}"#]).is_err());
        assert!(read_in(&[br#"{"response":{"a":1},"traceId":"x"#]).is_err());
        let cut = read_in(&[br#"{"response":{"a":"#]).unwrap();
        assert_eq!(cut, r#"{"a":"#);
    }

    #[test]
    fn long_beginnings_are_not_held() {
        let long = format!(
            r#"{{"x":"{}","response":{{}}}}"#,
            "y".repeat(2 * LONGEST_LEAD)
        );
        assert_eq!(read_in(&[long.as_bytes()]).unwrap(), long);
        let mut unwrapper = Unwrapper::default();
        let mut out = Vec::new();
        unwrapper.take(br#"{"x":""#, &mut out);
        for _ in 0..1000 {
            unwrapper.take(&[b'y'; 1024], &mut out);
            assert!(unwrapper.object.lead.len() <= LONGEST_LEAD);
        }
    }

    fn json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            "[ -~\\n\"\\\\]{0,12}".prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                prop::collection::btree_map("[a-z\"\\\\{}]{0,9}|response", inner, 0..4)
                    .prop_map(|map| Json::Object(map.into_iter().collect())),
            ]
        })
    }

    /// What a parser makes of an answer.
    fn expected(body: &Json) -> Json {
        match body.get("response") {
            Some(response @ Json::Object(_)) => response.clone(),
            _ => body.clone(),
        }
    }

    fn cut_at(body: &str, cuts: &[prop::sample::Index]) -> Vec<Vec<u8>> {
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        places.extend([0, body.len()]);
        places.sort_unstable();
        let pieces = places
            .windows(2)
            .map(|pair| body.as_bytes()[pair[0]..pair[1]].to_vec());
        pieces.collect()
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_parser(
            bodies in prop::collection::vec(json(), 1..4),
            in_events: bool,
            is_pretty: bool,
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let told = |body: &Json| match is_pretty && !in_events {
                true => serde_json::to_string_pretty(body).unwrap(),
                false => body.to_string(),
            };
            let body = match in_events {
                true => bodies.iter().map(|body| format!("data: {}\r\n\r\n", told(body))).collect(),
                false => told(&bodies[0]),
            };
            let pieces = cut_at(&body, &cuts);
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let read = read_in(&pieces).unwrap();
            match in_events {
                true => {
                    let events: Vec<Json> = read
                        .split("\r\n\r\n")
                        .filter(|event| !event.is_empty())
                        .map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap())
                        .collect();
                    prop_assert_eq!(events, bodies.iter().map(expected).collect::<Vec<_>>());
                }
                false => {
                    let read: Json = serde_json::from_str(&read).unwrap();
                    prop_assert_eq!(read, expected(&bodies[0]));
                }
            }
        }

        #[test]
        fn nothing_it_reads_breaks_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let pieces: Vec<&[u8]> = bytes.chunks(7).collect();
            let pieces: VecDeque<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
            let mut out = Vec::new();
            let _ = Unwrapped::new(Pieces(pieces)).read_to_end(&mut out);
            prop_assert!(out.len() <= bytes.len());
        }
    }
}
