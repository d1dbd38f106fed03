//! Messages answers, written: streams event by event, and whole ones (spec/dialects.md 4.3, 5.2).

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::json::fields::Put;
use crate::translate::neutral::answer::{Answer, Block, Ending, Head};
use crate::translate::neutral::event::Citation;
use crate::translate::neutral::parts::object_of_text;
use crate::translate::neutral::search::Search;
use crate::translate::neutral::{Event, Family, Finish, Signature};
use crate::wire::usage::Usage;

/// Stands where an image was, which the dialect has no block for.
const NO_IMAGE: &str = "[image omitted]";

/// Writes the events of one answer. At most one block is open at a time: a call that begins while another one is
/// under way waits for its turn.
#[derive(Debug)]
pub struct Writer {
    head: Head,
    has_started: bool,
    next_index: u32,
    open: Option<Open>,
    waiting: VecDeque<Waiting>,
    has_calls: bool,
    searches: usize,
    /// Searches that came while a call was under way.
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

/// A call that could not be begun yet.
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

    /// Writes one event that is neither the end nor an error. Only the first choice has a place here.
    pub fn put(&mut self, event: Event, out: &mut Vec<u8>) {
        if let Event::Usage(usage) = event {
            self.usage = Some(usage);
            return;
        }
        self.start(out);
        match event {
            Event::TextDelta {
                choice: 0,
                block,
                text,
            }
            | Event::RefusalDelta {
                choice: 0,
                block,
                text,
            } => {
                self.enter(block, Kind::Text, out);
                self.delta(json!({"type": "text_delta", "text": text}), out);
            }
            Event::ReasoningDelta {
                choice: 0,
                block,
                text,
            } => {
                self.enter(block, Kind::Thinking, out);
                self.delta(json!({"type": "thinking_delta", "thinking": text}), out);
            }
            Event::ReasoningSignature {
                choice: 0,
                block,
                signature,
            } => {
                self.enter(block, Kind::Thinking, out);
                if let Some(open) = &mut self.open {
                    open.signature = Some(signature.write(Family::Claude));
                }
            }
            Event::ReasoningOpaque {
                choice: 0,
                signature,
                ..
            } => self.whole(opaque(&signature), out),
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
            Event::ToolArgs {
                choice: 0,
                block,
                delta,
            } => self.arguments(block, delta, out),
            Event::ToolEnd { choice: 0, block } => self.end_tool(block, out),
            Event::Citation {
                choice: 0,
                block,
                citation,
            } => {
                self.enter(block, Kind::Text, out);
                let citation = self::citation(&citation);
                self.delta(
                    json!({"type": "citations_delta", "citation": citation}),
                    out,
                );
            }
            Event::Search {
                choice: 0, search, ..
            } => self.search(search, out),
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
        let (reason, sequence) = stop_reason(finish.given(self.has_calls));
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

    /// Sees to it that a block of this kind is open.
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

    /// A signature that came with a call stands in the thoughts before it, or in empty ones of its own.
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

    /// Begins the calls that wait, up to and with the first that is not complete; at the end, all.
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

fn opaque(signature: &Signature) -> Value {
    json!({"type": "redacted_thinking", "data": signature.write(Family::ClaudeRedacted)})
}

/// What this dialect calls a search; its ids have letters, digits and `_`.
fn search_id(answer: &str, number: usize) -> String {
    let base = answer.strip_prefix("msg_").unwrap_or(answer);
    let legal = base.chars().filter(char::is_ascii_alphanumeric);
    format!("srvtoolu_{}_{number}", legal.collect::<String>())
}

fn search_result(id: &str, search: &Search) -> Value {
    let found = search.found.iter();
    let content: Vec<Value> = found
        .map(|page| {
            json!({"type": "web_search_result", "title": page.title, "url": page.url,
                "encrypted_content": "", "page_age": null})
        })
        .collect();
    json!({"type": "web_search_tool_result", "tool_use_id": id, "content": content})
}

fn citation(citation: &Citation) -> Value {
    json!({"type": "web_search_result_location", "url": citation.url, "title": citation.title,
        "cited_text": citation.cited_text, "encrypted_index": ""})
}

fn stop_reason(finish: Finish) -> (&'static str, Option<String>) {
    match finish {
        Finish::EndTurn => ("end_turn", None),
        Finish::StopSequence(sequence) => ("stop_sequence", sequence),
        Finish::ToolCalls => ("tool_use", None),
        Finish::MaxTokens => ("max_tokens", None),
        Finish::ContextWindow => ("model_context_window_exceeded", None),
        Finish::ContentFilter | Finish::Refusal => ("refusal", None),
        Finish::Pause => ("pause_turn", None),
    }
}

fn usage(usage: &Usage, searches: usize) -> Value {
    let uncached = usage
        .input
        .saturating_sub(usage.cached_read)
        .saturating_sub(usage.cache_creation);
    let mut said = json!({"input_tokens": uncached, "output_tokens": usage.output});
    if usage.cached_read > 0 {
        said.put("cache_read_input_tokens", usage.cached_read.into());
    }
    if usage.cache_creation > 0 {
        said.put("cache_creation_input_tokens", usage.cache_creation.into());
    }
    if usage.reasoning > 0 {
        said.put(
            "output_tokens_details",
            json!({"thinking_tokens": usage.reasoning}),
        );
    }
    let searches = usage.web_searches.max(searches as u64);
    if searches > 0 {
        said.put("server_tool_use", json!({"web_search_requests": searches}));
    }
    said
}

/// A whole answer.
pub fn whole(answer: &Answer, head: &Head) -> Value {
    let choice = answer.choices.values().next();
    let mut content = Vec::new();
    let mut searches = 0;
    for block in choice.iter().flat_map(|choice| choice.blocks.values()) {
        match block {
            Block::Text { text, citations } => {
                let mut block = json!({"type": "text", "text": text});
                if !citations.is_empty() {
                    block.put("citations", citations.iter().map(citation).collect());
                }
                content.push(block);
            }
            Block::Refusal(text) => content.push(json!({"type": "text", "text": text})),
            Block::Reasoning { text, signature } => {
                content.push(thinking(text, signature.as_ref()))
            }
            Block::Opaque(signature) => content.push(opaque(signature)),
            Block::Tool {
                id,
                name,
                arguments,
                signature,
                ..
            } => {
                if let Some(signature) = signature {
                    match content
                        .last_mut()
                        .filter(|block| block["type"] == "thinking")
                    {
                        Some(block) => block["signature"] = signature.write(Family::Claude).into(),
                        None => content.push(thinking("", Some(signature))),
                    }
                }
                let input = object_of_text(arguments);
                let input: Value = serde_json::from_str(input.as_str()).unwrap_or_default();
                content.push(json!({"type": "tool_use", "id": id,
                    "name": name, "input": input}));
            }
            Block::Search(search) => {
                let id = search_id(&head.id, searches);
                searches += 1;
                content.push(
                    json!({"type": "server_tool_use", "id": id, "name": "web_search",
                    "input": {"query": search.query}}),
                );
                content.push(search_result(&id, search));
            }
            Block::Image { .. } => content.push(json!({"type": "text", "text": NO_IMAGE})),
        }
    }
    let finish = choice.map_or(Finish::EndTurn, |choice| choice.finish());
    let (reason, sequence) = stop_reason(finish);
    json!({
        "id": head.id,
        "type": "message",
        "role": "assistant",
        "model": head.model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": sequence,
        "usage": usage(&answer.usage.unwrap_or_default(), searches),
    })
}

fn thinking(text: &str, signature: Option<&Signature>) -> Value {
    let signature = signature.map_or_else(String::new, |signature| signature.write(Family::Claude));
    json!({"type": "thinking", "thinking": text, "signature": signature})
}
