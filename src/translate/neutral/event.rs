//! The events of an answer.

use super::search::Search;
use super::signature::Signature;
use crate::wire::problem::{Class, ErrorStatus};
use crate::wire::usage::Usage;

/// A piece of content of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId {
    pub choice: u32,
    /// Ascending within a choice; not an index of any dialect.
    pub block: u32,
}

impl BlockId {
    pub fn new(choice: u32, block: u32) -> Self {
        Self { choice, block }
    }
}

/// One step of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Start {
        /// As the upstream gave it.
        id: Option<String>,
        /// Seconds since 1970.
        created: Option<u64>,
    },
    TextDelta(BlockId, String),
    ReasoningDelta(BlockId, String),
    /// Closes a block of reasoning.
    ReasoningSignature(BlockId, Signature),
    /// Encrypted reasoning.
    ReasoningOpaque(BlockId, Signature),
    RefusalDelta(BlockId, String),
    ToolStart {
        choice: u32,
        block: u32,
        id: String,
        name: String,
        signature: Option<Signature>,
    },
    ToolArgs(BlockId, String),
    ToolEnd(BlockId),
    Citation(BlockId, Citation),
    /// A completed search.
    Search(BlockId, Search),
    ImageOut {
        choice: u32,
        block: u32,
        mime: String,
        /// Base64.
        data: String,
    },
    /// The usage so far.
    Usage(Usage),
    Finish {
        choice: u32,
        finish: Finish,
        /// The upstream's finish reason.
        native: String,
    },
    Error {
        status: u16,
        message: String,
        class: Option<Class>,
    },
}

impl Event {
    /// The choice that the event belongs to.
    pub fn choice(&self) -> Option<u32> {
        match self {
            Self::Start { .. } | Self::Usage(_) | Self::Error { .. } => None,
            Self::TextDelta(BlockId { choice, .. }, _)
            | Self::ReasoningDelta(BlockId { choice, .. }, _)
            | Self::ReasoningSignature(BlockId { choice, .. }, _)
            | Self::ReasoningOpaque(BlockId { choice, .. }, _)
            | Self::RefusalDelta(BlockId { choice, .. }, _)
            | Self::ToolStart { choice, .. }
            | Self::ToolArgs(BlockId { choice, .. }, _)
            | Self::ToolEnd(BlockId { choice, .. })
            | Self::Citation(BlockId { choice, .. }, _)
            | Self::Search(BlockId { choice, .. }, _)
            | Self::ImageOut { choice, .. }
            | Self::Finish { choice, .. } => Some(*choice),
        }
    }

    /// Whether it is an empty text, which opens no block.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::TextDelta(_, text)
            | Self::ReasoningDelta(_, text)
            | Self::RefusalDelta(_, text) => text.is_empty(),
            _ => false,
        }
    }
}

/// A web page that a text cites.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Citation {
    pub url: String,
    pub title: String,
    pub cited_text: String,
    /// The characters of the block, where known.
    pub range: Option<(u64, u64)>,
}

/// Why an answer ends.
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
    /// The reason, adapted to whether the answer has calls.
    pub fn with_calls(self, has_calls: bool) -> Self {
        match (self, has_calls) {
            (Self::EndTurn | Self::StopSequence(_), true) => Self::ToolCalls,
            (Self::ToolCalls, false) => Self::EndTurn,
            (other, _) => other,
        }
    }

    /// The answer is incomplete.
    pub fn is_incomplete(&self) -> bool {
        matches!(
            self,
            Self::MaxTokens | Self::ContextWindow | Self::ContentFilter | Self::Refusal
        )
    }
}

/// The event for a vendor's error object, which may be nested.
pub fn error(error: serde_json::Value) -> Event {
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
