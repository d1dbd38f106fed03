//! Reading Messages answers: streams event by event, and whole ones.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::json::fields::{Fields, object};
use crate::translate::neutral::event::{self, Citation};
use crate::translate::neutral::ids::Mint;
use crate::translate::neutral::search::{FoundPage, Search};
use crate::translate::neutral::{BlockId, Event, Family, Finish, Signature};

/// Reads the events of one answer.
#[derive(Debug)]
pub struct Reader {
    mint: Mint,
    /// The open blocks, by index.
    open: HashMap<u32, Open>,
    blocks: u32,
    /// The searches without a result so far: id and query.
    searches: Vec<(String, String)>,
}

#[derive(Debug)]
struct Open {
    kind: Kind,
    block: u32,
    /// Of a text.
    characters: u64,
    citations: Vec<Citation>,
    /// Of a search: its id and input.
    id: String,
    input: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Tool,
    Search,
    Other,
}

impl Reader {
    pub fn new(mint: Mint) -> Self {
        Self {
            mint,
            open: HashMap::new(),
            blocks: 0,
            searches: Vec::new(),
        }
    }

    /// Reads one event, or a whole answer.
    pub fn read(&mut self, mut data: Map<String, Value>, events: &mut Vec<Event>) {
        let kind = data.text_or_empty("type");
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
                if let Some(delta) = data.object("delta") {
                    self.finish(delta, events);
                }
            }
            "error" => {
                let error = data.take("error").unwrap_or_default();
                events.push(event::error(error));
            }
            _ => {}
        }
    }

    /// Reads the start of an answer, or a whole one.
    fn message(&mut self, mut message: Map<String, Value>, events: &mut Vec<Event>) {
        events.push(Event::Start {
            id: message.nonempty_text("id"),
            created: None,
        });
        let blocks = message.list("content").into_iter().filter_map(object);
        for (index, block) in (0..).zip(blocks) {
            self.block(index, block, events);
            self.stop(index, events);
        }
        self.finish(message, events);
    }

    /// Ends a block. Its citations refer to its whole text and follow it.
    fn stop(&mut self, index: u32, events: &mut Vec<Event>) {
        let Some(open) = self.open.remove(&index) else {
            return;
        };
        let (choice, block) = (0, open.block);
        match open.kind {
            Kind::Tool => events.push(Event::ToolEnd(BlockId { choice, block })),
            Kind::Search => {
                let input = serde_json::from_str::<Map<String, Value>>(&open.input);
                let query = input.unwrap_or_default().text_or_empty("query");
                self.searches.push((open.id, query));
            }
            _ => {}
        }
        let range = (open.characters > 0).then_some((0, open.characters));
        events.extend(open.citations.into_iter().map(|citation| {
            Event::Citation(BlockId { choice, block }, Citation { range, ..citation })
        }));
    }

    /// Begins a block, which may have content already.
    fn block(&mut self, index: u32, mut block: Map<String, Value>, events: &mut Vec<Event>) {
        let choice = 0;
        let number = self.blocks;
        self.blocks += 1;
        let mut id = String::new();
        let kind = match block.text("type").as_deref() {
            Some("text") => Kind::Text,
            Some("thinking") => Kind::Thinking,
            Some("tool_use") => Kind::Tool,
            Some("server_tool_use") if block.get("name").is_some_and(|n| n == "web_search") => {
                id = block.text_or_empty("id");
                Kind::Search
            }
            Some("web_search_tool_result") => {
                let id = block.text_or_empty("tool_use_id");
                self.found(&id, block.list("content"), number, events);
                Kind::Other
            }
            Some("redacted_thinking") => {
                let data = block.text_or_empty("data");
                if let Some(signature) = Signature::read(&data, Family::ClaudeRedacted) {
                    events.push(Event::ReasoningOpaque(
                        BlockId::new(choice, number),
                        signature,
                    ));
                }
                Kind::Other
            }
            _ => Kind::Other,
        };
        let input = block.object("input").filter(|input| !input.is_empty());
        let input = input.map(|input| Value::Object(input).to_string());
        self.open.insert(
            index,
            Open {
                kind,
                block: number,
                characters: 0,
                citations: Vec::new(),
                id,
                input: String::new(),
            },
        );
        if kind == Kind::Tool {
            let id = block
                .nonempty_text("id")
                .unwrap_or_else(|| self.mint.call());
            events.push(Event::ToolStart {
                choice,
                block: number,
                id,
                name: block.text_or_empty("name"),
                signature: None,
            });
        }
        let Some(open) = self.open.get_mut(&index) else {
            return;
        };
        if let Some(input) = input {
            open.input(input, events);
        }
        let citations = block.list("citations").into_iter().filter_map(object);
        open.citations.extend(citations.filter_map(citation));
        if !matches!(kind, Kind::Search | Kind::Other) {
            open.delta(block, events);
        }
    }

    fn delta(&mut self, index: u32, delta: Map<String, Value>, events: &mut Vec<Event>) {
        if let Some(open) = self.open.get_mut(&index) {
            open.delta(delta, events);
        }
    }

    /// Ends a search, with these pages or with an error.
    fn found(&mut self, id: &str, pages: Vec<Value>, block: u32, events: &mut Vec<Event>) {
        let at = self.searches.iter().position(|(known, _)| known == id);
        let (_, query) = at.map(|at| self.searches.remove(at)).unwrap_or_default();
        let found = pages.into_iter().filter_map(object);
        let found = found.filter_map(|mut page| {
            Some(FoundPage {
                url: page.nonempty_text("url")?,
                title: page.text_or_empty("title"),
            })
        });
        let found = found.collect();
        events.push(Event::Search(
            BlockId { choice: 0, block },
            Search { query, found },
        ));
    }

    fn finish(&mut self, mut delta: Map<String, Value>, events: &mut Vec<Event>) {
        let Some(native) = delta.nonempty_text("stop_reason") else {
            return;
        };
        for (_, query) in std::mem::take(&mut self.searches) {
            events.push(Event::Search(
                BlockId::new(0, self.blocks),
                Search {
                    query,
                    found: Vec::new(),
                },
            ));
            self.blocks += 1;
        }
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
}

impl Open {
    /// Reads a delta, or a block at its beginning, which has the same members.
    fn delta(&mut self, mut delta: Map<String, Value>, events: &mut Vec<Event>) {
        let (choice, block) = (0, self.block);
        if let Some(text) = delta.nonempty_text("text") {
            self.characters += text.chars().count() as u64;
            events.push(Event::TextDelta(BlockId { choice, block }, text));
        }
        if let Some(text) = delta.nonempty_text("thinking") {
            events.push(Event::ReasoningDelta(BlockId { choice, block }, text));
        }
        let signature = delta.text_or_empty("signature");
        if let Some(signature) = Signature::read(&signature, Family::Claude) {
            events.push(Event::ReasoningSignature(
                BlockId { choice, block },
                signature,
            ));
        }
        if let Some(json) = delta.nonempty_text("partial_json") {
            self.input(json, events);
        }
        self.citations
            .extend(delta.object("citation").and_then(citation));
    }

    fn input(&mut self, json: String, events: &mut Vec<Event>) {
        match self.kind {
            Kind::Tool => events.push(Event::ToolArgs(BlockId::new(0, self.block), json)),
            Kind::Search => self.input.push_str(&json),
            _ => {}
        }
    }
}

fn citation(mut citation: Map<String, Value>) -> Option<Citation> {
    Some(Citation {
        url: citation.nonempty_text("url")?,
        title: citation.text_or_empty("title"),
        cited_text: citation.text_or_empty("cited_text"),
        range: None,
    })
}
