//! Finding the requested model in the catalog.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use super::context::Generation;
use super::parsed_request::ParsedRequest;
use crate::http::models;
use crate::routing::ModelEntry;
use crate::wire::model_name::ModelName;
use crate::wire::problem::Problem;

/// The model name that stands for the newest available model.
const AUTO: &str = "auto";

pub(super) struct RequestedModel<'a> {
    /// The model's id in the catalog.
    pub id: &'a str,
    pub entry: Entry<'a>,
    /// The reasoning suffix of the requested name, as in `model(high)`.
    pub suffix: Option<&'a str>,
}

pub(super) enum Entry<'a> {
    Listed(&'a ModelEntry),
    /// Not listed, but some upstreams may serve it.
    PassedOn(Arc<ModelEntry>),
}

impl Deref for Entry<'_> {
    type Target = ModelEntry;

    fn deref(&self) -> &ModelEntry {
        match self {
            Self::Listed(entry) => entry,
            Self::PassedOn(entry) => entry,
        }
    }
}

impl Generation<'_> {
    /// Finds the model of a request.
    ///
    /// # Errors
    /// When no credential serves it.
    #[inline(never)]
    pub(super) fn requested_model<'r>(
        &'r self,
        request: &'r ParsedRequest<'_>,
    ) -> Result<RequestedModel<'r>, Box<Problem>> {
        let name = ModelName::split(&request.model);
        let catalog = &self.snapshot.catalog;
        let listed = match catalog.entry(name.base) {
            Some(entry) => Some((name.base, entry)),
            None if name.base == AUTO => self.newest(),
            // An id may itself end in parentheses.
            None => catalog.entry(name.full).map(|entry| (name.full, entry)),
        };
        let (id, entry) = match listed {
            Some((id, entry)) => (id, Entry::Listed(entry)),
            None => match catalog.passed_on(name.base) {
                Some(entry) => (name.base, Entry::PassedOn(entry)),
                None => {
                    let near = models::nearest(&self.snapshot.listed, name.base);
                    return Err(Problem::unknown_model(&request.model, &near).into());
                }
            },
        };
        Ok(RequestedModel {
            suffix: name.suffix.filter(|_| id != name.full),
            id,
            entry,
        })
    }

    /// The newest model with an available credential.
    #[inline(never)]
    fn newest(&self) -> Option<(&str, &ModelEntry)> {
        let now = Instant::now();
        let entries = self.snapshot.catalog.entries();
        let usable = |entry: &ModelEntry| {
            self.services.routing.with(|router| {
                let mut candidates = entry.candidates().iter();
                candidates.any(|candidate| router.block(candidate, now).is_none())
            })
        };
        entries
            .filter(|(_, entry)| entry.model.created.is_some() && usable(entry))
            .max_by_key(|(_, entry)| entry.model.created)
    }
}
