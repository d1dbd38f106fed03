//! JSON as spans over the bytes that came in: found once, never turned into a tree.

/// A half-open range of byte offsets into a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}
