//! Stored responses of the Responses API: `previous_response_id`, `item_reference`, and the paths below
//! `/v1/responses/{id}`.
//!
//! If an upstream stores its responses, only the credential that has them is recorded. All other responses are stored
//! here as text, per client key, in memory, with limits ([`Store`]). They are not written to disk, and other client keys
//! cannot access them.

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
