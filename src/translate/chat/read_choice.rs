//! Reading the content of one choice of a Chat answer.

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::json::fields::{Fields, list_of, object};
use crate::translate::neutral::event::Citation;
use crate::translate::neutral::ids::Mint;
use crate::translate::neutral::search::TextOffsets;
use crate::translate::neutral::{BlockId, Event, Family, Signature, media};

/// The state of one choice.
#[derive(Debug, Default)]
pub struct ChoiceReader {
    pub index: u32,
    blocks: u32,
    /// The block that the next text of its kind continues.
    running: Option<(Kind, u32)>,
    texts: TextOffsets,
    calls: Vec<Call>,
    pub has_finished: bool,
}

/// The kind of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Reasoning,
    Refusal,
}

#[derive(Debug, Default)]
struct Call {
    index: u64,
    id: String,
    /// The id is the upstream's, not generated.
    has_id: bool,
    name: String,
    /// Arguments that came before the name.
    waiting: String,
    arguments: String,
    signature: Option<Signature>,
    block: Option<u32>,
    has_ended: bool,
}

impl Call {
    fn has_all_arguments(&self) -> bool {
        let arguments = self.arguments.trim_end();
        arguments.ends_with('}') && serde_json::from_str::<IgnoredAny>(arguments).is_ok()
    }
}

impl ChoiceReader {
    pub fn new(index: u32) -> Self {
        Self {
            index,
            ..Self::default()
        }
    }

    /// Whether the last call has complete arguments.
    pub fn ends_with_call(&self) -> bool {
        let last = self.calls.last();
        last.is_some_and(|call| serde_json::from_str::<IgnoredAny>(&call.arguments).is_ok())
    }

    /// Reads a delta, or a whole message.
    pub fn delta(
        &mut self,
        mut delta: Map<String, Value>,
        mint: &mut Mint,
        events: &mut Vec<Event>,
    ) {
        let details = delta.list("reasoning_details");
        let reasoning = delta.take_any(&["reasoning_content", "reasoning"]);
        match reasoning {
            Some(reasoning) => self.text(Kind::Reasoning, text_of(reasoning), events),
            None => {
                let texts = details.into_iter().filter_map(object);
                let texts: String = texts.filter_map(|mut detail| detail.text("text")).collect();
                self.text(Kind::Reasoning, texts, events);
            }
        }
        if let Some(content) = delta.take("content") {
            self.text(Kind::Text, text_of(content), events);
        }
        if let Some(refusal) = delta.nonempty_text("refusal") {
            self.text(Kind::Refusal, refusal, events);
        }
        for annotation in delta.list("annotations").into_iter().filter_map(object) {
            self.annotation(annotation, events);
        }
        for image in delta.list("images").into_iter().filter_map(object) {
            self.image(image, events);
        }
        let mut seen = Vec::new();
        for call in delta.list("tool_calls").into_iter().filter_map(object) {
            self.call(call, &mut seen, mint, events);
        }
        if let Some(legacy) = delta.object("function_call") {
            let mut call = Map::new();
            call.insert("index".to_owned(), 0.into());
            call.insert("function".to_owned(), legacy.into());
            self.call(call, &mut seen, mint, events);
        }
    }

    /// The block that a text continues, or a new one.
    fn block(&mut self, kind: Kind) -> u32 {
        match self.running {
            Some((running, block)) if running == kind => block,
            _ => {
                let block = self.new_block();
                self.running = Some((kind, block));
                block
            }
        }
    }

    fn new_block(&mut self) -> u32 {
        self.blocks += 1;
        self.blocks - 1
    }

    /// Reads a text.
    pub fn text(&mut self, kind: Kind, text: String, events: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        let block = self.block(kind);
        if kind == Kind::Text {
            self.texts.add(block, &text);
        }
        let choice = self.index;
        events.push(match kind {
            Kind::Text => Event::TextDelta(BlockId { choice, block }, text),
            Kind::Reasoning => Event::ReasoningDelta(BlockId { choice, block }, text),
            Kind::Refusal => Event::RefusalDelta(BlockId { choice, block }, text),
        });
    }

    fn annotation(&mut self, mut annotation: Map<String, Value>, events: &mut Vec<Event>) {
        let Some(mut citation) = annotation.object("url_citation") else {
            return;
        };
        let range = (citation.count("start_index"), citation.count("end_index"));
        let range = range.0.zip(range.1).filter(|(start, end)| start < end);
        let place = range.and_then(|range| self.texts.in_block(range));
        let citation = Citation {
            url: citation.text_or_empty("url"),
            title: citation.text_or_empty("title"),
            cited_text: String::new(),
            range: place.map(|(_, range)| range),
        };
        let block = place.map_or_else(|| self.block(Kind::Text), |(block, _)| block);
        events.push(Event::Citation(BlockId::new(self.index, block), citation));
    }

