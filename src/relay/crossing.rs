//! Answers on their way from one dialect to another.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use memchr::memmem;

use super::asked::Asked;
use super::chunks::Chunks;
use super::closing;
use super::outcome::{Ended, Relayed, Settle, Settlement};
use super::source::{closed, drain, error_of, fill, silent, unfinished};
use super::stream::{Opened, Primed};
use super::whole::{self, Whole};
use crate::dialect::Dialect;
use crate::dialect::event::{self, Meaning};
use crate::dialect::translate::{self, State, Stream, WayBack};
use crate::exchange::Interruption;
use crate::provider::{Answer, Failure, FailureKind, Headers};
use crate::redaction::Redaction;
use crate::sse::{Event, Splitter};

/// A whole answer in the client's dialect.
///
/// # Errors
/// When it breaks off, is too long to be held, or is an error.
pub fn whole(answer: Answer, way_back: WayBack, asked: &Asked<'_>) -> Result<Whole, Failure> {
    let read = whole::open_all(answer, asked)?;
    let failed = |(status, message): (u16, String)| {
        let failure = Failure {
            status: Some(status),
            ..Failure::new(FailureKind::Status, message)
        };
        failure.redacted(&read.redaction)
    };
    let (body, usage) = translate::whole(read.held(), way_back).map_err(failed)?;
    Ok(read.translated(body, usage))
}

/// A stream in the client's dialect, as far as it is known. Nothing of it has been written.
pub struct Crossing {
    opened: Opened,
    stream: Stream,
}

impl Crossing {
    pub fn new(opened: Opened, stream: Stream) -> Self {
        Self { opened, stream }
    }

    /// The headers of the upstream, unfiltered.
    pub fn headers(&self) -> &Headers {
        match &self.opened {
            Opened::Events(primed) => &primed.headers,
            Opened::Whole(whole) => &whole.headers,
        }
    }

    /// What the attempt presented.
    pub fn redaction(&self) -> &Arc<Redaction> {
        match &self.opened {
            Opened::Events(primed) => &primed.redaction,
            Opened::Whole(whole) => &whole.redaction,
        }
    }

    /// Writes the stream, chunked, to its end. The client gets exactly one end.
    #[inline(never)]
    pub fn pump(
        self,
        out: impl Write,
        keep_alive: Option<Duration>,
        settle: Settle<'_>,
    ) -> Relayed {
        let mut pump = Pump {
            redaction: Arc::clone(self.redaction()),
            stream: self.stream,
            out: Chunks::new(out),
            pending: Vec::new(),
            events: 0,
            is_cut: false,
            keep_alive,
            last_written: Instant::now(),
            response: None,
            settle,
        };
        let ended = match self.opened {
            Opened::Events(primed) => pump.events(primed),
            Opened::Whole(whole) => pump.whole(whole),
        };
        let (ended, failure) = ended.unwrap_or((Ended::ClientGone, None));
        Relayed {
            bytes: pump.out.bytes,
            events: pump.events,
            usage: pump.stream.usage(),
            is_whole: ended != Ended::ClientGone && !pump.is_cut,
            ended,
            failure,
        }
    }
}

/// The response in the last of some events.
fn last_response(events: &[u8]) -> Option<&[u8]> {
    const DATA: &[u8] = b"\ndata: ";
    let start = memmem::rfind(events, DATA)? + DATA.len();
    event::response_in(events.get(start..)?.trim_ascii_end())
}

/// Bytes a buffer may keep between events.
const LASTING: usize = 4 * 1024;

struct Pump<'a, W> {
    /// What the attempt presented: errors are told without it.
    redaction: Arc<Redaction>,
    stream: Stream,
    out: Chunks<W>,
    pending: Vec<u8>,
    events: u64,
    /// The client had all it wanted before the body ended, and left.
    is_cut: bool,
    keep_alive: Option<Duration>,
    last_written: Instant,
    response: Option<String>,
    settle: Settle<'a>,
}

type Over = (Ended, Option<Failure>);

