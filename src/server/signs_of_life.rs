//! Signs of life: what a client gets while nobody has answered its request, for clients and proxies that cut
//! silent connections (`streaming.early-keepalive-seconds`, `nonstream-keepalive-interval`).
//!
//! The first one says 200 before it is known what the answer will be. Other credentials are still tried behind
//! it, but headers of the upstream are not passed on any more, and a failure can only be told in the body.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use super::answering::Prefixed;
use super::fixed::{EVENT_STREAM, RELAYED_JSON};
use super::generation::{Generation, Understood};
use super::head::{Framing, Head};
use super::inbound::Inbound;
use crate::dialect::Dialect;
use crate::exchange::{Client, Waiter, Writer};
use crate::logs::request_log::ResponseCapture;
use crate::provider::Action;
use crate::relay::Chunks;

/// What is given.
#[derive(Clone, Copy)]
enum Sign {
    /// JSON may begin with blank lines.
    BlankLine,
    /// What keeps a stream of the dialect alive.
    OfStream(Dialect),
}

/// The signs of life of one request.
pub struct Signs {
    task: Rc<Task>,
    waiter: Waiter,
}

struct Task {
    client: Rc<dyn Client>,
    seen: ResponseCapture,
    head: Vec<u8>,
    sign: Sign,
    every: Duration,
    due: Cell<Instant>,
    has_begun: Cell<bool>,
}

/// How a request is kept alive.
struct Manner {
    content_type: &'static str,
    sign: Sign,
    first: Duration,
    every: Duration,
}

impl Signs {
    /// Gives signs of life from now on, where that is configured.
    pub(super) fn begin(
        generation: &Generation<'_>,
        inbound: &Inbound,
        understood: &Understood<'_>,
    ) -> Option<Self> {
        let manner = Manner::of(generation, understood)?;
        // Beyond the end of time is never.
        let due = inbound.arrived.checked_add(manner.first)?;
        let head = Head {
            request_id: Some(generation.access.id),
            ..Head::new(200, manner.content_type, Framing::Chunked)
        };
        let mut bytes = Vec::with_capacity(512);
        head.write(&mut bytes, SystemTime::now(), []);
        let task = Rc::new(Task {
            client: inbound.client.clone()?,
            seen: generation.access.seen.clone(),
            head: bytes,
            sign: manner.sign,
            every: manner.every,
            due: Cell::new(due),
            has_begun: Cell::new(false),
        });
        let given = Rc::clone(&task);
        let waiter = generation.waiter.clone();
        waiter.keep_alive(Some(Rc::new(move |now| Some(given.give_if_due(now)))));
        Some(Self { task, waiter })
    }

    /// Gives no more of them. Returns whether the client has got the head of an answer, and chunks.
    pub fn end(self) -> bool {
        self.waiter.keep_alive(None);
        self.task.has_begun.get()
    }
}

impl Manner {
    fn of(generation: &Generation<'_>, understood: &Understood<'_>) -> Option<Self> {
        let config = &generation.snapshot.config;
        let operation = &generation.operation;
        if understood.stream {
            let first = config.early_keepalive?;
            // Google's own client for Python takes no array that begins with anything but `[`.
            return (!generation.wants_array()).then(|| Self {
                content_type: EVENT_STREAM,
                sign: Sign::OfStream(operation.dialect),
                first,
                every: config.streaming_keepalive.unwrap_or(first).min(first),
            });
        }
        let every = config.nonstream_keepalive?;
        (operation.action != Action::Count).then_some(Self {
            content_type: RELAYED_JSON,
            sign: Sign::BlankLine,
            first: every,
            every,
        })
    }
}

impl Task {
    /// Returns when the next one is due.
    fn give_if_due(&self, now: Instant) -> Instant {
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
        let out = Prefixed::new(head, &mut client);
        let mut chunks = match self.sign {
            Sign::OfStream(dialect) if has_begun => Chunks::kept_alive(out, dialect),
            _ => Chunks::new(out),
        };
        match self.sign {
            Sign::BlankLine => chunks.put(b"\n"),
            Sign::OfStream(dialect) => chunks.keep_alive(dialect),
        }
        // A client that cannot be written to has gone, which the wait asks for itself.
        let _ = chunks.flush();
        self.due.set(now.checked_add(self.every).unwrap_or(now));
        self.due.get()
    }
}
