//! Compaction and token counts for upstreams without these endpoints.

use std::io::Cursor;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::context::{Attempt, Opening};
use crate::credential::UpstreamKind;
use crate::failure::{Failure, FailureKind};
use crate::provider::{Action, Answer, Call};
use crate::relay::{self, Opened, Whole};
use crate::session::name::Client;
use crate::stored::sealed::Sealer;
use crate::stored::summary::{self, Compacted};
use crate::stored::{Item, reference};
use crate::wire::Dialect;
use crate::{json, translate};

/// Bytes that the summary instructions add to a request.
const INSTRUCTIONS: usize = 4 * 1024;

impl Attempt<'_> {
    /// Whether the upstream lacks the requested endpoint, so that the gateway does the work. Many servers with the
    /// Responses API have `/responses` only, and Kimi may not count tokens.
    pub fn lacks_endpoint(&self, failure: &Failure) -> bool {
        let is_responses = self.generation.operation.dialect == Dialect::Responses;
        let is_optional = match self.generation.operation.action {
            Action::Compact => is_responses,
            Action::Count => is_responses || self.kind() == UpstreamKind::KimiMessages,
            Action::Generate | Action::Stored(_) | Action::Models(_) | Action::Forward(_) => false,
        };
        is_optional && matches!(failure.status, Some(404 | 405 | 501))
    }

    /// Whether the last item of a request triggers compaction, as Codex sends it.
    pub fn requests_compaction(&self, call: &Call<'_>) -> bool {
        let is_answer = call.action == Action::Generate;
        let is_responses = self.generation.operation.dialect == Dialect::Responses;
        is_answer && is_responses && summary::is_triggered(call.body)
    }

    /// Requests a summary from the conversation's model, and answers with it as a compaction.
    #[inline(never)]
    pub fn compact(&self, call: &Call<'_>) -> Result<Opening, Failure> {
        let client = Client::new(self.generation.client_key());
        let texts = reference::input_of(call.body);
        let (items, _items) = self
            .generation
            .services
            .stored
            .items(client, &texts)
            .map_err(|_| Failure::no_memory())?;
        let whole = self.request_summary(call)?;
        let object = self.compacted(&whole, &items, |made, sealer| made.object(sealer))?;
        Ok(Opening::Same(Opened::Whole(Box::new(
            whole.replaced(object),
        ))))
    }

    /// Like [`Attempt::compact`], but the answer is a response with the summary as its only item.
    #[inline(never)]
    pub fn compact_in_response(&self, call: &Call<'_>) -> Result<Opening, Failure> {
        let whole = self.request_summary(call)?;
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
            waiter: self.generation.waiter.clone(),
            redaction: Arc::clone(&whole.redaction),
        };
        let expected = self.expected(self.generation.operation.dialect, call.action);
        relay::stream::open(answer, &expected).map(Opening::Same)
    }

    /// The model's answer to the request for a summary.
    fn request_summary(&self, call: &Call<'_>) -> Result<Whole, Failure> {
        let mut reservation = self
            .generation
            .reserve(2 * call.body.len() + INSTRUCTIONS)?;
        let body = summary::request(call.body)
            .ok_or_else(|| Failure::new(FailureKind::Request, "the body is not a JSON object"))?;
        // Cannot fail: it shrinks.
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
        let rules = self.rules(&call);
        if self.upstream() == Dialect::Responses {
            let answer = self.call_with_rules(&call, &rules)?;
            return relay::whole::open_all(answer, &self.expected(Dialect::Responses, call.action));
        }
        match self.translated(&call, &rules)? {
            Opening::Same(Opened::Whole(whole)) => Ok(*whole),
            Opening::Same(Opened::Events(_)) | Opening::Translated(_) => Err(no_summary()),
        }
    }

    /// The summary in the format that `shape` writes.
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
            id: &format!("{}{:x}", self.generation.access.id, now.as_nanos()),
            created: now.as_secs(),
            answer: whole.held(),
            items,
        };
        let sealer = Sealer::new(self.generation.client_key()).ok_or_else(no_summary)?;
        shape(&compacted, &sealer).ok_or_else(no_summary)
    }

    /// An estimated token count.
    pub fn estimate_tokens(&self, call: &Call<'_>) -> Result<Opening, Failure> {
        let input = self.translation_input(call, None, "");
        let tokens =
            translate::estimated_tokens(&input).map_err(|why| self.untranslatable(&why))?;
        Ok(self.count_answer(tokens))
    }

    /// A token count as an answer.
    pub fn count_answer(&self, tokens: u64) -> Opening {
        let body = translate::count_answer(self.generation.operation.dialect, tokens);
        let whole = Whole::made(body, &self.generation.services.budget);
        Opening::Same(Opened::Whole(Box::new(whole)))
    }
}

fn no_summary() -> Failure {
    Failure::new(FailureKind::Broken, "the model's answer has no summary")
}
