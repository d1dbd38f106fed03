//! State that all requests share, independent of the configuration snapshot.

use std::sync::Arc;

use super::hooks::{Filter, Observer};
use crate::budget::Budget;
use crate::provider::Upstream;
use crate::routing::State;
use crate::session::signature_store::SignatureStore;
use crate::stored::Store;
use crate::tokens::TokenStore;
use crate::usage::Statistics;

/// Shared state; it is kept on reload.
pub struct Services {
    pub routing: State,
    /// Reasoning signatures of earlier answers.
    pub signatures: Arc<SignatureStore>,
    /// Stored answers of the Responses API.
    pub stored: Store,
    pub upstream: Arc<Upstream>,
    /// The tokens of credential files.
    pub tokens: Arc<TokenStore>,
    /// The largest decoded request body, bytes.
    pub body_limit: u64,
    pub budget: Budget,
    pub filter: Option<Filter>,
    pub observer: Option<Observer>,
    pub usage: Statistics,
}
