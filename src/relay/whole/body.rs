//! A whole answer, from its first bytes to its end.

use std::io::{self, Read, Write};
use std::sync::Arc;

use super::copy::Copy;
use super::held::{Held, Long, Rest};
use crate::budget::Budget;
use crate::exchange::Waiter;
use crate::failure::Headers;
use crate::redaction::Redaction;
use crate::relay::chunks::Chunks;
use crate::relay::envelope;
use crate::relay::outcome::{Ended, OnEnd, Relayed};
use crate::relay::source::{self};
use crate::wire::usage::Usage;

/// A body whose start, at least, has been read. Nothing has been written.
pub struct Whole {
    /// The status of the upstream.
    pub status: u16,
    /// The headers of the upstream, unfiltered.
    pub headers: Headers,
    /// The secrets of the attempt.
    pub redaction: Arc<Redaction>,
    /// The bytes to write first.
    pub(super) held: Held,
    pub(super) rest: Rest,
    pub(super) usage: Option<Usage>,
    pub(super) response: Option<String>,
    /// What is left of a stream that has been made into this body.
    pub(super) behind: Option<(Box<dyn Read>, Waiter)>,
    /// It is written in the envelope of Code Assist.
    pub(super) is_enveloped: bool,
}

impl Whole {
    /// The answer with a translated body.
    pub fn translated(mut self, body: Vec<u8>, usage: Option<Usage>) -> Self {
        self.held.replace(body);
        Self {
            status: 200,
            usage,
            response: None,
            behind: None,
            ..self
        }
    }

    /// The answer with another body and the same usage.
    pub fn replaced(self, body: Vec<u8>) -> Self {
        let usage = self.usage;
        self.translated(body, usage)
    }

    /// An answer without an upstream.
    pub fn made(bytes: Vec<u8>, budget: &Budget) -> Self {
        Self {
            status: 200,
            headers: Headers::default(),
            redaction: Arc::default(),
            held: Held {
                reservation: budget.take_anyway(bytes.len()),
                bytes,
            },
            rest: Rest::Nothing,
            usage: None,
            response: None,
            behind: None,
            is_enveloped: false,
        }
    }

    /// The answer in the envelope of Code Assist.
    pub fn enveloped(self, is_enveloped: bool) -> Self {
        Self {
            is_enveloped,
            ..self
        }
    }

    /// The bytes that have been read.
    pub fn held(&self) -> &[u8] {
        &self.held.bytes
    }

    /// The length of the body as it will be written, if it is known; else it is written chunked.
    pub fn length(&self) -> Option<u64> {
        let (open, close) = self.envelope();
        let length = match &self.rest {
            Rest::Nothing => self.held.bytes.len() as u64,
            Rest::Known(_, length) => *length,
            Rest::Unknown(_) => return None,
        };
        Some(length + (open.len() + close.len()) as u64)
    }

    /// What is written before and behind the body.
    fn envelope(&self) -> (&'static [u8], &'static [u8]) {
        match self.is_enveloped {
            true => (envelope::OPEN, envelope::CLOSE),
            false => (b"", b""),
        }
    }

    /// The answer, to be written chunked.
    pub fn chunked(self) -> Self {
        let rest = match self.rest {
            Rest::Nothing => Rest::Unknown(Long {
                body: Box::new(io::empty()),
                look: None,
            }),
            Rest::Known(long, _) | Rest::Unknown(long) => Rest::Unknown(long),
        };
        Self { rest, ..self }
    }

    /// The id under which the upstream keeps the answer (Responses).
    pub fn into_response(self) -> Option<String> {
        self.response
    }

    /// Writes the body. If it breaks on the way, what was written is not whole.
    #[inline(never)]
    pub fn pump(self, mut out: impl Write, on_end: OnEnd<'_>) -> Relayed {
        let (open, close) = self.envelope();
        let mut copy = Copy {
            on_end,
            look: None,
            response: self.response,
            relayed: Relayed {
                bytes: 0,
                events: 0,
                usage: self.usage,
                ended: Ended::Terminal,
                is_whole: true,
                failure: None,
            },
        };
        let held = self.held;
        let written = match self.rest {
            Rest::Nothing => {
                copy.on_end(Some(&held.bytes));
                copy.relayed.bytes = held.bytes.len() as u64;
                let mut pieces = [open, &held.bytes, close].into_iter();
                pieces
                    .try_for_each(|piece| out.write_all(piece))
                    .and_then(|()| out.flush())
            }
            Rest::Known(long, length) => {
                let mut lead = open;
                copy.all(held, long, Some(length), |piece, is_last| {
                    out.write_all(std::mem::take(&mut lead))?;
                    out.write_all(piece)?;
                    out.write_all(if is_last { close } else { b"" })?;
                    out.flush()
                })
            }
            Rest::Unknown(long) => {
                let mut chunks = Chunks::new(out);
                chunks.put(open);
                copy.all(held, long, None, |piece, is_last| {
                    chunks.put(piece);
                    if is_last {
                        chunks.put(close);
                        chunks.finish()
                    } else {
                        chunks.flush()
                    }
                })
            }
        };
        let mut relayed = copy.relayed;
        if written.is_err() {
            relayed.ended = Ended::ClientGone;
        } else if let Some((mut body, waiter)) = self.behind {
            source::drain(&mut body, &waiter);
        }
        relayed.is_whole = matches!(relayed.ended, Ended::Terminal | Ended::UpstreamError);
        relayed
    }
}
