//! Answers to Responses clients are kept, or noted, so that later requests can refer to them.

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

/// Who keeps the answer to a request.
pub(super) enum AnswerStorage {
    None,
    Upstream(AtUpstream),
    /// This gateway.
    Gateway(Turn),
}

/// The conversation that an answer belongs to.
pub(super) struct Turn {
    context: Vec<Arc<Item>>,
    /// For the items that are not in the store already.
    _reservation: Reservation,
}

impl Generation<'_> {
    /// Whether the answer is one that can be referred to later.
    pub(super) fn is_referable(&self, form: Form) -> bool {
        let operation = &self.operation;
        (operation.dialect, operation.action, form)
            == (Dialect::Responses, Action::Generate, Form::Usual)
    }

    /// Who is to keep the answer of `candidate`.
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
                log::warn!("an answer will not be found by its id: {exhausted}");
                AnswerStorage::None
            }
        }
    }

    /// Keeps an answer that is over. Returns the id by which it can be referred to.
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
                    let says_not = end.whole.is_some_and(says_unstored);
                    if !says_not {
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
                    log::debug!("an answer was too long to be kept");
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

/// Whether an answer says that it is not stored.
fn says_unstored(whole: &[u8]) -> bool {
    let text = std::str::from_utf8(whole).unwrap_or_default();
    item::member(text, "store") == Some("false")
}
