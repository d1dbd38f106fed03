//! Server-sent events: splits a byte stream into events and reads their fields.
//!
//! No I/O: the owner reads into [`Splitter::space`], reports the number of bytes with [`Splitter::filled`], and takes
//! complete, unchanged events with [`Splitter::next_event`]. The events do not depend on how the bytes are split into
//! reads, and concatenated they are the input up to the last complete event.
//!
//! The format is that of the HTML standard, 9.2 "Server-sent events": a line ends with LF, CR LF or CR, an
//! event with a blank line.

use std::borrow::Cow;
use std::fmt;

use memchr::{memchr2, memmem};

/// The default for the longest event from an upstream: 50 MiB, as in CLIProxyAPI.
pub const MAX_EVENT: usize = 50 * 1024 * 1024;

/// The initial buffer of a stream; most events of a chat have a few hundred bytes.
const FIRST_SPACE: usize = 4 * 1024;
/// The capacity that an empty buffer keeps.
const LASTING: usize = 4 * FIRST_SPACE;
/// The least space for a read.
const LEAST_SPACE: usize = 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// An event grew past the limit of its [`Splitter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// The limit, in bytes.
    pub limit: usize,
}

/// Splits a byte stream into events. It is also the read buffer, so that an event is copied only if a read ends inside
/// it.
pub struct Splitter {
    bytes: Vec<u8>,
    /// First byte of the event being gathered.
    start: usize,
    /// First byte that has not been scanned.
    seen: usize,
    /// End of what was read.
    end: usize,
    at: At,
    is_first: bool,
    limit: usize,
}

/// An unchanged event, including its final blank line. An event may consist of only a blank line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The unchanged bytes.
    pub raw: &'a [u8],
    /// The same without a byte order mark.
    lines: &'a [u8],
}

/// The state of the splitter between two bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// At the start of a line. After a lone CR the stream is taken to end its lines so, and a blank line's
    /// CR ends the event at once instead of waiting for the LF that may follow.
    LineStart { after_lone_cr: bool },
    /// Inside a line.
    Line,
    /// After a line's CR, which an LF may still complete.
    LineCr,
    /// After a blank line's CR, which an LF may still complete.
    BlankCr,
}

const EVENT_START: At = At::LineStart {
    after_lone_cr: false,
};

