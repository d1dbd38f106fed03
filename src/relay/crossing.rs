//! Answers on their way from one dialect to another.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use memchr::memmem;

use super::chunks::Chunks;
use super::closing;
use super::outcome::{Ended, Relayed, Settle, Settlement};
use super::source::{closed, fill};
use super::stream::{Opened, Primed};
use super::whole::{self, Whole};
use crate::dialect::Dialect;
use crate::dialect::event::{self, Meaning};
use crate::dialect::translate::{self, State, Stream, WayBack};
use crate::exchange::Interruption;
use crate::provider::{Answer, Failure, FailureKind};
use crate::redaction::Redaction;
use crate::sse::{Event, Splitter};

/// A whole answer in the client's dialect.
///
/// # Errors
/// When it breaks off, is too long to be held, or is an error.
pub fn whole(answer: Answer, way_back: WayBack) -> Result<Whole, Failure> {
    let read = whole::open_all(answer, way_back.upstream())?;
    let failed = |(status, message): (u16, String)| {
        let failure = Failure {
            status: Some(status),
            ..Failure::new(FailureKind::Status, message)
        };
        failure.redacted(&read.redaction)
    };
    let (body, usage) = translate::whole(read.held(), way_back).map_err(failed)?;
    Ok(Whole::translated(read.headers, read.redaction, body, usage))
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
    pub fn headers(&self) -> &crate::provider::Headers {
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
        lane: impl Write,
        keep_alive: Option<Duration>,
        settle: Settle<'_>,
    ) -> Relayed {
        let mut pump = Pump {
            redaction: Arc::clone(self.redaction()),
            upstream: self.stream.upstream(),
            stream: self.stream,
            out: Chunks::new(lane),
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

struct Pump<'a, W> {
    /// What the attempt presented: errors are told without it.
    redaction: Arc<Redaction>,
    upstream: Dialect,
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
            State::Running => {
                let message = "the upstream's answer says nothing";
                self.broken(Failure::new(FailureKind::Broken, message))
            }
            State::Finished | State::Failed { .. } => self.end(),
        }
    }

    fn events(&mut self, mut primed: Primed) -> io::Result<Over> {
        let waiter = primed.waiter.clone();
        let (first, splitter, body) = primed.parts();
        for event in first {
            self.event(&Event::of(event));
        }
        loop {
            while let Some(event) = splitter.next_event() {
                self.event(&event);
            }
            if let State::Failed { .. } = self.stream.state() {
                return self.end();
            }
            self.flush()?;
            if let Some(interval) = self.keep_alive {
                waiter.wake_after(Some(interval.saturating_sub(self.last_written.elapsed())));
            }
            match fill(splitter, body) {
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

    fn event(&mut self, event: &Event) {
        if let Some(data) = event.data() {
            self.events += 1;
            match self.is_error(event, &data) {
                true => self.read(&Arc::clone(&self.redaction).bytes(&data)),
                false => self.read(&data),
            }
        }
    }

    /// Whether an event is an error. Most are seen not to be one at a glance.
    fn is_error(&self, event: &Event, data: &[u8]) -> bool {
        ["error", "fail", "message"]
            .iter()
            .any(|word| memmem::find(data, word.as_bytes()).is_some())
            && event::meaning(self.upstream, event, Some(data)) == Meaning::Error
    }

    /// Has the client told what `data` says.
    fn read(&mut self, data: &[u8]) {
        let before = self.pending.len();
        self.stream.read(data, &mut self.pending);
        if let State::Failed { .. } = self.stream.state() {
            let told = self
                .redaction
                .bytes(self.pending.get(before..).unwrap_or_default());
            let told = told.into_owned();
            self.pending.truncate(before);
            self.pending.extend_from_slice(&told);
        }
    }

    fn end_of_body(&mut self, splitter: &Splitter) -> io::Result<Over> {
        if let Some(last) = closed(&splitter.last_event()) {
            self.event(&Event::of(&last));
        }
        if *self.stream.state() == State::Running {
            let message = "upstream closed the stream before completion";
            return self.broken(Failure::new(FailureKind::Broken, message));
        }
        self.end()
    }

    /// The stream goes no further: if the answer was complete, it gets its end, else the client is told.
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
        self.close(over)
    }

    /// Ends the body.
    fn close(&mut self, over: Over) -> io::Result<Over> {
        (self.settle)(&Settlement {
            ended: over.0,
            failure: over.1.as_ref(),
            response: self.response.as_deref(),
        });
        self.flush()?;
        self.is_cut = self.out.finish().is_err();
        Ok(over)
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            self.out.put(&self.pending);
            self.pending.clear();
            self.last_written = Instant::now();
        }
        self.out.flush()
    }
}

impl Primed {
    fn parts(&mut self) -> (&[Vec<u8>], &mut Splitter, &mut dyn Read) {
        (&self.first, &mut self.splitter, &mut self.body)
    }
}
