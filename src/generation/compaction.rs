//! Compacting and counting for upstreams that do neither.

use std::io::Cursor;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::attempt::Opening;
use super::{Generation, ParsedRequest};
use crate::json;
use crate::provider::{Action, Answer, Call, Failure, FailureKind};
use crate::relay::{self, Opened, Whole};
use crate::routing::UpstreamModel;
use crate::session::name::Client;
use crate::stored::sealed::Sealer;
use crate::stored::summary::{self, Compacted};
use crate::stored::{Item, reference};
use crate::translate;
use crate::wire::Dialect;

/// Bytes by which a request for a summary is longer than the request to compact.
const ASKED: usize = 4 * 1024;

impl Generation<'_> {
    /// Whether an upstream does not have the path that was asked for, so that the gateway does the work: many servers
    /// that speak Responses have `/responses` only.
    pub(super) fn is_unknown_there(&self, failure: &Failure) -> bool {
        let is_optional = matches!(self.operation.action, Action::Compact | Action::Count);
        let is_responses = self.operation.dialect == Dialect::Responses;
        is_responses && is_optional && matches!(failure.status, Some(404 | 405 | 501))
    }

    /// Whether a request asks for its conversation to be compacted, by its last item, as Codex does.
    pub(super) fn asks_for_compaction(&self, call: &Call<'_>) -> bool {
        let is_answer = call.action == Action::Generate;
        let is_responses = self.operation.dialect == Dialect::Responses;
        is_answer && is_responses && summary::is_triggered(call.body)
    }

    /// Asks the model of the conversation for a summary, and answers with it in the shape of a compaction.
    #[inline(never)]
    pub(super) fn summarized(
        &self,
        call: &Call<'_>,
        upstream_model: &UpstreamModel,
        upstream: Dialect,
        understood: &ParsedRequest<'_>,
        suffix: Option<&str>,
    ) -> Result<Opening, Failure> {
        let client = Client::new(self.client_name());
        let texts = reference::input_of(call.body);
        let (items, _items) = self
            .services
            .stored
            .items(client, &texts)
            .map_err(|_| Failure::no_memory())?;
        let whole = self.summary(call, upstream_model, upstream, understood, suffix)?;
        let object = self.compacted(&whole, &items, |made, sealer| made.object(sealer))?;
        Ok(Opening::Same(Opened::Whole(Box::new(
            whole.replaced(object),
        ))))
    }

    /// The same, but the answer is a response of which the summary is the only item.
    #[inline(never)]
    pub(super) fn answered_with_summary(
        &self,
        call: &Call<'_>,
        upstream_model: &UpstreamModel,
        upstream: Dialect,
        understood: &ParsedRequest<'_>,
        suffix: Option<&str>,
    ) -> Result<Opening, Failure> {
        let whole = self.summary(call, upstream_model, upstream, understood, suffix)?;
        if !call.stream {
            let object = self.compacted(&whole, &[], |made, sealer| made.response(sealer))?;
            let whole = whole.replaced(object);
            return Ok(Opening::Same(Opened::Whole(Box::new(whole))));
        }
        let events = self.compacted(&whole, &[], |made, sealer| made.events(sealer))?;
        let answer = Answer {
            status: 200,
            headers: whole.headers.clone(),
            body: Box::new(Cursor::new(events)),
            waiter: self.waiter.clone(),
            redaction: Arc::clone(&whole.redaction),
        };
        let asked = self.asked(self.operation.dialect, upstream_model, call.action);
        relay::stream::open(answer, &asked).map(Opening::Same)
    }

    /// What the model answers when it is asked for a summary.
    fn summary(
        &self,
        call: &Call<'_>,
        upstream_model: &UpstreamModel,
        upstream: Dialect,
        understood: &ParsedRequest<'_>,
        suffix: Option<&str>,
    ) -> Result<Whole, Failure> {
        let mut reservation = self.reserve(2 * call.body.len() + ASKED)?;
        let body = summary::request(call.body)
            .ok_or_else(|| Failure::new(FailureKind::Request, "the body is not a JSON object"))?;
        // Less than was reserved.
        let _ = reservation.resize(body.len());
        let members = json::members(&body).unwrap_or_default();
        let model = members.iter().find(|member| member.key == "model");
        let call = Call {
            action: Action::Generate,
            stream: false,
            body: &body,
            model_span: model.map(|member| member.value),
            ..*call
        };
        let rules = self.rules(&call, upstream_model, understood);
        if upstream == Dialect::Responses {
            let answer = self.call_ruled(&call, &rules, upstream_model, suffix)?;
            return relay::whole::open_all(
                answer,
                &self.asked(upstream, upstream_model, call.action),
            );
        }
        match self.translated(&call, upstream_model, upstream, understood, suffix, &rules)? {
            Opening::Same(Opened::Whole(whole)) => Ok(*whole),
            Opening::Same(Opened::Events(_)) | Opening::Crossed(_) => Err(no_summary()),
        }
    }

    /// A summary in one of its shapes.
    fn compacted(
        &self,
        whole: &Whole,
        items: &[Arc<Item>],
        shape: impl Fn(&Compacted<'_>, &Sealer) -> Option<Vec<u8>>,
    ) -> Result<Vec<u8>, Failure> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let compacted = Compacted {
            id: &format!("{}{:x}", self.access.id, now.as_nanos()),
            created: now.as_secs(),
            answer: whole.held(),
            items,
        };
        let sealer = Sealer::new(self.client_name()).ok_or_else(no_summary)?;
        shape(&compacted, &sealer).ok_or_else(no_summary)
    }

    /// Tokens as they are estimated, where the upstream does not count.
    pub(super) fn estimated(
        &self,
        call: &Call<'_>,
        upstream_model: &UpstreamModel,
        upstream: Dialect,
        understood: &ParsedRequest<'_>,
    ) -> Result<Opening, Failure> {
        let ask = self.asking(call, upstream_model, upstream, understood, None, "");
        let tokens = translate::estimated_tokens(&ask).map_err(|why| self.refused(&why))?;
        Ok(self.number(tokens))
    }

    /// A number of tokens as an answer.
    pub(super) fn number(&self, tokens: u64) -> Opening {
        let body = translate::count_answer(self.operation.dialect, tokens);
        let whole = Whole::made(body, &self.services.budget);
        Opening::Same(Opened::Whole(Box::new(whole)))
    }
}

fn no_summary() -> Failure {
    Failure::new(FailureKind::Broken, "the model gave no summary")
}