impl Splitter {
    /// A splitter for events of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            seen: 0,
            end: 0,
            at: EVENT_START,
            is_first: true,
            limit,
        }
    }

    /// Frees the memory if nothing is pending. Returns whether nothing is pending.
    pub fn release(&mut self) -> bool {
        if self.start < self.end {
            return false;
        }
        self.bytes = Vec::new();
        (self.start, self.seen, self.end) = (0, 0, 0);
        true
    }

    /// Room for the next bytes, never empty.
    ///
    /// # Errors
    /// When the event being gathered has reached the limit.
    pub fn space(&mut self) -> Result<&mut [u8], TooLarge> {
        let pending = self.end - self.start;
        if pending >= self.limit {
            return Err(TooLarge { limit: self.limit });
        }
        if pending == 0 && self.bytes.len() > LASTING {
            // Free the memory of a long event while the stream is silent.
            self.bytes = Vec::new();
            (self.start, self.seen, self.end) = (0, 0, 0);
        }
        if self.bytes.len() - self.end < LEAST_SPACE {
            self.bytes.copy_within(self.start..self.end, 0);
            self.seen -= self.start;
            self.end = pending;
            self.start = 0;
            if self.bytes.len() - self.end < LEAST_SPACE {
                let more = self.bytes.len().max(FIRST_SPACE);
                self.bytes.resize(self.bytes.len() + more, 0);
            }
        }
        Ok(self.bytes.get_mut(self.end..).unwrap_or_default())
    }

    /// Records that the first `count` bytes of the last [`space`](Self::space) were read.
    pub fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.bytes.len());
    }

    /// Whether the last read filled the buffer.
    pub fn is_full(&self) -> bool {
        self.end == self.bytes.len()
    }

    /// Copies `bytes` in, for sources that bring their own buffer.
    ///
    /// # Errors
    /// When the event being gathered reaches the limit.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), TooLarge> {
        while !bytes.is_empty() {
            let space = self.space()?;
            let count = space.len().min(bytes.len());
            let (now, later) = bytes.split_at(count);
            if let Some(room) = space.get_mut(..count) {
                room.copy_from_slice(now);
            }
            self.filled(count);
            bytes = later;
        }
        Ok(())
    }

    /// The next complete event, if there is one.
    pub fn next_event(&mut self) -> Option<Event<'_>> {
        let end = self.find_end()?;
        let raw = self.bytes.get(self.start..end)?;
        let event = Event::new(raw, self.is_first);
        self.start = end;
        self.seen = end;
        self.at = EVENT_START;
        self.is_first = false;
        if end == self.end {
            self.start = 0;
            self.seen = 0;
            self.end = 0;
        }
        Some(event)
    }

    /// The bytes since the last complete event.
    pub fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// The bytes since the last complete event, as an event.
    pub fn last_event(&self) -> Event<'_> {
        Event::new(self.rest(), self.is_first)
    }

    /// Scans new bytes for the end of the event.
    fn find_end(&mut self) -> Option<usize> {
        let mut seen = self.seen;
        let mut at = self.at;
        let mut found = None;
        while let Some(unseen) = self.bytes.get(seen..self.end) {
            let Some(&byte) = unseen.first() else { break };
            match at {
                At::LineStart { after_lone_cr } => {
                    seen += 1;
                    match byte {
                        b'\n' => found = Some(seen),
                        b'\r' if after_lone_cr => found = Some(seen),
                        b'\r' => at = At::BlankCr,
                        _ => at = At::Line,
                    }
                }
                At::Line => match memchr2(b'\n', b'\r', unseen) {
                    None => seen = self.end,
                    Some(line) => {
                        seen += line + 1;
                        at = if unseen.get(line) == Some(&b'\n') {
                            EVENT_START
                        } else {
                            At::LineCr
                        };
                    }
                },
                At::LineCr if byte == b'\n' => {
                    seen += 1;
                    at = EVENT_START;
                }
                At::LineCr => {
                    at = At::LineStart {
                        after_lone_cr: true,
                    }
                }
                At::BlankCr if byte == b'\n' => found = Some(seen + 1),
                At::BlankCr => found = Some(seen),
            }
            if found.is_some() {
                break;
            }
        }
        self.seen = seen;
        self.at = at;
        found
    }
}

impl<'a> Event<'a> {
    fn new(raw: &'a [u8], is_first: bool) -> Self {
        let lines = match raw.strip_prefix(BYTE_ORDER_MARK) {
            Some(rest) if is_first => rest,
            _ => raw,
        };
        Self { raw, lines }
    }

    /// An event with these bytes.
    pub fn of(raw: &'a [u8]) -> Self {
        Self::new(raw, true)
    }

    /// The `event` field: the name of the event. The last one counts.
    pub fn name(&self) -> Option<&'a [u8]> {
        self.fields()
            .filter(|field| field.0 == b"event")
            .last()?
            .1
            .into()
    }

    /// The `data` lines, joined with LF; `None` when there is not one.
    pub fn data(&self) -> Option<Cow<'a, [u8]>> {
        let mut lines = self.fields().filter(|field| field.0 == b"data");
        let mut data = Cow::Borrowed(lines.next()?.1);
        for (_, line) in lines {
            let joined = data.to_mut();
            joined.push(b'\n');
            joined.extend_from_slice(line);
        }
        Some(data)
    }

    /// Whether it has only one data line and a blank line.
    pub fn is_data_line(&self) -> bool {
        let end = memchr2(b'\n', b'\r', self.raw).unwrap_or(self.raw.len());
        let end = self.raw.get(end..).unwrap_or_default();
        self.raw.starts_with(b"data: ") && matches!(end, b"\n\n" | b"\r\n\r\n")
    }

    /// Name and value of every line that is not a comment.
    pub fn fields(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        Lines(self.lines).filter_map(|line| {
            let (name, value) = match memchr::memchr(b':', line) {
                Some(0) => return None,
                Some(colon) => line.split_at_checked(colon)?,
                None => (line, &b":"[..]),
            };
            let value = value.strip_prefix(b":")?;
            Some((name, value.strip_prefix(b" ").unwrap_or(value)))
        })
    }
}

