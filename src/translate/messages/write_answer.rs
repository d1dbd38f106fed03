//! Writing Messages streams.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::answer::{NO_IMAGE, citation, opaque, search_id, search_result, stop_reason, usage};
use crate::json::fields::Put;
use crate::translate::neutral::answer::{Ending, Head};
use crate::translate::neutral::search::Search;
use crate::translate::neutral::{BlockId, Event, Family, Finish, Signature};
use crate::wire::usage::Usage;

/// Writes the events of one answer. At most one block is open at a time: a call that begins while another one is open
/// waits.
#[derive(Debug)]
pub struct Writer {
    head: Head,
    has_started: bool,
    next_index: u32,
    open: Option<Open>,
    waiting: VecDeque<Waiting>,
    has_calls: bool,
    searches: usize,
    /// Searches that came while a call was open.
    late: Vec<Search>,
    usage: Option<Usage>,
}

#[derive(Debug)]
struct Open {
    block: u32,
    kind: Kind,
    index: u32,
    signature: Option<String>,
    has_arguments: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Tool,
}

/// A call that has not begun yet.
#[derive(Debug)]
struct Waiting {
    block: u32,
    id: String,
    name: String,
    arguments: String,
    is_complete: bool,
}

impl Writer {
    pub fn new(head: Head) -> Self {
        Self {
            head,
            has_started: false,
            next_index: 0,
            open: None,
            waiting: VecDeque::new(),
            has_calls: false,
            searches: 0,
            late: Vec::new(),
            usage: None,
        }
    }

    /// Writes one event that is neither the end nor an error. The dialect has only one choice.
    pub fn put(&mut self, event: Event, out: &mut Vec<u8>) {
        if let Event::Usage(usage) = event {
            self.usage = Some(usage);
            return;
        }
        self.start(out);
        match event {
            Event::TextDelta(BlockId { choice: 0, block }, text)
            | Event::RefusalDelta(BlockId { choice: 0, block }, text) => {
                self.enter(block, Kind::Text, out);
                self.delta(json!({"type": "text_delta", "text": text}), out);
            }
            Event::ReasoningDelta(BlockId { choice: 0, block }, text) => {
                self.enter(block, Kind::Thinking, out);
                self.delta(json!({"type": "thinking_delta", "thinking": text}), out);
            }
            Event::ReasoningSignature(BlockId { choice: 0, block }, signature) => {
                self.enter(block, Kind::Thinking, out);
                if let Some(open) = &mut self.open {
                    open.signature = Some(signature.write(Family::Claude));
                }
            }
            Event::ReasoningOpaque(BlockId { choice: 0, .. }, signature) => {
                self.whole(opaque(&signature), out)
            }
            Event::ToolStart {
                choice: 0,
                block,
                id,
                name,
                signature,
            } => {
                if let Some(signature) = signature {
                    self.signed(&signature, out);
                }
                self.tool(block, id, name, out);
            }
            Event::ToolArgs(BlockId { choice: 0, block }, delta) => {
                self.arguments(block, delta, out)
            }
            Event::ToolEnd(BlockId { choice: 0, block }) => self.end_tool(block, out),
            Event::Citation(BlockId { choice: 0, block }, citation) => {
                self.enter(block, Kind::Text, out);
                let citation = self::citation(&citation);
                self.delta(
                    json!({"type": "citations_delta", "citation": citation}),
                    out,
                );
            }
            Event::Search(BlockId { choice: 0, .. }, search) => self.search(search, out),
            Event::ImageOut {
                choice: 0, block, ..
            } => {
                self.enter(block, Kind::Text, out);
                self.delta(json!({"type": "text_delta", "text": NO_IMAGE}), out);
            }
            _ => {}
        }
    }

