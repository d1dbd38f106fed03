//! What traffic within one dialect needs: events, usage, errors, model names. No I/O, no clock.

pub mod choice_error;
mod choices;
mod error_status;
pub mod event;
pub mod model_name;
mod needle;
pub mod opening;
pub mod output_items;
pub mod problem;
pub mod signatures;
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