/// The bytes of `event` with its data `old` replaced by `new`.
pub fn with_data(event: &Event, old: &[u8], new: &[u8]) -> Vec<u8> {
    let at = memmem::find(event.raw, old).filter(|_| !new.contains(&b'\n'));
    if let Some(at) = at {
        let before = event.raw.get(..at).unwrap_or_default();
        let after = event.raw.get(at + old.len()..).unwrap_or_default();
        return [before, new, after].concat();
    }
    // The data has several lines before or after.
    let mut lines = Vec::with_capacity(event.raw.len() + new.len());
    for (name, value) in event.fields().filter(|field| field.0 != b"data") {
        lines.extend_from_slice(&[name, b": ", value, b"\n"].concat());
    }
    for line in new.split(|&byte| byte == b'\n') {
        lines.extend_from_slice(&[b"data: ", line, b"\n"].concat());
    }
    lines.push(b'\n');
    lines
}

/// JSON as an event with one data line. Line ends between values become spaces; within strings they are escaped anyway.
pub fn data_line(json: &[u8]) -> Vec<u8> {
    let mut event = Vec::with_capacity(json.len() + 8);
    event.extend_from_slice(b"data: ");
    event.extend(json.iter().map(|byte| match byte {
        b'\n' | b'\r' => b' ',
        other => *other,
    }));
    event.extend_from_slice(b"\n\n");
    event
}

/// The non-empty lines, without line ends.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            if self.0.is_empty() {
                return None;
            }
            let end = memchr2(b'\n', b'\r', self.0).unwrap_or(self.0.len());
            let (line, rest) = self.0.split_at_checked(end)?;
            // The LF of a CR LF then makes an empty line, which is skipped.
            self.0 = rest.get(1..).unwrap_or_default();
            if !line.is_empty() {
                return Some(line);
            }
        }
    }
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an event of more than {} bytes", self.limit)
    }
}