    /// Writes the end.
    pub fn end(&mut self, ending: Ending, out: &mut Vec<u8>) {
        self.start(out);
        self.close(out);
        self.next_waiting(true, out);
        self.late_searches(out);
        let finish = ending.finishes.into_values().next();
        let finish = finish.map_or(Finish::EndTurn, |(finish, _)| finish);
        let (reason, sequence) = stop_reason(finish.with_calls(self.has_calls));
        let usage = ending.usage.or(self.usage).unwrap_or_default();
        let delta = json!({"type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": sequence}, "usage": self::usage(&usage, self.searches)});
        write(&delta, out);
        write(&json!({"type": "message_stop"}), out);
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.has_started, true) {
            return;
        }
        let mut usage = usage(&self.usage.unwrap_or_default(), 0);
        usage.put("output_tokens", 0.into());
        let message = json!({
            "id": self.head.id,
            "type": "message",
            "role": "assistant",
            "model": self.head.model,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "usage": usage,
        });
        write(&json!({"type": "message_start", "message": message}), out);
    }

    /// Opens a block of this kind unless it is open.
    fn enter(&mut self, block: u32, kind: Kind, out: &mut Vec<u8>) {
        let is_open = self
            .open
            .as_ref()
            .is_some_and(|open| open.block == block && open.kind == kind);
        if is_open {
            return;
        }
        self.close(out);
        let content = match kind {
            Kind::Text => json!({"type": "text", "text": ""}),
            Kind::Thinking => json!({"type": "thinking", "thinking": "", "signature": ""}),
            Kind::Tool => return,
        };
        self.begin(block, kind, content, out);
    }

    fn begin(&mut self, block: u32, kind: Kind, content: Value, out: &mut Vec<u8>) {
        let index = self.next_index;
        self.next_index += 1;
        self.open = Some(Open {
            block,
            kind,
            index,
            signature: None,
            has_arguments: false,
        });
        let start =
            json!({"type": "content_block_start", "index": index, "content_block": content});
        write(&start, out);
    }

    fn delta(&mut self, delta: Value, out: &mut Vec<u8>) {
        if let Some(open) = &self.open {
            let event = json!({"type": "content_block_delta", "index": open.index, "delta": delta});
            write(&event, out);
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        let Some(mut open) = self.open.take() else {
            return;
        };
        let last = match (open.kind, open.signature.take(), open.has_arguments) {
            (Kind::Thinking, Some(signature), _) => {
                Some(json!({"type": "signature_delta", "signature": signature}))
            }
            (Kind::Tool, _, false) => Some(json!({"type": "input_json_delta", "partial_json": ""})),
            _ => None,
        };
        let index = open.index;
        self.open = Some(open);
        if let Some(last) = last {
            self.delta(last, out);
        }
        self.open = None;
        write(&json!({"type": "content_block_stop", "index": index}), out);
    }

    fn whole(&mut self, content: Value, out: &mut Vec<u8>) {
        self.close(out);
        self.begin(u32::MAX, Kind::Text, content, out);
        self.close(out);
    }

    fn search(&mut self, search: Search, out: &mut Vec<u8>) {
        if self
            .open
            .as_ref()
            .is_some_and(|open| open.kind == Kind::Tool)
        {
            self.late.push(search);
            return;
        }
        self.close(out);
        let id = search_id(&self.head.id, self.searches);
        self.searches += 1;
        let called =
            json!({"type": "server_tool_use", "id": id, "name": "web_search", "input": {}});
        self.begin(u32::MAX, Kind::Tool, called, out);
        if let Some(open) = &mut self.open {
            open.has_arguments = true;
        }
        let query = json!({"query": search.query}).to_string();
        self.delta(
            json!({"type": "input_json_delta", "partial_json": query}),
            out,
        );
        self.close(out);
        self.whole(search_result(&id, &search), out);
    }

    fn late_searches(&mut self, out: &mut Vec<u8>) {
        if self.open.is_none() {
            for search in std::mem::take(&mut self.late) {
                self.search(search, out);
            }
        }
    }

    /// Writes the signature of a call into the thinking before it, or into empty thinking of its own.
    fn signed(&mut self, signature: &Signature, out: &mut Vec<u8>) {
        let value = signature.write(Family::Claude);
        match &mut self.open {
            Some(open) if open.kind == Kind::Thinking => open.signature = Some(value),
            Some(open) if open.kind == Kind::Tool => {}
            _ => {
                self.close(out);
                let content = json!({"type": "thinking", "thinking": "", "signature": ""});
                self.begin(u32::MAX, Kind::Thinking, content, out);
                if let Some(open) = &mut self.open {
                    open.signature = Some(value);
                }
            }
        }
    }

    fn tool(&mut self, block: u32, id: String, name: String, out: &mut Vec<u8>) {
        self.has_calls = true;
        let is_busy = self
            .open
            .as_ref()
            .is_some_and(|open| open.kind == Kind::Tool);
        self.waiting.push_back(Waiting {
            block,
            id,
            name,
            arguments: String::new(),
            is_complete: false,
        });
        if !is_busy {
            self.close(out);
            self.next_waiting(false, out);
        }
    }

    fn arguments(&mut self, block: u32, delta: String, out: &mut Vec<u8>) {
        match &mut self.open {
            Some(open) if open.block == block && open.kind == Kind::Tool => {
                open.has_arguments = true;
                self.delta(
                    json!({"type": "input_json_delta", "partial_json": delta}),
                    out,
                );
            }
            _ => {
                if let Some(call) = self.waiting.iter_mut().find(|call| call.block == block) {
                    call.arguments.push_str(&delta);
                }
            }
        }
    }

    fn end_tool(&mut self, block: u32, out: &mut Vec<u8>) {
        let is_open = self.open.as_ref().is_some_and(|open| open.block == block);
        if is_open {
            self.close(out);
            self.next_waiting(false, out);
            self.late_searches(out);
        } else if let Some(call) = self.waiting.iter_mut().find(|call| call.block == block) {
            call.is_complete = true;
        }
    }

    /// Begins the waiting calls, up to the first that is not complete; at the end, all.
    fn next_waiting(&mut self, is_end: bool, out: &mut Vec<u8>) {
        while let Some(call) = self.waiting.pop_front() {
            let content =
                json!({"type": "tool_use", "id": call.id, "name": call.name, "input": {}});
            self.begin(call.block, Kind::Tool, content, out);
            if !call.arguments.is_empty() {
                if let Some(open) = &mut self.open {
                    open.has_arguments = true;
                }
                let delta = json!({"type": "input_json_delta", "partial_json": call.arguments});
                self.delta(delta, out);
            }
            if !call.is_complete && !is_end {
                return;
            }
            self.close(out);
        }
    }
}

fn write(event: &Value, out: &mut Vec<u8>) {
    let name = event["type"].as_str().unwrap_or_default();
    out.extend_from_slice(format!("event: {name}\ndata: {event}\n\n").as_bytes());
}
