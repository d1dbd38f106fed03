//! One attempt at an upstream: in the client's own dialect as it is, in any other one translated.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::carried::Carried;
use super::generation::{Generation, Understood, rename, told};
use super::inbound::Inbound;
use super::known::known;
use super::limits::{is_limited, record};
use crate::budget::{Exhausted, Reservation};
use crate::dialect::Dialect;
use crate::dialect::carriers;
use crate::dialect::memory::Memory;
use crate::dialect::neutral::Untranslatable;
use crate::dialect::problem::{self, Problem};
use crate::dialect::thinking;
use crate::dialect::translate::{self, Ask, Form, Stream};
use crate::logs;
use crate::payload::Selected;
use crate::provider::{Action, Answer, Call, Failure, FailureKind, Headers, Target};
use crate::redaction::Redaction;
use crate::relay::{self, Asked, Crossing, Opened};
use crate::routing::{Candidate, Member};
use crate::sse::MAX_EVENT;

/// How often it is tried again to take memory for a translation.
const MEMORY_RETRY: Duration = Duration::from_millis(20);

/// An answer of which nothing has been written.
pub enum Opening {
    /// As the upstream gave it.
    Same(Opened),
    /// From another dialect, event by event.
    Crossed(Box<Crossing>),
}

impl Opening {
    /// The headers of the upstream, unfiltered.
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Same(Opened::Events(primed)) => &primed.headers,
            Self::Same(Opened::Whole(whole)) => &whole.headers,
            Self::Crossed(crossing) => crossing.headers(),
        }
    }
}

impl Opening {
    /// What the attempt presented.
    pub fn redaction(&self) -> Arc<Redaction> {
        match self {
            Self::Same(Opened::Events(primed)) => Arc::clone(&primed.redaction),
            Self::Same(Opened::Whole(whole)) => Arc::clone(&whole.redaction),
            Self::Crossed(crossing) => Arc::clone(crossing.redaction()),
        }
    }
}

