//! Scripts: how an account answers or misbehaves.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What an account does with its next requests.
#[derive(Clone, Debug, Default)]
pub struct Script {
    steps: VecDeque<Step>,
    forever: Option<Step>,
}

/// What is done with one request.
#[derive(Clone, Debug)]
pub enum Step {
    /// An error of the vendor's shape, or with a body of its own.
    Status {
        status: u16,
        headers: Vec<(String, String)>,
        body: Option<String>,
    },
    /// The connection is reset before there is a head.
    Reset,
    /// An answer, in some manner.
    Answer(Manner),
}

/// How an answer is given.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// How long to wait before the head.
    pub before_head: Duration,
    /// How long to wait before each further event; the general delay if there is none.
    pub between: Option<Duration>,
    /// A stream stops after its first event until this gate is open.
    pub gate: Option<Gate>,
    /// The text in this many pieces.
    pub pieces: Option<usize>,
    /// Calls of tools, name and JSON arguments, in the place of text.
    pub tools: Vec<(String, String)>,
    /// The answer's bytes, whatever they are; the rest of the manner then only says when.
    pub raw: Option<String>,
    pub ending: Ending,
}

/// Closed until it is opened, for all clones at once.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<AtomicBool>);

impl Gate {
    pub fn open(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub fn is_open(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// As the vendor ends it.
    #[default]
    Complete,
    /// A reset after this many events.
    Reset(usize),
    /// After this many events a chunk that promises more than it brings, then the end of the connection.
    TruncatedChunk(usize),
    /// A well-formed end after this many events, the vendor's closing event missing.
    Cut(usize),
    /// The vendor's error event after this many events.
    Error(usize),
}

impl Script {
    /// The same with every request.
    pub fn always(step: Step) -> Self {
        Self {
            steps: VecDeque::new(),
            forever: Some(step),
        }
    }

    /// `step` with the next request, then as usual.
    pub fn once(step: Step) -> Self {
        Self::default().then(step)
    }

    /// `step` with the request after those before.
    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push_back(step);
        self
    }

    /// The step for the next request.
    pub(super) fn next(&mut self) -> Option<Step> {
        self.steps.pop_front().or_else(|| self.forever.clone())
    }
}

impl Step {
    pub fn status(status: u16) -> Self {
        Self::Status {
            status,
            headers: Vec::new(),
            body: None,
        }
    }

    /// A 429 that asks to be left alone for some seconds.
    pub fn retry_after(seconds: u64) -> Self {
        Self::Status {
            status: 429,
            headers: vec![("Retry-After".to_owned(), seconds.to_string())],
            body: None,
        }
    }

    pub fn ending(ending: Ending) -> Self {
        Self::Answer(Manner {
            ending,
            ..Manner::default()
        })
    }

    /// A head that takes its time.
    pub fn slow(before_head: Duration) -> Self {
        Self::Answer(Manner {
            before_head,
            ..Manner::default()
        })
    }

    /// A stream of `pieces`, slowly.
    pub fn trickle(pieces: usize, between: Duration) -> Self {
        Self::Answer(Manner {
            between: Some(between),
            pieces: Some(pieces),
            ..Manner::default()
        })
    }

    /// A stream that stops after its first event until `gate` is open.
    pub fn gated(gate: &Gate) -> Self {
        Self::Answer(Manner {
            gate: Some(gate.clone()),
            ..Manner::default()
        })
    }

    /// Calls of tools, all at once.
    pub fn tools(calls: &[(&str, &str)]) -> Self {
        Self::Answer(Manner {
            tools: calls
                .iter()
                .map(|(name, arguments)| ((*name).to_owned(), (*arguments).to_owned()))
                .collect(),
            ..Manner::default()
        })
    }
}
