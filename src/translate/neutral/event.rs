//! What an answer says, piece by piece.

use super::search::Search;
use super::signature::Signature;
use crate::wire::problem::{Class, ErrorStatus};
use crate::wire::usage::Usage;

/// One step of an answer. `block` is an ordinal that only grows within a choice: what belongs to one piece of
/// content has one block, and no wire index stands behind it.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Start {
        /// As the upstream gave it.
        id: Option<String>,
        /// Seconds since 1970.
        created: Option<u64>,
    },
    TextDelta {
        choice: u32,
        block: u32,
        text: String,
    },
    ReasoningDelta {
        choice: u32,
        block: u32,
        text: String,
    },
    /// Closes a block of reasoning.
    ReasoningSignature {
        choice: u32,
        block: u32,
        signature: Signature,
    },
    /// Reasoning without a readable word.
    ReasoningOpaque {
        choice: u32,
        block: u32,
        signature: Signature,
    },
    RefusalDelta {
        choice: u32,
        block: u32,
        text: String,
    },
    ToolStart {
        choice: u32,
        block: u32,
        id: String,
        name: String,
        signature: Option<Signature>,
    },
    ToolArgs {
        choice: u32,
        block: u32,
        delta: String,
    },
    ToolEnd {
        choice: u32,
        block: u32,
    },
    Citation {
        choice: u32,
        block: u32,
        citation: Citation,
    },
    /// Once it has been made.
    Search {
        choice: u32,
        block: u32,
        search: Search,
    },
    ImageOut {
        choice: u32,
        block: u32,
        mime: String,
        /// Base64.
        data: String,
    },
    /// All that has been said of it so far.
    Usage(Usage),
    Finish {
        choice: u32,
        finish: Finish,
        /// The upstream's own word.
        native: String,
    },
    Error {
        status: u16,
        message: String,
        class: Option<Class>,
    },
}

impl Event {
    /// Which of the answers side by side it belongs to.
    pub fn choice(&self) -> Option<u32> {
        match self {
            Self::Start { .. } | Self::Usage(_) | Self::Error { .. } => None,
            Self::TextDelta { choice, .. }
            | Self::ReasoningDelta { choice, .. }
            | Self::ReasoningSignature { choice, .. }
            | Self::ReasoningOpaque { choice, .. }
            | Self::RefusalDelta { choice, .. }
            | Self::ToolStart { choice, .. }
            | Self::ToolArgs { choice, .. }
            | Self::ToolEnd { choice, .. }
            | Self::Citation { choice, .. }
            | Self::Search { choice, .. }
            | Self::ImageOut { choice, .. }
            | Self::Finish { choice, .. } => Some(*choice),
        }
    }

    /// Whether it is a text without a word, which opens nothing.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::TextDelta { text, .. }
            | Self::ReasoningDelta { text, .. }
            | Self::RefusalDelta { text, .. } => text.is_empty(),
            _ => false,
        }
    }
}

/// A source that a text refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Citation {
    pub url: String,
    pub title: String,
    pub cited_text: String,
    /// Characters of the block that it is of, where known.
    pub range: Option<(u64, u64)>,
}

/// Why an answer ends (spec/dialects.md 4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    EndTurn,
    StopSequence(Option<String>),
    ToolCalls,
    MaxTokens,
    ContextWindow,
    ContentFilter,
    Refusal,
    Pause,
}

impl Finish {
    /// The reason, for an answer that does or does not hold a call of a tool (spec/dialects.md 4.2).
    pub fn given(self, has_calls: bool) -> Self {
        match (self, has_calls) {
            (Self::EndTurn | Self::StopSequence(_), true) => Self::ToolCalls,
            (Self::ToolCalls, false) => Self::EndTurn,
            (other, _) => other,
        }
    }

    /// The answer was cut.
    pub fn is_incomplete(&self) -> bool {
        matches!(
            self,
            Self::MaxTokens | Self::ContextWindow | Self::ContentFilter | Self::Refusal
        )
    }
}

/// The failure that a vendor's error object tells of, wherever it is nested.
pub fn error_of(error: serde_json::Value) -> Event {
    let text = error.to_string();
    let message = ["/message", "/error/message", "/detail"]
        .iter()
        .find_map(|path| error.pointer(path)?.as_str())
        .or_else(|| error.as_str())
        .map_or_else(|| text.chars().take(512).collect(), str::to_owned);
    let status = crate::wire::event::error_status(text.as_bytes());
    let object = match error.get("error") {
        Some(inner) if inner.is_object() => inner,
        _ => &error,
    };
    Event::Error {
        status,
        class: Class::of(ErrorStatus::from_upstream(status), object, &message),
        message,
    }
}
