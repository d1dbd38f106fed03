//! Reading the output items of a Responses answer.

use serde_json::{Map, Value};

use super::read_items::{Item, ItemRef, Kind};
use super::read_tool::in_namespace;
use crate::json::fields::{Fields, object};
use crate::translate::neutral::event::Citation;
use crate::translate::neutral::ids::Mint;
use crate::translate::neutral::search::{FoundPage, Search};
use crate::translate::neutral::{BlockId, Event, Family, Signature};

/// The items of an answer, as far as they have been read.
#[derive(Debug)]
pub struct OutputReader {
    mint: Mint,
    items: Vec<Item>,
    blocks: u32,
}

impl OutputReader {
    pub fn new(mint: Mint) -> Self {
        Self {
            mint,
            items: Vec::new(),
            blocks: 0,
        }
    }

    /// The item that an event is about; a new one if it was not announced.
    pub fn item(&mut self, data: &mut Map<String, Value>, kind: Kind) -> usize {
        let id = data.text_or_empty("item_id");
        let output_index = data.count("output_index");
        let reference = ItemRef {
            kind,
            id: &id,
            call_id: "",
            output_index,
        };
        reference.find_in(&self.items).unwrap_or_else(|| {
            self.items.push(Item {
                id,
                output_index,
                kind,
                ..Item::default()
            });
            self.items.len() - 1
        })
    }

    /// Adds an item. Returns its index.
    pub fn added(
        &mut self,
        output_index: Option<u64>,
        mut item: Map<String, Value>,
        events: &mut Vec<Event>,
    ) -> usize {
        let kind = Kind::of(&item);
        let id = item.text_or_empty("id");
        let namespace = item.text("namespace");
        let name = item.text_or_empty("name");
        self.items.push(Item {
            call_id: item.nonempty_text("call_id").unwrap_or_else(|| id.clone()),
            id,
            output_index,
            kind,
            name: in_namespace(namespace.as_deref(), name),
            ..Item::default()
        });
        let at = self.items.len() - 1;
        self.announce(at, events);
        at
    }

    /// Begins a call whose name is known.
    fn announce(&mut self, at: usize, events: &mut Vec<Event>) {
        let next = self.blocks;
        let Some(item) = self.items.get_mut(at) else {
            return;
        };
        if item.kind != Kind::Call || item.block.is_some() || item.name.is_empty() {
            return;
        }
        if item.call_id.is_empty() {
            item.call_id = self.mint.call();
        }
        item.block = Some(next);
        self.blocks += 1;
        events.push(Event::ToolStart {
            choice: 0,
            block: next,
            id: item.call_id.clone(),
            name: item.name.clone(),
            signature: None,
        });
        if !item.arguments.is_empty() {
            events.push(Event::ToolArgs(
                BlockId::new(0, next),
                item.arguments.clone(),
            ));
        }
    }

    /// Reads a delta of arguments.
    pub fn arguments(&mut self, at: usize, delta: String, events: &mut Vec<Event>) {
        let Some(item) = self.items.get_mut(at) else {
            return;
        };
        item.arguments.push_str(&delta);
        if let Some(block) = item.block
            && !delta.is_empty()
        {
            events.push(Event::ToolArgs(BlockId { choice: 0, block }, delta));
        }
    }

    /// Writes the rest of complete arguments.
    pub fn all_arguments(&mut self, at: usize, all: &str, events: &mut Vec<Event>) {
        let known = self.items.get(at).map_or(0, |item| item.arguments.len());
        if let Some(rest) = all.get(known..) {
            self.arguments(at, rest.to_owned(), events);
        }
    }

    /// Reads a delta of a text.
    pub fn text(
        &mut self,
        data: &mut Map<String, Value>,
        kind: Kind,
        delta: String,
        events: &mut Vec<Event>,
    ) {
        let at = self.item(data, kind);
        self.say(at, kind, delta, events);
    }

