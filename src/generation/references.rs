//! Resolving references of Responses requests (`previous_response_id`, item ids, compaction items) before routing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::context::Generation;
use super::inbound::{Inbound, ResolvedBody};
use super::parsed_request::{Needs, ParsedRequest};
use crate::routing::Servers;
use crate::session::name::Client;
use crate::stored::sealed::Sealer;
use crate::stored::{AtUpstream, Found, Item, Put, References, What, summary};
use crate::wire::problem::Problem;

/// `Retry-After` of a request that does not fit into memory.
const MEMORY_PAUSE: Duration = Duration::from_secs(1);

impl Generation<'_> {
    /// Replaces references to stored answers and items with their content. References to answers that an upstream stores
    /// restrict routing to that upstream.
    ///
    /// # Errors
    /// When the request becomes too large.
    #[inline(never)]
    pub(super) fn replace_references(
        &self,
        inbound: &mut Inbound,
        request: &mut ParsedRequest<'_>,
    ) -> Result<(), Box<Problem>> {
        let mut needs = Needs::default();
        if request.background {
            needs.add(Servers::Keepers, Problem::no_background());
        }
        let body = match References::of(&inbound.body) {
            Some(references) => self.resolved(&references, request, &mut needs)?,
            None => None,
        };
        request.needs = needs;
        if let Some(resolved) = body {
            request.model_span = model_span(&resolved.body);
            inbound.resolved = Some(resolved);
        }
        Ok(())
    }

    /// The body with resolved references; `None` if it is unchanged.
    fn resolved(
        &self,
        references: &References<'_>,
        request: &mut ParsedRequest<'_>,
        needs: &mut Needs,
    ) -> Result<Option<ResolvedBody>, Box<Problem>> {
        let store = &self.services.stored;
        let (client, now) = (Client::new(self.client_key()), Instant::now());
        let credential_ids = &self.services.routing.credential_ids;
        let at = |there: &AtUpstream| Servers::One(credential_ids.number(&there.credential));
        let mut before = None;
        if let Some(id) = &references.previous {
            request.previous = Some(id.clone().into_owned());
            let unknown = || Problem::previous_response_not_found(id);
            match store.answer(client, id, now) {
                Found::Here(answer) => before = Some(answer),
                Found::AtUpstream(there) => needs.add(at(&there), unknown()),
                Found::Nowhere => needs.add(Servers::Keepers, unknown()),
            }
        }
        let mut sealer = None;
        let puts: Vec<Put> = references
            .named
            .iter()
            .map(|named| match &named.what {
                What::Item(id) => {
                    let unknown = || Problem::item_not_found(id, !request.is_stored);
                    match store.item(client, id) {
                        Found::Here(item) => return Put::Item(item),
                        Found::AtUpstream(there) => needs.add(at(&there), unknown()),
                        Found::Nowhere => needs.add(Servers::Keepers, unknown()),
                    }
                    Put::Nothing
                }
                What::Sealed(text) => {
                    let sealer = sealer.get_or_insert_with(|| Sealer::new(self.client_key()));
                    let summary = sealer.as_ref().and_then(|sealer| sealer.open(text));
                    if summary.is_none() {
                        log::debug!(
                            "a compaction item was created for another client key, or is damaged"
                        );
                    }
                    Put::Text(summary::message(summary.as_deref()))
                }
            })
            .collect();
        let before: Option<[&[Arc<Item>]; 2]> = before
            .as_ref()
            .map(|answer| [&*answer.context, &*answer.output]);
        let is_same = puts.iter().all(|put| matches!(put, Put::Nothing));
        if before.is_none() && is_same {
            return Ok(None);
        }
        let before = before.as_ref().map(<[&[Arc<Item>]; 2]>::as_slice);
        let size = references.size(before.unwrap_or_default(), &puts);
        let limit = self.services.body_limit;
        if size as u64 > limit {
            return Err(Problem::too_large_with_references(limit).into());
        }
        let _reservation = self
            .reserve(size)
            .map_err(|_| Problem::overloaded(MEMORY_PAUSE))?;
        let body = references.put_in(before, &puts);
        Ok(Some(ResolvedBody { body, _reservation }))
    }
}

/// The position of the model in a body.
fn model_span(body: &[u8]) -> Option<crate::json::Span> {
    let members = crate::json::members(body).ok()?;
    let model = members.iter().find(|member| member.key == "model");
    model.map(|member| member.value)
}
