//! A body on its way to the client.

use std::io::{self, Read};

use super::held::{Held, Long, PIECE};
use crate::exchange::Interruption;
use crate::failure::{Failure, Headers};
use crate::relay::extract::Extractor;
use crate::relay::outcome::{AnswerEnd, Ended, OnEnd, Relayed};
use crate::relay::source::{self};
use crate::wire::usage::{self};
use crate::wire::{Dialect, event};

/// A body on its way.
pub(super) struct Copy<'s> {
    pub(super) on_end: OnEnd<'s>,
    pub(super) look: Option<(Dialect, Box<Extractor>)>,
    pub(super) response: Option<String>,
    pub(super) relayed: Relayed,
}

impl Copy<'_> {
    pub(super) fn on_end(&mut self, whole: Option<&[u8]>) {
        if let Some((dialect, look)) = self.look.take()
            && self.relayed.ended == Ended::Terminal
        {
            self.looked(dialect, *look);
        }
        (self.on_end)(&AnswerEnd {
            ended: self.relayed.ended,
            failure: self.relayed.failure.as_ref(),
            response: self.response.as_deref(),
            whole,
        });
    }

    /// Stores the usage and the id that were extracted.
    pub(super) fn looked(&mut self, dialect: Dialect, look: Extractor) {
        if !look.is_closed() {
            self.relayed.ended = Ended::Broken;
            self.relayed.failure = Some(source::no_json());
            return;
        }
        let found = look.found();
        self.relayed.usage = usage::of_body(dialect, &found);
        if event::is_error_body(dialect, &found) {
            self.relayed.ended = Ended::UpstreamError;
            self.relayed.failure = Some(source::error_of(dialect, &found, &Headers::default()));
        } else if dialect == Dialect::Responses {
            self.response = event::response_id(&found);
        }
    }

    /// Writes `held`, then all of the rest, then nothing, as the last piece. `length` is that of all, if it is
    /// known.
    ///
    /// # Errors
    /// Those of `write`. A broken body is recorded.
    pub(super) fn all(
        &mut self,
        held: Held,
        Long { mut body, look }: Long,
        length: Option<u64>,
        mut write: impl FnMut(&[u8], bool) -> io::Result<()>,
    ) -> io::Result<()> {
        self.look = look;
        let mut left = length;
        self.pass(&held.bytes, &mut left, &mut write)?;
        drop(held);
        let mut piece = vec![0; PIECE];
        loop {
            let count = match body.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) => {
                    self.broken(&error, left != Some(0));
                    return Ok(());
                }
            };
            self.pass(
                piece.get(..count).unwrap_or_default(),
                &mut left,
                &mut write,
            )?;
        }
        if left != Some(0) {
            self.on_end(None);
        }
        match self.relayed.ended {
            // The body is incomplete, and the client must notice.
            Ended::Broken => Ok(()),
            _ => write(&[], true),
        }
    }

    /// Writes one piece. Before the last one, the end is reported.
    pub(super) fn pass(
        &mut self,
        piece: &[u8],
        left: &mut Option<u64>,
        write: &mut impl FnMut(&[u8], bool) -> io::Result<()>,
    ) -> io::Result<()> {
        if let Some((_, look)) = &mut self.look {
            look.see(piece);
        }
        if let Some(left) = left.as_mut().filter(|left| **left > 0) {
            *left = left.saturating_sub(piece.len() as u64);
            if *left == 0 {
                self.on_end(None);
            }
        }
        write(piece, false)?;
        self.relayed.bytes += piece.len() as u64;
        Ok(())
    }

    pub(super) fn broken(&mut self, error: &io::Error, is_open: bool) {
        self.relayed.ended = match Interruption::of(error) {
            Some(Interruption::ClientGone) => Ended::ClientGone,
            _ => Ended::Broken,
        };
        self.relayed.failure = Some(Failure::of_read(error));
        if is_open && self.relayed.ended != Ended::ClientGone {
            self.on_end(None);
        }
    }
}
