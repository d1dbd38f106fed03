//! From a model name to a credential that answers: catalog, candidates, selection, attempts.

pub mod catalog;
pub mod dispatch;
pub mod selection;
pub mod verdict;

pub use catalog::{Candidate, Catalog};
pub use dispatch::{Order, Placed, Policy, State, Unserved};
