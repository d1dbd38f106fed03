//! Telling a client why no upstream has answered its request.

use std::io;
use std::time::SystemTime;

use super::context::{Generation, Outcome, ResponseSink};
use super::error_answer::{CLIENT_GONE, ErrorAnswer, error_answer};
use super::inbound::Inbound;
use super::parsed_request::ParsedRequest;
use crate::http::fixed::EVENT_STREAM;
use crate::http::head::{Framing, Head};
use crate::http::prefixed::Prefixed;
use crate::relay::Chunks;
use crate::routing::DispatchError;
use crate::session::decision::Decision;

impl Generation<'_> {
    /// Tells the client why nobody served it.
    #[inline(never)]
    pub(super) fn tell_failure(
        &self,
        model: &str,
        error: &DispatchError,
        inbound: &Inbound,
        request: &ParsedRequest<'_>,
        sink: ResponseSink<'_>,
    ) -> (Outcome<'static>, io::Result<()>) {
        let dialect = self.operation.dialect;
        if let Some(failure) = &error.failure {
            self.fails(&failure.message);
        }
        let answer = error_answer(model, error);
        if let (None, Some(ErrorAnswer::Ours(problem))) = (&error.failure, &answer) {
            self.fails(&problem.message);
        }
        let (status, answered) = match answer {
            Some(answer)
                if !sink.has_begun
                    && request.stream
                    && inbound.is_codex()
                    && answer.is_known_in_streams_only(dialect) =>
            {
                let head = Head {
                    request_id: Some(self.access.id),
                    ..Head::new(200, EVENT_STREAM, Framing::Chunked)
                };
                let mut bytes = Vec::with_capacity(1024);
                head.write(&mut bytes, SystemTime::now(), []);
                let mut chunks = Chunks::new(Prefixed::new(bytes, sink.out));
                chunks.put(&answer.in_stream(dialect, model, true));
                (answer.status(dialect), chunks.finish())
            }
            Some(answer) if sink.has_begun => {
                let (mut chunks, body) = match request.stream {
                    true => (
                        Chunks::kept_alive(sink.out, dialect),
                        answer.in_stream(dialect, model, inbound.is_codex()),
                    ),
                    false => (Chunks::new(sink.out), answer.reply(dialect).into_body()),
                };
                chunks.put(&body);
                (answer.status(dialect), chunks.finish())
            }
            Some(answer) => {
                let passed_on = error
                    .failure
                    .iter()
                    .flat_map(|failure| self.passed_on(&failure.headers));
                let reply = self.framed(answer.reply(dialect)).with_id(self.access.id);
                (
                    answer.status(dialect),
                    reply.write_with(sink.out, passed_on),
                )
            }
            None => (CLIENT_GONE, Err(io::ErrorKind::BrokenPipe.into())),
        };
        let outcome = Outcome {
            credential: None,
            decision: Decision::Unbound,
            attempts: error.attempts,
            status,
            usage: None,
        };
        (outcome, answered)
    }
}
