//! Reasoning: what the client asks for, what the model supports, and how the upstream is asked.

mod effort;
mod read;
mod same;
mod settle;
mod support;
mod write;

pub use effort::{Effort, Level, ReasoningRequest};
pub use read::{SETTINGS, read};
pub use same::{fitted, refitted, suffixed, without_effort};
pub use settle::{Target, settle};
pub use support::{ReasoningSupport, Switch, Thinking, support};
pub use write::write;

#[cfg(test)]
mod tests;
