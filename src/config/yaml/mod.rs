//! A YAML document as a tree with the position of every value.
//!
//! Scalars keep their source text: what `1.50` or `yes` means is decided by whoever reads the key, so
//! that a text value arrives exactly as written.

mod advice;
mod anchors;
mod compose;
mod scalar;
#[cfg(test)]
mod tests;
mod tree;

pub use advice::advice;
pub use compose::parse;
pub use scalar::{Scalar, Style};
pub use tree::{Entry, Node, Value, join};