    fn image(&mut self, mut image: Map<String, Value>, events: &mut Vec<Event>) {
        let url = image
            .object("image_url")
            .and_then(|mut url| url.text("url"));
        let Some((mime, data)) = url.as_deref().and_then(media::data_url) else {
            return;
        };
        self.running = None;
        let block = self.new_block();
        events.push(Event::ImageOut {
            choice: self.index,
            block,
            mime: mime.unwrap_or_else(|| "image/png".to_owned()),
            data: data.to_owned(),
        });
    }

    /// Reads a delta of a call. `seen`: the calls in the same chunk so far.
    fn call(
        &mut self,
        mut delta: Map<String, Value>,
        seen: &mut Vec<usize>,
        mint: &mut Mint,
        events: &mut Vec<Event>,
    ) {
        let id = delta.text_or_empty("id");
        let signature = delta
            .object("extra_content")
            .and_then(|mut extra| extra.object("google"))
            .and_then(|mut google| google.text("thought_signature"))
            .and_then(|signature| Signature::read(&signature, Family::Gemini));
        let index = delta.count("index");
        let mut function = delta
            .object("function")
            .or_else(|| delta.object("custom"))
            .unwrap_or_default();
        let name = function.text_or_empty("name");
        let arguments = match function.take_any(&["arguments", "input"]) {
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
            None => String::new(),
        };
        let at = match self.place(index, &id, &name, !arguments.is_empty(), seen) {
            Some(at) => at,
            None => {
                let is_at_known_index = self.calls.iter().any(|call| Some(call.index) == index);
                if index.is_none() || is_at_known_index {
                    self.end_calls(mint, events);
                }
                self.calls.push(Call {
                    index: index.unwrap_or(self.calls.len() as u64),
                    ..Call::default()
                });
                self.calls.len() - 1
            }
        };
        seen.push(at);
        let Some(call) = self.calls.get_mut(at) else {
            return;
        };
        if call.id.is_empty() {
            call.has_id = !id.is_empty();
            call.id = id;
        }
        if call.name.is_empty() {
            call.name = name;
        }
        call.signature = call.signature.take().or(signature);
        call.waiting.push_str(&arguments);
        if !call.name.is_empty() {
            self.announce(at, mint, events);
        }
    }

    /// The call that a delta continues; `None` for a new one.
    fn place(
        &self,
        index: Option<u64>,
        id: &str,
        name: &str,
        has_arguments: bool,
        seen: &[usize],
    ) -> Option<usize> {
        let at = match index {
            Some(index) => self.calls.iter().rposition(|call| call.index == index),
            None if !id.is_empty() => self.calls.iter().rposition(|call| call.id == id),
            None => self.calls.len().checked_sub(1),
        }?;
        let call = self.calls.get(at)?;
        // Some upstreams give all calls the same index or none. Others repeat the name with each delta, or change the id.
        let has_other_name = !call.name.is_empty() && call.name != name;
        let is_another = !name.is_empty()
            && (seen.contains(&at)
                || match (call.has_id, id) {
                    (true, "") => {
                        let is_next = index.is_none() && has_arguments && call.has_all_arguments();
                        has_other_name || is_next
                    }
                    (true, id) => call.id != id,
                    (false, _) => has_other_name || call.has_all_arguments(),
                });
        (!is_another).then_some(at)
    }

    fn announce(&mut self, at: usize, mint: &mut Mint, events: &mut Vec<Event>) {
        let next = self.blocks;
        let choice = self.index;
        let Some(call) = self.calls.get_mut(at).filter(|call| !call.has_ended) else {
            return;
        };
        let block = match call.block {
            Some(block) => block,
            None => {
                self.running = None;
                self.blocks += 1;
                call.block = Some(next);
                if call.id.is_empty() {
                    call.id = mint.call();
                }
                events.push(Event::ToolStart {
                    choice,
                    block: next,
                    id: call.id.clone(),
                    name: call.name.clone(),
                    signature: call.signature.take(),
                });
                next
            }
        };
        if !call.waiting.is_empty() {
            let delta = std::mem::take(&mut call.waiting);
            call.arguments.push_str(&delta);
            events.push(Event::ToolArgs(BlockId { choice, block }, delta));
        }
    }

    /// Ends the calls.
    pub fn end_calls(&mut self, mint: &mut Mint, events: &mut Vec<Event>) {
        for at in 0..self.calls.len() {
            if let Some(call) = self.calls.get_mut(at)
                && call.name.is_empty()
                && (!call.id.is_empty() || !call.waiting.is_empty())
            {
                call.name = format!("tool_{}", call.index);
            }
            if self.calls.get(at).is_some_and(|call| !call.name.is_empty()) {
                self.announce(at, mint, events);
            }
            let choice = self.index;
            if let Some(call) = self.calls.get_mut(at).filter(|call| !call.has_ended)
                && let Some(block) = call.block
            {
                call.has_ended = true;
                events.push(Event::ToolEnd(BlockId { choice, block }));
            }
        }
    }
}

/// The text of a string, a part, or lists of them.
fn text_of(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Array(_) => list_of(value).into_iter().map(text_of).collect(),
        Value::Object(mut part) => part
            .take_any(&["text", "content"])
            .map(text_of)
            .unwrap_or_default(),
        _ => String::new(),
    }
}
