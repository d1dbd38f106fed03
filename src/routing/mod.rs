//! From a model name to a credential that answers: catalog, candidates, selection, attempts.
//!
//! [`router`] decides, without I/O and without a clock; [`dispatch`] calls one candidate after another and
//! reports each result to it.

mod attempt_state;
pub mod catalog;
mod credential_ids;
pub mod dispatch;
mod dispatch_error;
mod explain;
pub mod health;
#[cfg(test)]
mod model_test;
mod near;
mod placement;
mod policy;
mod retry_round;
pub mod router;
mod selection;
mod serving;

pub use attempt_state::{AttemptState, Pick};
pub use catalog::{Candidate, Catalog, ModelEntry, UpstreamModel};
pub use credential_ids::CredentialIds;
pub use dispatch::State;
pub use dispatch_error::{Availability, DispatchError};
pub use policy::Policy;
pub use router::{RouteRequest, Router, Servers};
pub use serving::{Placed, Serving};
