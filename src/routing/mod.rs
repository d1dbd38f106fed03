//! From a model name to a credential that answers: catalog, candidates, selection, attempts.
//!
//! [`router`] decides, without I/O and without a clock; [`dispatch`] asks one candidate after another and
//! tells it what came of it.

pub mod catalog;
pub mod dispatch;
mod explain;
pub mod health;
mod holders;
#[cfg(test)]
mod model_test;
mod near;
mod placement;
mod policy;
mod rounds;
pub mod router;
mod selection;
mod serving;
mod unserved;
mod visit;

pub use catalog::{Candidate, Catalog, Member, Offer};
pub use dispatch::State;
pub use holders::Holders;
pub use policy::Policy;
pub use router::{Order, Router, Servers};
pub use serving::{Placed, Serving};
pub use unserved::{Standstill, Unserved};
pub use visit::{Pick, Visit};
