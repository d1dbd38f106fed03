//! Answers that clients of Responses refer to later: `previous_response_id`, `item_reference`, and the paths below
//! `/v1/responses/{id}`.
//!
//! What an upstream keeps itself is only noted, with the credential that has it. Of all others the answer is kept here
//! as text, per client key, in memory, within bounds ([`Store`]). Nothing of it is written to disk, and nothing is
//! found by another client's key.

mod answer;
mod held;
pub mod item;
#[cfg(test)]
mod model_test;
pub mod page;
pub mod reference;
pub mod sealed;
mod store;
pub mod summary;

pub use answer::{Answer, Parts};
pub use item::Item;
pub use reference::{Put, References, What};
pub use store::{AtUpstream, Bounds, Found, LIFE, NewAnswer, SWEEP, Store};
