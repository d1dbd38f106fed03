//! The wire formats. Pure: no I/O, no clock.

mod arguments;
pub mod carriers;
pub mod chat;
mod choice;
pub mod choice_error;
pub mod event;
pub mod gemini;
pub mod memory;
pub mod messages;
pub mod model_name;
pub mod neutral;
mod openai;
pub mod opening;
pub mod output;
mod pieces;
pub mod problem;
#[allow(
    clippy::indexing_slicing,
    reason = "Only members of objects that are made there are set"
)]
pub mod responses;
pub mod thinking;
pub mod translate;
pub mod usage;

/// A family of request and answer bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI Chat Completions.
    Chat,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Messages,
    /// Gemini `generateContent` and its siblings.
    Gemini,
}

impl Dialect {
    pub const ALL: [Self; 4] = [Self::Chat, Self::Responses, Self::Messages, Self::Gemini];

    /// The name used in logs, messages and the demo.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::Gemini => "gemini",
        }
    }
}
