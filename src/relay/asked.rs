//! What an answer is read by.

use crate::budget::Budget;
use crate::wire::Dialect;

/// What was asked of an upstream, as far as its answer is read by it.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedAnswer<'a> {
    /// The upstream's.
    pub dialect: Dialect,
    /// The model, as the upstream calls it.
    pub model: &'a str,
    /// A model is to answer, so that an answer that says nothing is none; not so for a number of tokens.
    pub is_generation: bool,
    /// The longest event of a stream, bytes.
    pub event_bytes: usize,
    /// What answers that are held are taken from.
    pub budget: &'a Budget,
}
