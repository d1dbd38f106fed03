//! Storing answers of the Responses API, so that later requests can refer to them.

use std::sync::Arc;
use std::time::Instant;

use super::context::Generation;
use super::inbound::Inbound;
use super::parsed_request::ParsedRequest;
use crate::budget::Reservation;
use crate::provider::Action;
use crate::relay::AnswerEnd;
use crate::routing::{Candidate, UpstreamModel};
use crate::session::name::Client;
use crate::stored::{AtUpstream, Item, NewAnswer, Parts, item, reference};
use crate::translate::Form;
use crate::wire::Dialect;

/// Where the answer to a request is stored.
pub(super) enum AnswerStorage {
    None,
    Upstream(AtUpstream),
    Gateway(Turn),
}

/// The conversation that an answer belongs to.
pub(super) struct Turn {
    context: Vec<Arc<Item>>,
    /// Memory for the items that are not stored yet.
    _reservation: Reservation,
}

impl Generation<'_> {
    /// Whether later requests can refer to the answer.
    pub(super) fn is_referable(&self, form: Form) -> bool {
        let operation = &self.operation;
        (operation.dialect, operation.action, form)
            == (Dialect::Responses, Action::Generate, Form::Usual)
    }

    /// Where the answer of `candidate` is to be stored.
    #[inline(never)]
    pub(super) fn answer_storage(
        &self,
        candidate: &Candidate,
        upstream_model: &UpstreamModel,
        inbound: &Inbound,
        request: &ParsedRequest<'_>,
    ) -> AnswerStorage {
        if !self.is_referable(request.form) || !request.is_stored {
            return AnswerStorage::None;
        }
        if candidate.credential.keeps_answers() {
            let names = request.rename(upstream_model);
            return AnswerStorage::Upstream(AtUpstream {
                credential: Arc::clone(candidate.id()),
                names: names.map(|names| (names.upstream.into(), names.client.into())),
            });
        }
        let texts = reference::input_of(inbound.upstream_body());
        let client = Client::new(self.client_key());
        match self.services.stored.items(client, &texts) {
            Ok((context, _reservation)) => AnswerStorage::Gateway(Turn {
                context,
                _reservation,
            }),
            Err(exhausted) => {
                log::warn!("an answer cannot be stored: {exhausted}");
                AnswerStorage::None
            }
        }
    }

    /// Stores a finished answer. Returns its id.
    #[inline(never)]
    pub(super) fn store_answer(
        &self,
        storage: &mut AnswerStorage,
        end: &AnswerEnd<'_>,
    ) -> Option<String> {
        let store = &self.services.stored;
        let (client, now) = (Client::new(self.client_key()), Instant::now());
        match std::mem::replace(storage, AnswerStorage::None) {
            AnswerStorage::None => end.response.map(str::to_owned),
            AnswerStorage::Upstream(there) => {
                let parts = end.whole.and_then(Parts::of);
                let Some(parts) = parts.filter(|parts| parts.store != Some(false)) else {
                    let id = end.response.map(str::to_owned)?;
                    if !end.whole.is_some_and(is_unstored) {
                        store.note(client, &id, Vec::new(), there, now);
                    }
                    return Some(id);
                };
                let id = parts.id.clone();
                let ids = parts.output.iter().filter_map(|text| {
                    let id = item::string(item::member(text, "id")?)?;
                    Some(id.into())
                });
                store.note(client, &id, ids.collect(), there, now);
                Some(id)
            }
            AnswerStorage::Gateway(turn) => {
                let Some(parts) = end.whole.and_then(Parts::of) else {
                    log::debug!("an answer is too long to be stored");
                    return end.response.map(str::to_owned);
                };
                let id = parts.id.clone();
                let context = turn.context;
                store.keep(client, NewAnswer { parts, context }, now);
                Some(id)
            }
        }
    }
}

/// Whether an answer has `"store": false`.
fn is_unstored(whole: &[u8]) -> bool {
    let text = std::str::from_utf8(whole).unwrap_or_default();
    item::member(text, "store") == Some("false")
}
