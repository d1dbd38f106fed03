//! Writing Responses streams.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::envelope::{Progress, failed, response};
use super::items::{Item, Kind, Named, annotation, closing_events, text_part};
use crate::translate::neutral::answer::{Ending, Head};
use crate::translate::neutral::search::TextOffsets;
use crate::translate::neutral::{BlockId, Event, Finish, Signature};

/// About what a complete item takes beside its text, in bytes.
const ITEM: usize = 512;

/// Writes the events of one answer.
#[derive(Debug)]
pub struct Writer {
    head: Head,
    sequence: u64,
    has_started: bool,
    /// The items that have begun, in the order of the output.
    items: Vec<Item>,
    /// The message or reasoning that is open.
    open: Option<usize>,
    /// The open calls, by block.
    calls: HashMap<u32, usize>,
    /// The block of the open item.
    block: u32,
    /// The texts of the last message.
    texts: TextOffsets,
    has_calls: bool,
    /// The size of the items.
    held_bytes: usize,
}

impl Writer {
    pub fn new(head: Head) -> Self {
        Self {
            head,
            sequence: 0,
            has_started: false,
            items: Vec::new(),
            open: None,
            calls: HashMap::new(),
            block: u32::MAX,
            texts: TextOffsets::default(),
            has_calls: false,
            held_bytes: 0,
        }
    }

    /// Bytes of the answer so far that are held in memory because the end repeats them.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Writes one event that is neither the end nor an error. The dialect has only one choice.
    pub fn put(&mut self, event: Event, out: &mut Vec<u8>) {
        self.start(out);
        match event {
            event if event.is_blank() => {}
            Event::TextDelta(BlockId { choice: 0, block }, text) => {
                let at = self.enter(Kind::Message, block, out);
                self.texts.add(block, &text);
                self.say(at, "response.output_text.delta", "content_index", text, out);
            }
            Event::RefusalDelta(BlockId { choice: 0, block }, text) => {
                let at = self.enter(Kind::Refusal, block, out);
                self.say(at, "response.refusal.delta", "content_index", text, out);
            }
            Event::ReasoningDelta(BlockId { choice: 0, block }, text) => {
                let at = self.enter(Kind::Reasoning, block, out);
                self.summary_begins(at, out);
                let name = "response.reasoning_summary_text.delta";
                self.say(at, name, "summary_index", text, out);
            }
            Event::ReasoningSignature(BlockId { choice: 0, block }, signature) => {
                let at = self.enter(Kind::Reasoning, block, out);
                if let Some(item) = self.items.get_mut(at) {
                    item.signature = Some(signature);
                }
            }
            Event::ReasoningOpaque(BlockId { choice: 0, block }, signature) => {
                let at = self.enter(Kind::Reasoning, block, out);
                if let Some(item) = self.items.get_mut(at) {
                    item.signature = Some(signature);
                }
                self.close(out);
            }
            Event::ToolStart {
                choice: 0,
                block,
                id,
                name,
                signature,
            } => self.tool(block, id, name, signature, out),
            Event::ToolArgs(BlockId { choice: 0, block }, delta) => {
                self.arguments(block, delta, out)
            }
            Event::ToolEnd(BlockId { choice: 0, block }) => {
                if let Some(at) = self.calls.remove(&block) {
                    self.done(at, "completed", out);
                }
            }
            Event::Citation(BlockId { choice: 0, block }, citation) => {
                let at = self.enter(Kind::Message, block, out);
                let annotation = annotation(&citation, block, &self.texts);
                self.annotate(at, annotation, out);
            }
            Event::Search(BlockId { choice: 0, .. }, search) => {
                self.close(out);
                let at = self.add(Kind::Search(search), out);
                self.done(at, "completed", out);
            }
            Event::ImageOut {
                choice: 0,
                block,
                mime,
                data,
            } => {
                let at = self.begin(Kind::Image, block, out);
                self.held_bytes += data.len();
                if let Some(item) = self.items.get_mut(at) {
                    item.text = data;
                    item.annotations = vec![mime.into()];
                }
                self.close(out);
            }
            _ => {}
        }
    }

