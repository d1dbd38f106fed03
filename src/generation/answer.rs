//! Relaying an upstream's answer to the client.

use std::borrow::Cow;
use std::io;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::access_log::{CLIENT_GONE, short_session};
use super::answer_storage::AnswerStorage;
use super::attempt::context::{OpenedAnswer, Opening};
use super::context::{Generation, Outcome, ResponseSink};
use super::inbound::Inbound;
use super::parsed_request::ParsedRequest;
use crate::exchange::ZERO;
use crate::failure::Headers;
use crate::http::fixed::{EVENT_STREAM, RELAYED_JSON};
use crate::http::head::{Framing, Head, HeadWriter};
use crate::redaction::Redaction;
use crate::relay::{self, AnswerEnd, Chunks, Ended, Opened, Relayed, Style, Translation, Whole};
use crate::routing::Placed;
use crate::session::identity;
use crate::session::name::Name;
use crate::translate::{Stream, TranslationContext};
use crate::wire::Dialect;

/// The write buffer of an answer that is no stream, bytes, so that no worker waits for a slow client.
const WRITE_BUFFER: usize = 32 * 1024 * 1024;

impl Generation<'_> {
    /// A chunk that clients ignore, to probe whether the client is still connected.
    fn probe(&self) -> Vec<u8> {
        let mut probe = Vec::new();
        let mut chunks = Chunks::new(&mut probe);
        match self.operation.dialect {
            _ if self.operation.is_array => chunks.put(b"\n"),
            // Depends on what has been written.
            Dialect::Gemini => return ZERO.to_vec(),
            dialect => chunks.keep_alive(dialect),
        }
        // Writing to memory cannot fail.
        let _ = chunks.flush();
        drop(chunks);
        probe
    }

    /// Relays the answer to its end, and reports the result to routing.
    /// Not inlined: its stack frame must not add to that of upstream calls.
    #[inline(never)]
    pub(super) fn relay<'p>(
        &self,
        placed: Placed<'p, OpenedAnswer>,
        inbound: &Inbound,
        request: &ParsedRequest<'_>,
        mut storage: AnswerStorage,
        model: &str,
        sink: ResponseSink<'_>,
    ) -> (Outcome<'p>, io::Result<()>) {
        let Placed {
            candidate,
            upstream_model,
            decision,
            attempts,
            answer,
            mut serving,
        } = placed;
        serving.heard(answer.headers());
        let redaction = answer.redaction();
        let OpenedAnswer { opening, dropped } = answer;
        let keep_alive = self.snapshot.config.streaming_keepalive;
        let content_type = match self.operation.is_array {
            true => RELAYED_JSON,
            false => EVENT_STREAM,
        };
        let stream = Head::new(200, content_type, Framing::Chunked);
        let ResponseSink { out, has_begun } = sink;
        let is_enveloped = self.operation.is_enveloped;
        let chunks = |out| match has_begun && request.stream {
            true => Chunks::kept_alive(out, self.operation.dialect).enveloped(is_enveloped),
            false => Chunks::new(out).enveloped(is_enveloped),
        };
        if let Some(client) = &inbound.client {
            match &opening {
                Opening::Same(Opened::Whole(_)) => client.keep_up_to(WRITE_BUFFER),
                Opening::Same(Opened::Events(_)) | Opening::Translated(_) => {
                    client.probe_with(&self.probe());
                }
            }
        }
        let head = |head, headers: &Headers| match has_begun {
            true => Vec::new(),
            false => self.head(head, headers, &redaction, candidate.id(), &dropped, request),
        };
        let opening = match opening {
            Opening::Same(Opened::Whole(whole)) if has_begun || request.stream => {
                self.converted(whole, request)
            }
            opening => opening,
        };
        // Called before the client gets the end, since its next request may depend on it.
        let mut on_end = |end: &AnswerEnd<'_>| {
            match (end.ended, end.failure) {
                (Ended::Terminal, _) => serving.succeeded(),
                (Ended::ClientGone, _) | (_, None) => {}
                (_, Some(failure)) => {
                    self.set_failure(&failure.message);
                    self.log_failed_attempt(candidate, failure);
                    serving.failed(failure, Instant::now());
                }
            }
            let response = match end.ended {
                Ended::Terminal => self.store_answer(&mut storage, end),
                _ => end.response.map(str::to_owned),
            };
            if let Some(response) = response {
                let session = identity::response_name(&response);
                serving.add_name(Name::new(self.client_key(), &session, model));
            }
        };
        let relayed = match opening {
            Opening::Same(Opened::Events(primed)) => {
                let head = head(stream, &primed.headers);
                let style = Style {
                    framing: match self.operation.is_array {
                        true => relay::Framing::Array,
                        false => relay::Framing::Events,
                    },
                    rename: request.rename(upstream_model),
                    keep_alive,
                    is_codex: inbound.is_codex(),
                    model: request.shown_model(upstream_model),
                };
                primed.pump(chunks(HeadWriter::new(head, out)), style, &mut on_end)
            }
            Opening::Same(Opened::Whole(whole)) => {
                let whole = whole.enveloped(is_enveloped);
                let framing = whole.length().map_or(Framing::Chunked, Framing::Length);
                let head = head(
                    Head::new(whole.status, RELAYED_JSON, framing),
                    &whole.headers,
                );
                whole.pump(HeadWriter::new(head, out), &mut on_end)
            }
            Opening::Translated(translation) => {
                let head = head(stream, translation.headers());
                translation.pump(chunks(HeadWriter::new(head, out)), keep_alive, &mut on_end)
            }
        };
        let outcome = Outcome {
            credential: Some(candidate.id()),
            decision,
            attempts,
            status: status(&relayed),
            usage: relayed.usage,
        };
        let answered = match relayed.is_whole {
            true => Ok(()),
            false => Err(io::ErrorKind::BrokenPipe.into()),
        };
        (outcome, answered)
    }

    /// A whole answer in chunks or events, for a client that has received keep-alives or requested a stream.
    #[inline(never)]
    fn converted(&self, whole: Box<Whole>, request: &ParsedRequest<'_>) -> Opening {
        if !request.stream {
            return Opening::Same(Opened::Whole(Box::new((*whole).chunked())));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let context = TranslationContext::straight(
            self.operation.dialect,
            &request.model,
            self.access.id.as_str(),
            now.unwrap_or_default().as_secs(),
        );
        let stream = Stream::new(context, self.operation.is_array);
        Opening::Translated(Box::new(Translation::new(
            Opened::Whole(whole),
            stream,
            &self.services.budget,
        )))
    }

    fn head(
        &self,
        head: Head<'_>,
        upstream: &Headers,
        redaction: &Redaction,
        credential: &str,
        dropped: &[String],
        request: &ParsedRequest<'_>,
    ) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1024);
        let head = Head {
            request_id: Some(self.access.id),
            ..head
        };
        let passed_on = self.passed_on(upstream);
        let passed_on: Vec<_> = passed_on
            .into_iter()
            .filter(|(name, _)| matches!(redaction.text(name), Cow::Borrowed(_)))
            .map(|(name, value)| (name, redaction.text(value)))
            .collect();
        let mut headers: Vec<(&str, &str)> = passed_on
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let dropped = dropped_types(dropped);
        headers.extend(
            dropped
                .as_deref()
                .map(|dropped| ("X-Holdfast-Dropped", dropped)),
        );
        let session = request.identity.primary.as_deref().map(short_session);
        if self.snapshot.config.logs.debug {
            headers.push(("X-Holdfast-Credential", credential));
            let session = session.as_deref().filter(|session| session.is_ascii());
            headers.extend(session.map(|session| ("X-Holdfast-Session", session)));
        }
        head.write(&mut bytes, SystemTime::now(), headers);
        bytes
    }
}

/// The types of dropped tools as a header value; `None` if there are none.
fn dropped_types(kinds: &[String]) -> Option<String> {
    // Clients choose the names, so their number and length are limited.
    const MOST: usize = 16;
    const LONGEST: usize = 64;
    let is_shown = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let kinds = kinds.iter().take(MOST);
    let kinds = kinds.map(|kind| kind.chars().filter(is_shown).take(LONGEST).collect());
    let kinds: Vec<String> = kinds.filter(|kind: &String| !kind.is_empty()).collect();
    (!kinds.is_empty()).then(|| kinds.join(", "))
}

/// The status for logs and reports, which reflects how a stream ended.
fn status(relayed: &Relayed) -> u16 {
    match relayed.ended {
        Ended::Terminal => 200,
        Ended::ClientGone => CLIENT_GONE,
        Ended::NoTerminal | Ended::Broken | Ended::UpstreamError => relayed
            .failure
            .as_ref()
            .and_then(|failure| failure.status)
            .unwrap_or(502),
    }
}
