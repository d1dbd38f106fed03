//! The keys by which routing finds a request's session.

use super::context::Generation;
use super::parsed_request::ParsedRequest;
use crate::session::bindings::Key;
use crate::session::name::{Client, Name};

impl Generation<'_> {
    /// The names or prefixes of the request's session, if it belongs to one.
    #[inline(never)]
    pub(super) fn session_key(&self, request: &ParsedRequest<'_>, model: &str) -> Option<Key> {
        let ParsedRequest {
            identity, prefix, ..
        } = request;
        let client = self.client_key();
        let name = |session: &str| Name::new(client, session, model);
        if prefix.is_empty() {
            let names: Vec<Name> = identity.names().map(name).collect();
            return (!names.is_empty()).then_some(Key {
                client: Client::new(client),
                names,
                prefix: None,
            });
        }
        let named = identity.previous_response.iter().chain(&identity.others);
        Some(Key {
            client: Client::new(client),
            names: named.map(|session| name(session)).collect(),
            prefix: Some((name(""), prefix.clone())),
        })
    }

    /// The parent session, whose credential this session starts with.
    pub(super) fn parent_key(&self, request: &ParsedRequest<'_>, model: &str) -> Option<Key> {
        let routing = &self.snapshot.config.routing;
        let parent = request.identity.parent.as_deref()?;
        routing.session_affinity_subagents.then(|| Key {
            client: Client::new(self.client_key()),
            names: vec![Name::new(self.client_key(), parent, model)],
            prefix: None,
        })
    }
}
