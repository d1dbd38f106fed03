//! From a model name to a credential that answers: catalog, candidates, selection, attempts.
//!
//! [`router`] decides, without I/O and without a clock; [`dispatch`] calls one candidate after another and
//! reports each result to it.

mod attempt_state;
pub mod catalog;
mod cooldowns;
pub mod dispatch;
mod dispatch_error;
mod explain;
pub mod health;
#[cfg(test)]
mod model_test;
mod placement;
mod retry_round;
mod rotations;
mod route_request;
pub mod router;
mod serving;
mod state;

pub use attempt_state::{AttemptState, Pick};
pub use catalog::{Candidate, Catalog, CredentialIds, ModelEntry, UpstreamModel};
pub use cooldowns::SavedCooldown;
pub use dispatch_error::{Availability, DispatchError};
pub use route_request::{Policy, RouteRequest, Servers};
pub use router::Router;
pub use serving::{Placed, Serving};
pub use state::State;