    fn say(&mut self, at: usize, kind: Kind, text: String, events: &mut Vec<Event>) {
        let Some(item) = self.items.get_mut(at) else {
            return;
        };
        if text.is_empty() {
            return;
        }
        let block = *item.block.get_or_insert_with(|| {
            self.blocks += 1;
            self.blocks - 1
        });
        let choice = 0;
        events.push(if kind == Kind::Reasoning {
            item.reasoning += text.len();
            Event::ReasoningDelta(BlockId { choice, block }, text)
        } else {
            item.text += text.len();
            Event::TextDelta(BlockId { choice, block }, text)
        });
    }

    /// Reads a delta of a refusal.
    pub fn refusal(
        &mut self,
        data: &mut Map<String, Value>,
        text: String,
        events: &mut Vec<Event>,
    ) {
        let at = self.item(data, Kind::Message);
        self.refuse(at, text, events);
    }

    fn refuse(&mut self, at: usize, text: String, events: &mut Vec<Event>) {
        let Some(item) = self.items.get_mut(at) else {
            return;
        };
        if text.is_empty() {
            return;
        }
        item.refusal += text.len();
        let block = *item.refusal_block.get_or_insert_with(|| {
            self.blocks += 1;
            self.blocks - 1
        });
        events.push(Event::RefusalDelta(BlockId { choice: 0, block }, text));
    }

    /// Reads an annotation of a text.
    pub fn annotation(
        &mut self,
        at: usize,
        mut annotation: Map<String, Value>,
        events: &mut Vec<Event>,
    ) {
        let Some(item) = self.items.get_mut(at) else {
            return;
        };
        item.annotations += 1;
        let Some(block) = item.block else {
            return;
        };
        let range = (
            annotation.count("start_index"),
            annotation.count("end_index"),
        );
        let Some(url) = annotation.nonempty_text("url") else {
            return;
        };
        events.push(Event::Citation(
            BlockId { choice: 0, block },
            Citation {
                url,
                title: annotation.text_or_empty("title"),
                cited_text: String::new(),
                range: range.0.zip(range.1).filter(|(start, end)| start < end),
            },
        ));
    }

    /// Reads a complete item and writes the events for what its deltas did not hold.
    pub fn done(
        &mut self,
        output_index: Option<u64>,
        item: Map<String, Value>,
        events: &mut Vec<Event>,
    ) {
        let reference = ItemRef::of(&item, output_index);
        let at = match reference.find_in(&self.items) {
            Some(at) => at,
            None => self.added(output_index, item.clone(), events),
        };
        self.complete(at, item, events);
    }

    /// Reads an item of the whole answer at the end. Its index need not be the one in its events.
    pub fn listed(&mut self, index: u64, item: Map<String, Value>, events: &mut Vec<Event>) {
        let reference = ItemRef::of(&item, Some(index));
        let is_open = |at: &usize| self.items.get(*at).is_some_and(|item| !item.is_listed);
        let known = reference.find_in(&self.items).filter(is_open).or_else(|| {
            let mut items = self.items.iter();
            items.position(|item| !item.is_listed && reference.may_be_listed(item))
        });
        let at = match known {
            Some(at) => at,
            None => self.added(Some(index), item.clone(), events),
        };
        if let Some(item) = self.items.get_mut(at) {
            item.is_listed = true;
        }
        self.complete(at, item, events);
    }

