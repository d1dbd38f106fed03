//! Payload rules: what the configuration changes in a body just before it is sent.
//!
//! [`Rules`] are compiled once. [`Rules::select`] says which of them concern a request, by its names alone;
//! [`Selected::apply`] changes the body. A [`Path`] works on the bytes: what it does not name stays as it
//! is, and a body that no rule touches is the very slice that came in.

mod apply;
mod edit;
mod path;
mod read;
mod rules;
mod spelling;

pub use apply::Selected;
pub use edit::{delete, set};
pub use path::{NotAPath, Path};
pub use read::{exists, get};
pub use rules::{Condition, Edit, Protocol, Request, Row, Rule, Rules, Section};

pub use crate::glob::Glob;

#[cfg(test)]
mod tests;
