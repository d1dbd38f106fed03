//! JSON as spans over the bytes that came in: found once, never turned into a tree.

pub mod fields;
mod members;
mod nesting;
mod runs;
mod scanner;
mod splice;
mod string;
mod value;

use std::fmt;

pub use members::{Member, elements, members};
pub use scanner::{Oddities, Scanner};
pub use splice::Splice;
pub use string::Text;
pub use value::Value;

/// A half-open range of byte offsets into a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

/// Where a text stops being JSON (RFC 8259), and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Bytes from the beginning of the text.
    pub offset: usize,
    pub reason: &'static str,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.reason, self.offset)
    }
}

impl std::error::Error for Invalid {}
