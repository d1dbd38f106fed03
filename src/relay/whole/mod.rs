//! Answers that are one JSON body.

mod body;
mod copy;
mod held;
mod open;

pub use body::Whole;
pub(super) use open::events;
pub use open::{open, open_all};
