//! What is known of an answer before it is read.

use crate::budget::Budget;
use crate::wire::Dialect;

/// The expected answer to a request.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedAnswer<'a> {
    /// The dialect of the upstream.
    pub dialect: Dialect,
    /// The model, as the upstream calls it.
    pub model: &'a str,
    /// A generation, whose answer must have content; false for token counts.
    pub is_generation: bool,
    /// The longest event of a stream, bytes.
    pub event_bytes: usize,
    /// The budget for answers in memory.
    pub budget: &'a Budget,
}
