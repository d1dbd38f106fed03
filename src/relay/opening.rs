//! Holds back the beginning of a stream until it has content: until then, a failure can be retried on another credential.

use std::time::{Duration, Instant};

use super::source::{error_of, silent};
use crate::failure::{Failure, FailureKind, Headers};
use crate::sse::Event;
use crate::wire::event::{self, Meaning};
use crate::wire::usage::Meter;
use crate::wire::{Dialect, opening};

/// Bytes of comments before the first payload that are passed on; what is more is dropped.
const LEAD: usize = 16 * 1024;
/// How much of a stream's opening is held back, and for how long.
const HELD_EVENTS: usize = 16;
const HELD_BYTES: usize = 64 * 1024;
const HELD_FOR: Duration = Duration::from_secs(3);

/// The start of a stream before its first payload.
pub struct Held {
    dialect: Dialect,
    /// Comments before the first event.
    pub lead: Vec<u8>,
    pub events: Vec<Vec<u8>>,
    bytes: usize,
    since: Option<Instant>,
    meter: Meter,
    /// The stream has ended normally, without content so far.
    ends_silently: bool,
}

impl Held {
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            lead: Vec::new(),
            events: Vec::new(),
            bytes: 0,
            since: None,
            meter: Meter::new(dialect),
            ends_silently: false,
        }
    }

    /// How much longer to hold back.
    pub fn patience(&self) -> Option<Duration> {
        Some(HELD_FOR.saturating_sub(self.since?.elapsed()))
    }

    /// Takes one more event. Returns whether the stream has content now.
    ///
    /// # Errors
    /// When the event is an error, or the end of an answer without content.
    pub fn take(&mut self, event: &Event, headers: &Headers) -> Result<bool, Failure> {
        let data = event.data();
        let meaning = event::meaning(self.dialect, event, data.as_deref());
        let data = match (&data, meaning) {
            (Some(data), Meaning::Part | Meaning::Finish | Meaning::End) => data,
            (Some(data), Meaning::Error) => return Err(error_of(self.dialect, data, headers)),
            // Behind the first event it stays where it stood.
            _ if !self.events.is_empty() => {
                self.bytes += event.raw.len();
                self.events.push(event.raw.to_vec());
                return Ok(self.is_full());
            }
            _ => {
                if self.lead.len() + event.raw.len() <= LEAD {
                    self.lead.extend_from_slice(event.raw);
                }
                return Ok(false);
            }
        };
        self.meter.read(data);
        let is_said = match meaning {
            Meaning::End if self.ends_silently => self.has_output(),
            // A stream without content is not ended.
            Meaning::End if self.dialect == Dialect::Messages => self.has_output(),
            Meaning::End if self.dialect == Dialect::Chat => return Ok(false),
            _ if self.ends_silently => self.has_output(),
            _ if opening::ends_silently(self.dialect, event, data) => {
                self.ends_silently = true;
                self.has_output()
            }
            Meaning::End | Meaning::Finish => true,
            // Hidden reasoning is content, too.
            _ if self.dialect == Dialect::Chat && self.has_output() => true,
            _ => !opening::is_opening(self.dialect, event, data),
        };
        if meaning == Meaning::End && !is_said {
            return Err(silent());
        }
        self.bytes += event.raw.len();
        self.events.push(event.raw.to_vec());
        self.since.get_or_insert_with(Instant::now);
        Ok(is_said || self.is_full())
    }

    fn is_full(&self) -> bool {
        self.events.len() >= HELD_EVENTS || self.bytes >= HELD_BYTES
    }

    fn has_output(&self) -> bool {
        self.meter.usage().is_some_and(|usage| usage.output > 0)
    }

    /// The failure of a stream that has ended here.
    pub fn ended(&self) -> Failure {
        match self.ends_silently {
            true => silent(),
            false => Failure::new(
                FailureKind::Broken,
                "empty_stream: upstream stream closed before first payload",
            ),
        }
    }
}
