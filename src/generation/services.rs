//! What all requests share, whatever the configuration says.

use std::sync::Arc;

use super::hooks::{Filter, Observer};
use crate::budget::Budget;
use crate::provider::Upstream;
use crate::routing::State;
use crate::session::signature_store::SignatureStore;
use crate::stored::Store;
use crate::usage::Statistics;

/// Survives reloads.
pub struct Services {
    pub routing: State,
    /// Reasoning signatures that clients drop.
    pub signatures: Arc<SignatureStore>,
    /// Answers that clients refer to later.
    pub stored: Store,
    pub upstream: Upstream,
    /// Bytes of a request body once it is decoded.
    pub body_limit: u64,
    pub budget: Budget,
    pub filter: Option<Filter>,
    pub observer: Option<Observer>,
    pub usage: Statistics,
}