    fn complete(&mut self, at: usize, mut item: Map<String, Value>, events: &mut Vec<Event>) {
        let Some(place) = self.items.get_mut(at).filter(|item| !item.is_done) else {
            return;
        };
        place.is_done = true;
        // The item may not have been announced.
        if place.id.is_empty() {
            place.id = item.text_or_empty("id");
        }
        if place.call_id.is_empty() {
            place.call_id = item.text_or_empty("call_id");
        }
        match place.kind {
            Kind::Message => {
                let (mut text, mut refusal) = (String::new(), String::new());
                let mut annotations = Vec::new();
                for mut part in item.list("content").into_iter().filter_map(object) {
                    text.extend(part.text("text"));
                    refusal.extend(part.text("refusal"));
                    annotations.extend(part.list("annotations").into_iter().filter_map(object));
                }
                let (written, refused) = (place.text, place.refusal);
                let annotated = place.annotations;
                self.say(at, Kind::Message, rest(&text, written), events);
                self.refuse(at, rest(&refusal, refused), events);
                for annotation in annotations.into_iter().skip(annotated) {
                    self.annotation(at, annotation, events);
                }
            }
            Kind::Reasoning => self.reasoning_done(at, item, events),
            Kind::Call => {
                if place.name.is_empty() {
                    let namespace = item.text("namespace");
                    let name = item.nonempty_text("name");
                    let name = name.unwrap_or_else(|| format!("tool_{at}"));
                    place.name = in_namespace(namespace.as_deref(), name);
                }
                // Arguments before the name may belong to another call.
                if place.block.is_none() && item.contains_key("arguments") {
                    place.arguments.clear();
                }
                self.announce(at, events);
                if let Some(Value::String(all)) = item.take_any(&["arguments", "input"]) {
                    self.all_arguments(at, &all, events);
                }
                if let Some(block) = self.items.get(at).and_then(|item| item.block) {
                    events.push(Event::ToolEnd(BlockId { choice: 0, block }));
                }
            }
            Kind::Search => self.searched(item, events),
            Kind::Other => {}
        }
    }

    /// Reads a search. Other web actions, like opening a page, have no equivalent elsewhere.
    fn searched(&mut self, mut item: Map<String, Value>, events: &mut Vec<Event>) {
        let mut action = item.object("action").unwrap_or_default();
        if action.text("type").is_some_and(|kind| kind != "search") {
            return;
        }
        let sources = action.list("sources").into_iter().filter_map(object);
        let found: Vec<FoundPage> = sources
            .filter_map(|mut source| {
                Some(FoundPage {
                    url: source.nonempty_text("url")?,
                    title: source.text_or_empty("title"),
                })
            })
            .collect();
        let queries = action.list("queries").into_iter();
        let mut queries: Vec<String> = queries
            .filter_map(|query| query.as_str().map(str::to_owned))
            .collect();
        if queries.is_empty() {
            queries.extend(action.nonempty_text("query"));
        }
        let last = queries.len().saturating_sub(1);
        for (index, query) in queries.into_iter().enumerate() {
            let found = match index == last {
                true => found.clone(),
                false => Vec::new(),
            };
            events.push(Event::Search(
                BlockId::new(0, self.blocks),
                Search { query, found },
            ));
            self.blocks += 1;
        }
    }

    fn reasoning_done(&mut self, at: usize, mut item: Map<String, Value>, events: &mut Vec<Event>) {
        let parts = [item.list("summary"), item.list("content")];
        let texts: Vec<String> = parts
            .into_iter()
            .find(|parts| !parts.is_empty())
            .unwrap_or_default()
            .into_iter()
            .filter_map(object)
            .filter_map(|mut part| part.nonempty_text("text"))
            .collect();
        let written = self.items.get(at).map_or(0, |item| item.reasoning);
        self.say(
            at,
            Kind::Reasoning,
            rest(&texts.join("\n\n"), written),
            events,
        );
        let value = item.text_or_empty("encrypted_content");
        let id = item.text("id");
        let Some(signature) = Signature::read_item(id.as_deref(), &value) else {
            return;
        };
        let Some(place) = self.items.get_mut(at) else {
            return;
        };
        let block = *place.block.get_or_insert_with(|| {
            self.blocks += 1;
            self.blocks - 1
        });
        events.push(match signature.family {
            Family::ClaudeRedacted => {
                Event::ReasoningOpaque(BlockId { choice: 0, block }, signature)
            }
            _ => Event::ReasoningSignature(BlockId { choice: 0, block }, signature),
        });
    }

    /// Ends the calls that no event has ended.
    pub fn end_calls(&mut self, events: &mut Vec<Event>) {
        for item in self.items.iter_mut().filter(|item| !item.is_done) {
            item.is_done = true;
            if let (Kind::Call, Some(block)) = (item.kind, item.block) {
                events.push(Event::ToolEnd(BlockId { choice: 0, block }));
            }
        }
    }
}

/// The text after the first `written` bytes.
fn rest(text: &str, written: usize) -> String {
    text.get(written..).unwrap_or_default().to_owned()
}
