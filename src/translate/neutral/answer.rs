//! A whole answer, built from its events.

use std::collections::{BTreeMap, HashMap};

use super::event::{BlockId, Citation, Event, Finish};
use super::json_text::Json;
use super::search::Search;
use super::signature::Signature;
use crate::wire::usage::Usage;

/// The data of an answer to the client that does not come from the upstream's content.
#[derive(Clone, Debug, Default)]
pub struct Head {
    pub id: String,
    /// Seconds since 1970.
    pub created: u64,
    /// As the client named it.
    pub model: String,
    /// The client's custom tools, which take text instead of JSON.
    pub custom_tools: Vec<String>,
    /// Namespace and name of the client's tools in namespaces, by the combined name.
    pub namespaces: HashMap<String, (String, String)>,
    /// Whether a stream reports usage, where the client asks for it or against it.
    pub include_usage: Option<bool>,
    /// The members of the request that the answer repeats (Responses).
    pub echo: Vec<(&'static str, Json)>,
}

/// How a stream ends.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// By choice, the finish reason and the upstream's own name for it.
    pub finishes: BTreeMap<u32, (Finish, String)>,
    pub usage: Option<Usage>,
    /// The time of the end, in seconds since 1970.
    pub at: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// As the upstream gave it.
    pub id: Option<String>,
    pub created: Option<u64>,
    pub choices: BTreeMap<u32, Choice>,
    pub usage: Option<Usage>,
    /// The time of completion, in seconds since 1970.
    pub ended: Option<u64>,
    /// Status and message, if it failed.
    pub error: Option<(u16, String)>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    pub blocks: BTreeMap<u32, Block>,
    pub finish: Option<Finish>,
    /// The upstream's own finish reason.
    pub native: String,
}

/// One piece of content.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    Text {
        text: String,
        citations: Vec<Citation>,
    },
    Reasoning {
        text: String,
        signature: Option<Signature>,
    },
    Opaque(Signature),
    Refusal(String),
    Tool {
        id: String,
        name: String,
        arguments: String,
        signature: Option<Signature>,
        is_complete: bool,
    },
    Image {
        mime: String,
        data: String,
    },
    Search(Search),
}

impl Answer {
    pub fn of(events: impl IntoIterator<Item = Event>) -> Self {
        let mut answer = Self::default();
        for event in events {
            answer.push(event);
        }
        answer
    }

    pub fn push(&mut self, event: Event) {
        match event {
            Event::Start { id, created } => {
                self.id = self.id.take().or(id);
                self.created = self.created.or(created);
            }
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Error {
                status, message, ..
            } => {
                self.error.get_or_insert((status, message));
            }
            Event::Finish {
                choice,
                finish,
                native,
            } => {
                let choice = self.choices.entry(choice).or_default();
                choice.finish = Some(finish);
                choice.native = native;
            }
            Event::TextDelta(BlockId { choice, block }, text) => {
                let empty = || Block::Text {
                    text: String::new(),
                    citations: Vec::new(),
                };
                if let Block::Text { text: before, .. } = self.block(choice, block, empty) {
                    before.push_str(&text);
                }
            }
            Event::Citation(BlockId { choice, block }, citation) => {
                let empty = || Block::Text {
                    text: String::new(),
                    citations: Vec::new(),
                };
                if let Block::Text { citations, .. } = self.block(choice, block, empty) {
                    citations.push(citation);
                }
            }
            Event::ReasoningDelta(BlockId { choice, block }, text) => {
                if let Block::Reasoning { text: before, .. } =
                    self.block(choice, block, Block::no_reasoning)
                {
                    before.push_str(&text);
                }
            }
            Event::ReasoningSignature(BlockId { choice, block }, latest) => {
                if let Block::Reasoning { signature, .. } =
                    self.block(choice, block, Block::no_reasoning)
                {
                    *signature = Some(latest);
                }
            }
            Event::ReasoningOpaque(BlockId { choice, block }, signature) => {
                self.block(choice, block, || Block::Opaque(signature));
            }
            Event::RefusalDelta(BlockId { choice, block }, text) => {
                if let Block::Refusal(before) =
                    self.block(choice, block, || Block::Refusal(String::new()))
                {
                    before.push_str(&text);
                }
            }
            Event::ToolStart {
                choice,
                block,
                id,
                name,
                signature,
            } => {
                self.block(choice, block, || Block::Tool {
                    id,
                    name,
                    arguments: String::new(),
                    signature,
                    is_complete: false,
                });
            }
            Event::ToolArgs(BlockId { choice, block }, delta) => {
                if let Some(Block::Tool { arguments, .. }) = self.known(choice, block) {
                    arguments.push_str(&delta);
                }
            }
            Event::ToolEnd(BlockId { choice, block }) => {
                if let Some(Block::Tool { is_complete, .. }) = self.known(choice, block) {
                    *is_complete = true;
                }
            }
            Event::Search(BlockId { choice, block }, search) => {
                self.block(choice, block, || Block::Search(search));
            }
            Event::ImageOut {
                choice,
                block,
                mime,
                data,
            } => {
                self.block(choice, block, || Block::Image { mime, data });
            }
        }
    }

    fn block(&mut self, choice: u32, block: u32, new: impl FnOnce() -> Block) -> &mut Block {
        let choice = self.choices.entry(choice).or_default();
        choice.blocks.entry(block).or_insert_with(new)
    }

    fn known(&mut self, choice: u32, block: u32) -> Option<&mut Block> {
        self.choices.get_mut(&choice)?.blocks.get_mut(&block)
    }
}

impl Block {
    fn no_reasoning() -> Self {
        Self::Reasoning {
            text: String::new(),
            signature: None,
        }
    }
}

impl Choice {
    /// The finish reason, adapted to whether there are calls.
    pub fn finish(&self) -> Finish {
        let has_calls = self
            .blocks
            .values()
            .any(|block| matches!(block, Block::Tool { .. }));
        self.finish
            .clone()
            .unwrap_or(Finish::EndTurn)
            .with_calls(has_calls)
    }
}

/// Arguments as JSON; an empty object if there are none.
pub fn arguments(text: &str) -> &str {
    match text.trim().is_empty() {
        true => "{}",
        false => text,
    }
}