    /// Writes the end.
    pub fn end(&mut self, ending: Ending, out: &mut Vec<u8>) {
        self.start(out);
        let finish = ending.finishes.into_values().next();
        let finish = finish.map_or(Finish::EndTurn, |(finish, _)| finish);
        let finish = finish.with_calls(self.has_calls);
        let status = if finish.is_incomplete() {
            "incomplete"
        } else {
            "completed"
        };
        self.close_all(status, out);
        let output = self.output();
        let progress = Progress {
            status,
            finish: Some(&finish),
            completed: ending.at,
            usage: ending.usage.as_ref(),
        };
        let response = response(&self.head, progress, output);
        let name = format!("response.{status}");
        self.write(&name, json!({"response": response}), out);
    }

    /// Writes an error as the end, with its status and code.
    pub fn fail(&mut self, code: (u16, &str), message: &str, out: &mut Vec<u8>) {
        self.start(out);
        let output = self.output();
        let response = failed(&self.head, output, code, message);
        self.write("response.failed", json!({"response": response}), out);
    }

    /// The complete items.
    fn output(&self) -> Vec<Value> {
        let items = self.items.iter();
        items.filter_map(|item| item.done.clone()).collect()
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.has_started, true) {
            return;
        }
        let progress = Progress {
            status: "in_progress",
            ..Progress::default()
        };
        let begun = response(&self.head, progress, Vec::new());
        self.write("response.created", json!({"response": begun}), out);
        self.write("response.in_progress", json!({"response": begun}), out);
    }

    fn write(&mut self, name: &str, members: Value, out: &mut Vec<u8>) {
        let mut event = Map::new();
        event.insert("type".to_owned(), name.into());
        event.insert("sequence_number".to_owned(), self.sequence.into());
        self.sequence += 1;
        if let Value::Object(members) = members {
            event.extend(members);
        }
        let event = Value::Object(event);
        out.extend_from_slice(format!("event: {name}\ndata: {event}\n\n").as_bytes());
    }

    /// Opens the message or reasoning of `block` unless it is open. Consecutive texts are one message.
    fn enter(&mut self, kind: Kind, block: u32, out: &mut Vec<u8>) -> usize {
        if let Some(at) = self.open
            && let Some(item) = self.items.get(at)
            && item.kind == kind
            && (kind == Kind::Message || self.block == block)
        {
            return at;
        }
        self.begin(kind, block, out)
    }

    fn begin(&mut self, kind: Kind, block: u32, out: &mut Vec<u8>) -> usize {
        self.close_all("completed", out);
        let at = self.add(kind.clone(), out);
        self.open = Some(at);
        self.block = block;
        let id = self.id(at);
        let part = match kind {
            Kind::Message => {
                self.texts = TextOffsets::default();
                text_part("", &[])
            }
            Kind::Refusal => json!({"type": "refusal", "refusal": ""}),
            _ => return at,
        };
        let added = json!({"item_id": id, "output_index": at, "content_index": 0, "part": part});
        self.write("response.content_part.added", added, out);
        at
    }

    fn add(&mut self, kind: Kind, out: &mut Vec<u8>) -> usize {
        let at = self.items.len();
        let base = self.head.id.strip_prefix("resp_").unwrap_or(&self.head.id);
        let item = Item {
            id: format!("{}_{base}_{at}", kind.prefix()),
            kind,
            text: String::new(),
            annotations: Vec::new(),
            signature: None,
            done: None,
        };
        let begun = item.value("in_progress", false);
        self.items.push(item);
        let added = json!({"output_index": at, "item": begun});
        self.write("response.output_item.added", added, out);
        at
    }

    fn id(&self, at: usize) -> String {
        self.items
            .get(at)
            .map_or_else(String::new, |item| item.id.clone())
    }

    fn say(&mut self, at: usize, name: &str, index: &str, text: String, out: &mut Vec<u8>) {
        let Some(item) = self.items.get_mut(at) else {
            return;
        };
        item.text.push_str(&text);
        self.held_bytes += text.len();
        let mut members = json!({"item_id": item.id, "output_index": at, index: 0, "delta": text});
        if item.kind == Kind::Message {
            members["logprobs"] = json!([]);
        }
        self.write(name, members, out);
    }

    fn summary_begins(&mut self, at: usize, out: &mut Vec<u8>) {
        if self.items.get(at).is_some_and(|item| item.text.is_empty()) {
            let id = self.id(at);
            let part = json!({"type": "summary_text", "text": ""});
            let added =
                json!({"item_id": id, "output_index": at, "summary_index": 0, "part": part});
            self.write("response.reasoning_summary_part.added", added, out);
        }
    }

    fn annotate(&mut self, at: usize, annotation: Value, out: &mut Vec<u8>) {
        let Some(item) = self.items.get_mut(at) else {
            return;
        };
        item.annotations.push(annotation.clone());
        let number = item.annotations.len() - 1;
        let members = json!({"item_id": item.id, "output_index": at, "content_index": 0,
            "annotation_index": number, "annotation": annotation});
        self.write("response.output_text.annotation.added", members, out);
    }

    fn tool(
        &mut self,
        block: u32,
        call_id: String,
        name: String,
        signature: Option<Signature>,
        out: &mut Vec<u8>,
    ) {
        self.has_calls = true;
        self.close(out);
        if let Some(signature) = signature {
            let at = self.enter(Kind::Reasoning, u32::MAX, out);
            if let Some(item) = self.items.get_mut(at) {
                item.signature = Some(signature);
            }
            self.close(out);
        }
        let is_text = self.head.custom_tools.contains(&name);
        let (namespace, name) = match self.head.namespaces.get(&name).cloned() {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, name),
        };
        let named = Named {
            call_id,
            name,
            namespace,
        };
        let kind = match is_text {
            true => Kind::TextCall(named),
            false => Kind::Call(named),
        };
        let at = self.add(kind, out);
        self.calls.insert(block, at);
    }

    fn arguments(&mut self, block: u32, delta: String, out: &mut Vec<u8>) {
        let Some(at) = self.calls.get(&block).copied() else {
            return;
        };
        let Some(item) = self.items.get_mut(at) else {
            return;
        };
        item.text.push_str(&delta);
        self.held_bytes += delta.len();
        let name = match item.kind {
            Kind::TextCall(_) => "response.custom_tool_call_input.delta",
            _ => "response.function_call_arguments.delta",
        };
        let members = json!({"item_id": item.id, "output_index": at, "delta": delta});
        self.write(name, members, out);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if let Some(at) = self.open.take() {
            self.done(at, "completed", out);
        }
    }

    /// Closes the open items.
    fn close_all(&mut self, status: &str, out: &mut Vec<u8>) {
        if let Some(at) = self.open.take() {
            self.done(at, status, out);
        }
        let mut calls: Vec<usize> = self.calls.drain().map(|(_, at)| at).collect();
        calls.sort_unstable();
        for at in calls {
            self.done(at, status, out);
        }
    }

    /// Ends an item: writes its complete texts, and the item.
    fn done(&mut self, at: usize, status: &str, out: &mut Vec<u8>) {
        let Some(item) = self.items.get_mut(at).filter(|item| item.done.is_none()) else {
            return;
        };
        // The end repeats it.
        self.held_bytes += ITEM + item.text.len();
        let value = item.value(status, true);
        item.done = Some(value.clone());
        let place = json!({"item_id": item.id, "output_index": at});
        for (name, event) in closing_events(item) {
            let mut members = place.clone();
            if let (Some(members), Value::Object(event)) = (members.as_object_mut(), event) {
                members.extend(event);
            }
            self.write(&name, members, out);
        }
        let done = json!({"output_index": at, "item": value});
        self.write("response.output_item.done", done, out);
    }

    /// The items of the answer, all closed.
    pub fn into_output(mut self, status: &str) -> Vec<Value> {
        self.close_all(status, &mut Vec::new());
        let items = self.items.into_iter();
        items.filter_map(|item| item.done).collect()
    }
}