impl<W: Write> Pump<'_, W> {
    /// An upstream that answered with one body all the same.
    fn whole(&mut self, whole: Whole) -> io::Result<Over> {
        self.read(whole.held());
        self.response = whole.into_response();
        self.stream.read(b"[DONE]", &mut self.pending);
        match self.stream.state() {
            State::Running => self.broken(silent()),
            State::Finished | State::Failed { .. } => self.end(),
        }
    }

    fn events(&mut self, mut primed: Box<Primed>) -> io::Result<Over> {
        let over = self.pass(&mut primed)?;
        if over.0 == Ended::Terminal {
            primed.waiter.wake_after(None);
            drain(&mut primed.body, &primed.waiter);
        }
        Ok(over)
    }

    fn pass(&mut self, primed: &mut Primed) -> io::Result<Over> {
        let waiter = primed.waiter.clone();
        let splitter = &mut primed.splitter;
        for event in std::mem::take(&mut primed.first) {
            if self.event(&Event::of(&event)) {
                return self.end_marked();
            }
        }
        loop {
            while let Some(event) = splitter.next_event() {
                if self.event(&event) {
                    return self.end_marked();
                }
            }
            self.flush()?;
            if let Some(interval) = self.keep_alive {
                waiter.wake_after(Some(interval.saturating_sub(self.last_written.elapsed())));
            }
            match fill(splitter, &mut primed.body) {
                Ok(0) => return self.end_of_body(splitter),
                Ok(_) => {}
                Err(error) => match Interruption::of(&error) {
                    Some(Interruption::Awake) => {
                        let sign = closing::keep_alive(self.stream.client());
                        self.pending.extend_from_slice(sign.as_bytes());
                        self.last_written = Instant::now();
                        self.flush()?;
                    }
                    Some(Interruption::ClientGone) => return Ok((Ended::ClientGone, None)),
                    _ => return self.broken(Failure::of_read(&error)),
                },
            }
        }
    }

    /// Takes one event. Returns whether it is the upstream's last, whatever comes behind.
    fn event(&mut self, event: &Event) -> bool {
        let Some(data) = event.data() else {
            return false;
        };
        self.events += 1;
        let meaning = event::meaning(self.stream.upstream(), event, Some(&data));
        match meaning == Meaning::Error {
            true => self.read(&Arc::clone(&self.redaction).bytes(&data)),
            false => self.read(&data),
        }
        if meaning == Meaning::Error && *self.stream.state() == State::Running {
            let failure = error_of(&data, &Headers::default()).redacted(&self.redaction);
            let status = failure.status.unwrap_or(502);
            self.stream
                .fail(status, &failure.message, &mut self.pending);
        }
        meaning == Meaning::End || matches!(self.stream.state(), State::Failed { .. })
    }

    /// Has the client told what `data` says.
    fn read(&mut self, data: &[u8]) {
        let before = self.pending.len();
        self.stream.read(data, &mut self.pending);
        if let State::Failed { .. } = self.stream.state() {
            let told = self.pending.get(before..).unwrap_or_default();
            let told = self.redaction.bytes(told).into_owned();
            self.pending.truncate(before);
            self.pending.extend_from_slice(&told);
        }
    }

    fn end_marked(&mut self) -> io::Result<Over> {
        match self.stream.state() {
            State::Running => self.broken(unfinished()),
            State::Finished | State::Failed { .. } => self.end(),
        }
    }

    fn end_of_body(&mut self, splitter: &Splitter) -> io::Result<Over> {
        if let Some(last) = closed(&splitter.last_event()) {
            self.event(&Event::of(&last));
        }
        self.end_marked()
    }

    /// The stream goes no further: if the answer was complete, it gets its end, else the client is told.
    #[inline(never)]
    fn broken(&mut self, failure: Failure) -> io::Result<Over> {
        if *self.stream.state() != State::Running {
            return self.end();
        }
        let status = match failure.kind {
            FailureKind::Timeout => 504,
            _ => 502,
        };
        self.stream
            .fail(status, &failure.message, &mut self.pending);
        self.close((Ended::Broken, Some(failure)))
    }

    fn end(&mut self) -> io::Result<Over> {
        let before = self.pending.len();
        self.stream.end(&mut self.pending);
        let over = match self.stream.state() {
            State::Failed { status, message } => {
                let failure = Failure {
                    status: Some(*status),
                    ..Failure::new(FailureKind::Status, message.as_str())
                };
                (
                    Ended::UpstreamError,
                    Some(failure.redacted(&self.redaction)),
                )
            }
            State::Running | State::Finished => (Ended::Terminal, None),
        };
        self.close_with(over, before)
    }

    /// Ends the body.
    fn close(&mut self, over: Over) -> io::Result<Over> {
        self.close_with(over, self.pending.len())
    }

    /// The same; the end of the stream stands from `end` on in what is still to be written.
    fn close_with(&mut self, over: Over, end: usize) -> io::Result<Over> {
        let whole = match self.stream.client() {
            Dialect::Responses => self.pending.get(end..).and_then(last_response),
            Dialect::Chat | Dialect::Messages | Dialect::Gemini => None,
        };
        (self.settle)(&Settlement {
            ended: over.0,
            failure: over.1.as_ref(),
            response: self.response.as_deref(),
            whole,
        });
        self.flush()?;
        self.is_cut = self.out.finish().is_err();
        Ok(over)
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            self.out.put(&self.pending);
            self.pending.clear();
            // One giant event must not keep its memory for the rest of the stream.
            self.pending.shrink_to(LASTING);
            self.last_written = Instant::now();
        }
        self.out.flush()
    }
}
