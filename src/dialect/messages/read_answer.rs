//! Messages answers, read: streams event by event, and whole ones (spec/dialects.md 5.6).

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::dialect::neutral::event::{self, Citation};
use crate::dialect::neutral::fields::{Fields, object};
use crate::dialect::neutral::ids::Mint;
use crate::dialect::neutral::{Carrier, Event, Family, Finish};

/// Reads the events of one answer.
#[derive(Debug)]
pub struct Reader {
    mint: Mint,
    /// What the blocks under way are, by their index.
    blocks: HashMap<u32, Kind>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Tool,
    Other,
}

impl Reader {
    pub fn new(mint: Mint) -> Self {
        Self {
            mint,
            blocks: HashMap::new(),
        }
    }

    /// Reads one event, or a whole answer.
    pub fn read(&mut self, mut data: Map<String, Value>, events: &mut Vec<Event>) {
        let kind = data.text("type").unwrap_or_default();
        let index = data
            .count("index")
            .and_then(|index| u32::try_from(index).ok())
            .unwrap_or(0);
        match kind.as_str() {
            "message_start" => {
                if let Some(message) = data.object("message") {
                    self.message(message, events);
                }
            }
            "message" => self.message(data, events),
            "content_block_start" => {
                if let Some(block) = data.object("content_block") {
                    self.block(index, block, events);
                }
            }
            "content_block_delta" => {
                if let Some(delta) = data.object("delta") {
                    self.delta(index, delta, events);
                }
            }
            "content_block_stop" => self.stop(index, events),
            "message_delta" => {
                if let Some(mut delta) = data.object("delta") {
                    finish(&mut delta, events);
                }
            }
            "error" => {
                let error = data.take("error").unwrap_or_default();
                events.push(event::error_of(error));
            }
            _ => {}
        }
    }

    /// The head of an answer, and all of it if it is there.
    fn message(&mut self, mut message: Map<String, Value>, events: &mut Vec<Event>) {
        events.push(Event::Start {
            id: message.full_text("id"),
            created: None,
        });
        let blocks = message.list("content").into_iter().filter_map(object);
        for (index, block) in (0..).zip(blocks) {
            self.block(index, block, events);
            self.stop(index, events);
        }
        finish(&mut message, events);
    }

    fn stop(&mut self, index: u32, events: &mut Vec<Event>) {
        if self.blocks.remove(&index) == Some(Kind::Tool) {
            events.push(Event::ToolEnd {
                choice: 0,
                block: index,
            });
        }
    }

    /// A block begins; it may hold something already.
    fn block(&mut self, index: u32, mut block: Map<String, Value>, events: &mut Vec<Event>) {
        let kind = match block.text("type").as_deref() {
            Some("text") => Kind::Text,
            Some("thinking") => Kind::Thinking,
            Some("tool_use") => Kind::Tool,
            Some("redacted_thinking") => {
                let data = block.text("data").unwrap_or_default();
                if let Some(carrier) = Carrier::read(&data, Family::ClaudeRedacted) {
                    events.push(Event::ReasoningOpaque {
                        choice: 0,
                        block: index,
                        carrier,
                    });
                }
                Kind::Other
            }
            _ => Kind::Other,
        };
        self.blocks.insert(index, kind);
        if kind == Kind::Tool {
            let id = block.full_text("id").unwrap_or_else(|| self.mint.call());
            events.push(Event::ToolStart {
                choice: 0,
                block: index,
                id,
                name: block.text("name").unwrap_or_default(),
                carrier: None,
            });
            if let Some(input) = block.object("input")
                && !input.is_empty()
            {
                events.push(Event::ToolArgs {
                    choice: 0,
                    block: index,
                    delta: Value::Object(input).to_string(),
                });
            }
        }
        let citations = block.list("citations");
        self.delta(index, block, events);
        for citation in citations.into_iter().filter_map(object) {
            self.citation(index, citation, events);
        }
    }

    /// What a block is told to add. The members of a begun block read the same.
    fn delta(&mut self, index: u32, mut delta: Map<String, Value>, events: &mut Vec<Event>) {
        let (choice, block) = (0, index);
        if let Some(text) = delta.full_text("text") {
            events.push(Event::TextDelta {
                choice,
                block,
                text,
            });
        }
        if let Some(text) = delta.full_text("thinking") {
            events.push(Event::ReasoningDelta {
                choice,
                block,
                text,
            });
        }
        let signature = delta.text("signature").unwrap_or_default();
        if let Some(carrier) = Carrier::read(&signature, Family::Claude) {
            events.push(Event::ReasoningSignature {
                choice,
                block,
                carrier,
            });
        }
        if let Some(json) = delta.full_text("partial_json")
            && self.blocks.get(&index) == Some(&Kind::Tool)
        {
            events.push(Event::ToolArgs {
                choice,
                block,
                delta: json,
            });
        }
        if let Some(citation) = delta.object("citation") {
            self.citation(index, citation, events);
        }
    }

    fn citation(&self, index: u32, mut citation: Map<String, Value>, events: &mut Vec<Event>) {
        let Some(url) = citation.full_text("url") else {
            return;
        };
        events.push(Event::Citation {
            choice: 0,
            block: index,
            citation: Citation {
                url,
                title: citation.text("title").unwrap_or_default(),
                cited_text: citation.text("cited_text").unwrap_or_default(),
                range: None,
            },
        });
    }
}

fn finish(delta: &mut Map<String, Value>, events: &mut Vec<Event>) {
    let Some(native) = delta.full_text("stop_reason") else {
        return;
    };
    let finish = match native.as_str() {
        "stop_sequence" => Finish::StopSequence(delta.text("stop_sequence")),
        "tool_use" => Finish::ToolCalls,
        "max_tokens" => Finish::MaxTokens,
        "model_context_window_exceeded" => Finish::ContextWindow,
        "refusal" => Finish::Refusal,
        "sensitive" => Finish::ContentFilter,
        "pause_turn" => Finish::Pause,
        _ => Finish::EndTurn,
    };
    events.push(Event::Finish {
        choice: 0,
        finish,
        native,
    });
}
