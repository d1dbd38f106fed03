//! Keep-alives before an answer, for clients and proxies that close silent connections
//! (`streaming.early-keepalive-seconds`, `nonstream-keepalive-interval`).
//!
//! The first keep-alive sends status 200. Other credentials are still tried afterwards, but headers of the upstream are
//! not passed on, and errors are sent in the body.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use super::context::Generation;
use super::inbound::Inbound;
use super::parsed_request::ParsedRequest;
use crate::exchange::{Client, Waiter, Writer};
use crate::http::fixed::{EVENT_STREAM, RELAYED_JSON};
use crate::http::head::{Framing, Head, HeadWriter};
use crate::logs::request_log::ResponseCapture;
use crate::provider::Action;
use crate::relay::Chunks;
use crate::wire::Dialect;

/// The content of a keep-alive.
#[derive(Clone, Copy)]
enum Form {
    /// JSON may begin with whitespace (RFC 8259 2).
    BlankLine,
    /// The keep-alive of a stream in the dialect.
    Stream(Dialect),
}

/// The keep-alives of one request.
pub struct KeepAlive {
    task: Rc<Task>,
    waiter: Waiter,
}

struct Task {
    client: Rc<dyn Client>,
    seen: ResponseCapture,
    head: Vec<u8>,
    form: Form,
    every: Duration,
    due: Cell<Instant>,
    has_begun: Cell<bool>,
}

/// Content and times of a request's keep-alives.
struct Schedule {
    content_type: &'static str,
    form: Form,
    first: Duration,
    every: Duration,
}

impl KeepAlive {
    /// Starts keep-alives if they are configured.
    pub(super) fn begin(
        generation: &Generation<'_>,
        inbound: &Inbound,
        request: &ParsedRequest<'_>,
    ) -> Option<Self> {
        let schedule = Schedule::of(generation, request)?;
        let due = inbound.arrived.checked_add(schedule.first)?;
        let head = Head {
            request_id: Some(generation.access.id),
            ..Head::new(200, schedule.content_type, Framing::Chunked)
        };
        let mut bytes = Vec::with_capacity(512);
        head.write(&mut bytes, SystemTime::now(), []);
        let task = Rc::new(Task {
            client: inbound.client.clone()?,
            seen: generation.access.seen.clone(),
            head: bytes,
            form: schedule.form,
            every: schedule.every,
            due: Cell::new(due),
            has_begun: Cell::new(false),
        });
        let sender = Rc::clone(&task);
        let waiter = generation.waiter.clone();
        waiter.keep_alive(Some(Rc::new(move |now| Some(sender.send_if_due(now)))));
        Some(Self { task, waiter })
    }

    /// Stops keep-alives. Returns whether the head and at least one have been sent.
    pub fn end(self) -> bool {
        self.waiter.keep_alive(None);
        self.task.has_begun.get()
    }
}

impl Schedule {
    fn of(generation: &Generation<'_>, request: &ParsedRequest<'_>) -> Option<Self> {
        let config = &generation.snapshot.config;
        let operation = &generation.operation;
        if request.stream {
            let first = config.early_keepalive?;
            // Google's Python client requires an array to begin with `[`.
            return (!operation.is_array).then(|| Self {
                content_type: EVENT_STREAM,
                form: Form::Stream(operation.dialect),
                first,
                every: config.streaming_keepalive.unwrap_or(first).min(first),
            });
        }
        let every = config.nonstream_keepalive?;
        (operation.action != Action::Count).then_some(Self {
            content_type: RELAYED_JSON,
            form: Form::BlankLine,
            first: every,
            every,
        })
    }
}

impl Task {
    /// Sends a keep-alive if it is due. Returns the time of the next one.
    fn send_if_due(&self, now: Instant) -> Instant {
        if now < self.due.get() {
            return self.due.get();
        }
        let has_begun = self.has_begun.replace(true);
        let head = match has_begun {
            true => Vec::new(),
            false => self.head.clone(),
        };
        let mut client = Writer(Rc::clone(&self.client));
        let mut client = self.seen.tee(&mut client);
        let out = HeadWriter::new(head, &mut client);
        let mut chunks = match self.form {
            Form::Stream(dialect) if has_begun => Chunks::kept_alive(out, dialect),
            _ => Chunks::new(out),
        };
        match self.form {
            Form::BlankLine => chunks.put(b"\n"),
            Form::Stream(dialect) => chunks.keep_alive(dialect),
        }
        // The waiter itself detects a client that has disconnected.
        let _ = chunks.flush();
        self.due.set(now.checked_add(self.every).unwrap_or(now));
        self.due.get()
    }
}