impl std::error::Error for TooLarge {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The raw events of `parts` and what is left over.
    fn split<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Vec<u8>) {
        let mut splitter = Splitter::new(MAX_EVENT);
        let mut events = Vec::new();
        for part in parts {
            splitter.push(part).unwrap();
            while let Some(event) = splitter.next_event() {
                events.push(event.raw.to_vec());
            }
        }
        (events, splitter.rest().to_vec())
    }

    fn only(stream: &str) -> (Option<String>, Option<String>) {
        let mut splitter = Splitter::new(MAX_EVENT);
        splitter.push(stream.as_bytes()).unwrap();
        let event = splitter.next_event().unwrap();
        assert_eq!(event.raw, stream.as_bytes());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (event.name().map(text), event.data().map(|data| text(&data)))
    }

    #[test]
    fn every_line_end_ends_an_event() {
        for stream in [
            "data: a\n\n",
            "data: a\r\n\r\n",
            "data: a\r\r",
            "data: a\n\r\n",
        ] {
            assert_eq!(only(stream), (None, Some("a".to_owned())), "{stream:?}");
        }
    }

    #[test]
    fn fields_follow_the_standard() {
        let (name, data) = only("event: x\n: note\ndata:  a\ndata:b\ndata\nid: 7\n\n");
        assert_eq!(name.as_deref(), Some("x"));
        assert_eq!(data.as_deref(), Some(" a\nb\n"));
        assert_eq!(only(": only a comment\n\n"), (None, None));
        assert_eq!(only("event: a\nevent: b\n\n").0.as_deref(), Some("b"));
    }

    #[test]
    fn a_byte_order_mark_counts_only_at_the_start() {
        assert_eq!(only("\u{feff}data: a\n\n").1.as_deref(), Some("a"));
        let mut splitter = Splitter::new(MAX_EVENT);
        splitter.push("\n\u{feff}data: a\n\n".as_bytes()).unwrap();
        assert_eq!(splitter.next_event().unwrap().raw, b"\n");
        assert_eq!(splitter.next_event().unwrap().data(), None);
    }

    #[test]
    fn new_data_leaves_the_rest_as_it_was() {
        let replaced = |raw: &str, new: &str| {
            let event = Event::of(raw.as_bytes());
            let bytes = with_data(&event, &event.data().unwrap(), new.as_bytes());
            String::from_utf8(bytes).unwrap()
        };
        let one = "event: e\r\ndata:{}\r\n: c\r\n\r\n";
        assert_eq!(replaced(one, "{1}"), one.replace("{}", "{1}"));
        let two = "event: e\ndata: {1\ndata: 2}\n\n";
        assert_eq!(replaced(one, "{1\n2}"), two);
        assert_eq!(replaced(two, "{}"), "event: e\ndata: {}\n\n");
    }

    #[test]
    fn a_line_of_data_is_told_from_more() {
        for (raw, expected) in [
            ("data: {}\n\n", true),
            ("data: {}\r\n\r\n", true),
            ("data:{}\n\n", false),
            ("data: {}\r\r", false),
            ("data: {\ndata: }\n\n", false),
            ("event: e\ndata: {}\n\n", false),
            ("data: {}\n: comment\n\n", false),
            ("\u{feff}data: {}\n\n", false),
            ("\n", false),
        ] {
            assert_eq!(
                Event::of(raw.as_bytes()).is_data_line(),
                expected,
                "{raw:?}"
            );
        }
        assert_eq!(data_line(b"{\r\n1}"), b"data: {  1}\n\n");
    }

    #[test]
    fn an_event_ends_without_waiting_for_more() {
        assert_eq!(split([&b"data: a\n\n"[..]]).1, b"");
        assert_eq!(split([&b"data: a\r\n\r\n"[..]]).1, b"");
        assert_eq!(split([&b"data: a\r\r"[..]]).1, b"");
    }

    #[test]
    fn an_event_past_the_limit_is_refused() {
        let mut splitter = Splitter::new(10_000);
        let error = splitter.push(&[b'x'; 100_000]).unwrap_err();
        assert_eq!(error, TooLarge { limit: 10_000 });
        let mut splitter = Splitter::new(10_000);
        for _ in 0..100 {
            splitter
                .push(&[b"data: ", &[b'x'; 900][..], b"\n\n"].concat())
                .unwrap();
            assert!(splitter.next_event().is_some());
        }
        assert!(splitter.bytes.len() < 20_000);
    }

    #[test]
    fn a_long_event_does_not_keep_its_memory() {
        let mut splitter = Splitter::new(MAX_EVENT);
        splitter.push(&[b'x'; 1_000_000]).unwrap();
        splitter.push(b"\n\n").unwrap();
        assert!(splitter.next_event().is_some());
        splitter.space().unwrap();
        assert!(splitter.bytes.capacity() <= LASTING);
    }

    #[test]
    fn what_is_left_can_be_read() {
        let mut splitter = Splitter::new(MAX_EVENT);
        splitter.push(b"data: a\n\ndata: {}").unwrap();
        splitter.next_event().unwrap();
        assert_eq!(splitter.rest(), b"data: {}");
        assert_eq!(splitter.last_event().data().as_deref(), Some(&b"{}"[..]));
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_events(
            stream in "(data: ?[a-z]{0,3}|:c|event:e|\r|\n|\r\n|\u{feff}){0,30}",
            cuts in proptest::collection::vec(0..200_usize, 0..8),
        ) {
            let stream = stream.as_bytes();
            let whole = split([stream]);
            let mut joined = whole.0.concat();
            joined.extend_from_slice(&whole.1);
            prop_assert_eq!(&joined[..], stream);
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.sort_unstable();
            cuts.insert(0, 0);
            cuts.push(stream.len());
            let parts = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
            prop_assert_eq!(&split(parts), &whole);
            prop_assert_eq!(&split(stream.chunks(1)), &whole);
        }
    }
}