impl Generation<'_> {
    /// Asks one candidate.
    ///
    /// # Errors
    /// Whatever keeps it from being the one that answers.
    pub(super) fn attempt(
        &self,
        candidate: &Candidate,
        member: &Member,
        inbound: &Inbound,
        understood: &Understood<'_>,
        suffix: Option<&str>,
        headers: &[(&str, &str)],
    ) -> Result<Opening, Failure> {
        self.carried.take();
        self.dropped.take();
        self.announce(candidate, member);
        let opened = self.ask(candidate, member, inbound, understood, suffix, headers);
        if let Err(failure) = &opened {
            self.note(candidate, failure);
        }
        opened
    }

    fn ask(
        &self,
        candidate: &Candidate,
        member: &Member,
        inbound: &Inbound,
        understood: &Understood<'_>,
        suffix: Option<&str>,
        headers: &[(&str, &str)],
    ) -> Result<Opening, Failure> {
        // What the configuration says outranks the client.
        let suffix = member.thinking.as_deref().or(suffix);
        let own_headers = candidate.credential.headers_for(headers);
        let dialect = self.operation.dialect;
        let upstream = candidate.credential.dialect();
        let call = Call {
            target: Target::of(&candidate.credential, &own_headers, &self.snapshot.config),
            model: &member.upstream,
            action: self.operation.action,
            stream: understood.stream,
            body: inbound.sent(),
            model_span: understood.model_span,
            client_headers: headers,
            alt: self.operation.alt.as_deref(),
            is_flavoured: false,
            waiter: &self.waiter,
        };
        if call.action == Action::Compact && upstream != dialect {
            return self.summarized(&call, member, upstream, understood, suffix);
        }
        if upstream != dialect && self.asks_for_compaction(&call) {
            return self.answered_with_summary(&call, member, upstream, understood, suffix);
        }
        let rules = self.rules(&call, member, understood);
        if upstream != dialect || understood.form != Form::Usual {
            return self.translated(&call, member, upstream, understood, suffix, &rules);
        }
        let called = match suffix {
            None if !is_limited(member, call.body) => self.call_ruled(&call, &rules, member, None),
            suffix => {
                let record = record(member);
                let body = thinking::fitted(dialect, call.body, &member.upstream, suffix, record)
                    .map_err(|why| Failure::new(FailureKind::Request, why))?;
                let call = Call {
                    body: &body,
                    model_span: None,
                    ..call
                };
                self.call_ruled(&call, &rules, member, suffix)
            }
        };
        let answer = match called {
            Err(failure) if self.is_unknown_there(&failure) => {
                log::debug!("{} cannot do it: {failure}", candidate.id());
                return match call.action {
                    Action::Count => self.estimated(&call, member, upstream, understood),
                    _ => self.summarized(&call, member, upstream, understood, suffix),
                };
            }
            called => called?,
        };
        let asked = self.asked(dialect, member, call.action);
        let opened = if understood.stream {
            relay::stream::open(answer, &asked)
        } else {
            relay::whole::open(answer, &asked, rename(member, understood))
                .map(Box::new)
                .map(Opened::Whole)
        };
        opened.map(Opening::Same)
    }

    /// Out of line: its frame is large, and a worker's stack is paid for by every stream that goes on.
    #[inline(never)]
    pub(super) fn translated(
        &self,
        call: &Call<'_>,
        member: &Member,
        upstream: Dialect,
        understood: &Understood<'_>,
        suffix: Option<&str>,
        rules: &Selected<'_>,
    ) -> Result<Opening, Failure> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let seed = format!("{}{}", self.access.id, now.as_nanos());
        let ask = self.asking(call, member, upstream, understood, suffix, &seed);
        // For as long as both bodies are there.
        let needed = translate::memory_needed(upstream, call.body.len());
        let mut reservation = self.reserve(needed)?;
        let memory = self.memory(understood.form);
        let known = known(call.target.base_url, &member.upstream);
        let translated = translate::for_provider(&ask, memory, known);
        let mut translated = translated.map_err(|why| self.refused(&why))?;
        if !translated.dropped.is_empty() {
            let dropped = translated.dropped.join(", ");
            log::debug!("left out for a {} upstream: {dropped}", upstream.name());
        }
        if !translated.reworded.is_empty() {
            let reworded = translated.reworded.join(", ");
            log::debug!("told as text to a {} upstream: {reworded}", upstream.name());
        }
        self.dropped.set(std::mem::take(&mut translated.dropped));
        if self.is_referable(understood.form) {
            let stored = if understood.is_stored {
                "true"
            } else {
                "false"
            };
            translated.way_back.repeat("store", stored);
            if let Some(previous) = &understood.previous {
                let previous = json!(previous).to_string();
                translated
                    .way_back
                    .repeat("previous_response_id", &previous);
            }
        }
        // Less than was reserved.
        let _ = reservation.resize(translated.body.capacity());
        let asked = self.asked(upstream, member, call.action);
        if call.action == Action::Count {
            let body = translate::to_count(upstream, &member.upstream, &translated.body);
            let tokens = match body {
                Some(body) => self.counted(call, &asked, &body)?,
                None => translate::estimated_tokens(&ask).map_err(|why| self.refused(&why))?,
            };
            return Ok(self.number(tokens));
        }
        let outgoing = Call {
            body: &translated.body,
            model_span: None,
            alt: None,
            ..*call
        };
        let answer = self.call_ruled(&outgoing, rules, member, suffix)?;
        drop(translated.body);
        drop(reservation);
        if !call.stream {
            let whole = relay::crossing::whole(answer, translated.way_back, &asked)?;
            return Ok(Opening::Same(Opened::Whole(Box::new(whole))));
        }
        let opened = relay::stream::open(answer, &asked)?;
        let stream = Stream::new(translated.way_back, self.wants_array());
        let crossing = Crossing::new(opened, stream, &self.server.budget);
        match crossing.failure() {
            Some(failure) => Err(failure),
            None => Ok(Opening::Crossed(Box::new(crossing))),
        }
    }

    /// What is to be translated.
    pub(super) fn asking<'a>(
        &'a self,
        call: &Call<'a>,
        member: &'a Member,
        upstream: Dialect,
        understood: &'a Understood<'_>,
        suffix: Option<&'a str>,
        seed: &'a str,
    ) -> Ask<'a> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Ask {
            client: self.operation.dialect,
            form: understood.form,
            upstream,
            body: call.body,
            model: told(member, understood),
            upstream_model: &member.upstream,
            stream: call.stream,
            suffix,
            record: record(member),
            seed,
            now: now.as_secs(),
        }
    }

    /// By what an answer to `action` is read.
    pub(super) fn asked<'a>(
        &'a self,
        dialect: Dialect,
        member: &'a Member,
        action: Action,
    ) -> Asked<'a> {
        Asked {
            dialect,
            model: &member.upstream,
            is_generation: action == Action::Generate,
            event_bytes: MAX_EVENT,
            budget: &self.server.budget,
        }
    }

    /// Takes memory for a translation, or waits for it as long as a request waits for a worker.
    pub(super) fn reserve(&self, bytes: usize) -> Result<Reservation, Failure> {
        let budget = &self.server.budget;
        if bytes > budget.limit() {
            let problem = Problem::too_large_to_translate();
            let body = problem::render(self.operation.dialect, &problem);
            let now = SystemTime::now();
            return Err(Failure::of_status(
                problem.status.code(),
                Headers::default(),
                body,
                now,
            ));
        }
        let limit = Instant::now() + self.snapshot.config.limits.queue_timeout;
        loop {
            match budget.reserve(bytes) {
                Ok(reservation) => return Ok(reservation),
                Err(Exhausted) if Instant::now() >= limit => return Err(Failure::no_memory()),
                Err(Exhausted) if self.waiter.pause(MEMORY_RETRY) => {}
                Err(Exhausted) => {
                    let message = "the client has hung up";
                    return Err(Failure::new(FailureKind::ClientGone, message));
                }
            }
        }
    }

    /// What the client may have dropped. A prompt to be completed has no place for it.
    fn memory(&self, form: Form) -> Option<Arc<dyn Memory>> {
        if form == Form::Completions {
            return None;
        }
        let carried = Arc::new(Carried::new(&self.server.carriers, self.client_name()));
        self.carried.set(Some(Arc::clone(&carried)));
        Some(carried)
    }

    /// Calls the upstream; once more without what the conversation carries of another credential, if that is
    /// what it is refused for.
    pub(super) fn call(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        let refusal = match self.server.upstream.call(call) {
            Err(failure) if failure.status == Some(400) => failure,
            other => return other,
        };
        let dialect = call.target.kind.dialect();
        if !carriers::are_refused(dialect, &refusal.body) {
            return Err(refusal);
        }
        let Some(body) = carriers::without(dialect, call.body, call.model) else {
            return Err(refusal);
        };
        if let Some(carried) = self.carried.take() {
            carried.forget_given();
        }
        log::info!("asked again without what it carried: {refusal}");
        if logs::request_log::upstream::is_logged() {
            let said = String::from_utf8_lossy(&refusal.body);
            logs::request_log::upstream::failure(refusal.status, &said);
        }
        self.server.upstream.call(&Call {
            body: &body,
            model_span: None,
            ..*call
        })
    }

    /// Has the upstream count.
    fn counted(&self, call: &Call<'_>, asked: &Asked<'_>, body: &[u8]) -> Result<u64, Failure> {
        let answer = self.server.upstream.call(&Call {
            body,
            model_span: None,
            alt: None,
            ..*call
        })?;
        let whole = relay::whole::open_all(answer, asked)?;
        translate::counted(asked.dialect, whole.held()).ok_or_else(|| {
            Failure::new(
                FailureKind::Broken,
                "the upstream did not say how many tokens",
            )
        })
    }

    /// What cannot be said is the client's fault, told in its own dialect.
    pub(super) fn refused(&self, why: &Untranslatable) -> Failure {
        let Some(code) = why.code else {
            return Failure::new(FailureKind::Request, why.to_string());
        };
        let details = json!({"error_code": code, "unsupported": [why.path]});
        let problem = Problem {
            details: BTreeMap::from([("details", details)]),
            ..Problem::invalid_request(why.to_string())
        };
        let body = problem::render(self.operation.dialect, &problem);
        Failure::of_status(400, Headers::default(), body, SystemTime::now())
    }
}
