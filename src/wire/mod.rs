//! What traffic in one dialect needs: events, usage, errors, names of models. Pure: no I/O, no clock.

pub mod choice_error;
pub mod event;
pub mod model_name;
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
