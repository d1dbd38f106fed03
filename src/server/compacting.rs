//! Compacting and counting for upstreams that do neither.

use std::time::{SystemTime, UNIX_EPOCH};

use super::attempt::Opening;
use super::generation::{Generation, Understood};
use crate::dialect::Dialect;
use crate::dialect::translate;
use crate::json;
use crate::provider::{Action, Call, Failure, FailureKind};
use crate::relay::{self, Opened, Whole};
use crate::routing::Member;
use crate::session::name::Client;
use crate::stored::reference;
use crate::stored::sealed::Sealer;
use crate::stored::summary::{self, Compacted};

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

    /// Asks the model of the conversation for a summary, and answers with it in the shape of a compaction.
    #[inline(never)]
    pub(super) fn summarized(
        &self,
        call: &Call<'_>,
        member: &Member,
        upstream: Dialect,
        understood: &Understood<'_>,
        suffix: Option<&str>,
    ) -> Result<Opening, Failure> {
        let client = Client::new(self.client_name());
        let texts = reference::input_of(call.body);
        let needed = 2 * call.body.len() + ASKED;
        let mut reservation = self.reserve(needed)?;
        let items = self.server.stored.items(client, &texts);
        let (items, _items) = items.map_err(|_| Failure::no_memory())?;
        let body = summary::request(call.body)
            .ok_or_else(|| Failure::new(FailureKind::Request, "the body is not a JSON object"))?;
        // Less than was reserved.
        let _ = reservation.resize(body.len());
        let members = json::members(&body).unwrap_or_default();
        let model = members.iter().find(|member| member.key == "model");
        let call = Call {
            action: Action::Generate,
            body: &body,
            model_span: model.map(|member| member.value),
            ..*call
        };
        let rules = self.rules(&call, member, understood);
        let whole = match upstream {
            Dialect::Responses => {
                let answer = self.call_ruled(&call, &rules, member, suffix)?;
                relay::whole::open_all(answer, &self.asked(upstream, member, call.action))?
            }
            _ => match self.translated(&call, member, upstream, understood, suffix, &rules)? {
                Opening::Same(Opened::Whole(whole)) => *whole,
                Opening::Same(Opened::Events(_)) | Opening::Crossed(_) => {
                    return Err(no_summary());
                }
            },
        };
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let compacted = Compacted {
            id: &format!("{}{:x}", self.access.id, now.as_nanos()),
            created: now.as_secs(),
            answer: whole.held(),
            items: &items,
        };
        let sealer = Sealer::new(self.client_name()).ok_or_else(no_summary)?;
        let object = compacted.object(&sealer).ok_or_else(no_summary)?;
        Ok(Opening::Same(Opened::Whole(Box::new(
            whole.replaced(object),
        ))))
    }

    /// Tokens as they are estimated, where the upstream does not count.
    pub(super) fn estimated(
        &self,
        call: &Call<'_>,
        member: &Member,
        upstream: Dialect,
        understood: &Understood<'_>,
    ) -> Result<Opening, Failure> {
        let ask = self.asking(call, member, upstream, understood, None, "");
        let tokens = translate::estimated_tokens(&ask).map_err(|why| self.refused(&why))?;
        Ok(self.number(tokens))
    }

    /// A number of tokens as an answer.
    pub(super) fn number(&self, tokens: u64) -> Opening {
        let body = translate::count_answer(self.operation.dialect, tokens);
        let whole = Whole::made(body, &self.server.budget);
        Opening::Same(Opened::Whole(Box::new(whole)))
    }
}

fn no_summary() -> Failure {
    Failure::new(FailureKind::Broken, "the model gave no summary")
}
