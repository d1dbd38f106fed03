//! The items of an answer as far as its events have told them, and which one an event is about.

use serde_json::{Map, Value};

/// One item of the output, as far as it has been told.
#[derive(Debug, Default)]
pub struct Item {
    pub id: String,
    pub output_index: Option<u64>,
    pub kind: Kind,
    pub block: Option<u32>,
    pub call_id: String,
    pub name: String,
    /// Characters told on, of each of its texts.
    pub text: usize,
    pub refusal: usize,
    pub refusal_block: Option<u32>,
    pub reasoning: usize,
    pub annotations: usize,
    pub arguments: String,
    pub is_done: bool,
    /// It has been found in the whole answer at the end.
    pub is_listed: bool,
}

/// What an event says of the item that it is about. Any of it may be missing, and ids may be others in each event.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    pub kind: Kind,
    pub id: &'a str,
    pub call_id: &'a str,
    pub output_index: Option<u64>,
}

impl<'a> About<'a> {
    /// What an item says of itself.
    pub fn of(item: &'a Map<String, Value>, output_index: Option<u64>) -> Self {
        let text = |key| item.get(key).and_then(Value::as_str).unwrap_or_default();
        Self {
            kind: Kind::of(item),
            id: text("id"),
            call_id: text("call_id"),
            output_index,
        }
    }

    /// By its id, else by its place, else the one under way that it may be.
    pub fn among(&self, items: &[Item]) -> Option<usize> {
        let last = |is_it: &dyn Fn(&Item) -> bool| {
            let same_kind = |item: &Item| item.kind == self.kind && is_it(item);
            items.iter().rposition(same_kind)
        };
        let same = |one: &str, other: &str| !one.is_empty() && one == other;
        let same_index =
            |item: &Item| self.output_index.is_some() && item.output_index == self.output_index;
        let may_be = |item: &Item| !item.is_done && self.may_be(item);
        last(&|item| same(self.id, &item.id))
            .or_else(|| last(&|item| same(self.call_id, &item.call_id)))
            .or_else(|| last(&same_index))
            .or_else(|| last(&may_be))
    }

    /// Whether nothing that both say keeps the item from being this one. Only calls can be under way side by side.
    fn may_be(&self, item: &Item) -> bool {
        let indexes = self.output_index.zip(item.output_index);
        indexes.is_none_or(|(one, other)| one == other)
            && (self.kind != Kind::Call || agree(self.id, &item.id))
            && self.may_be_listed(item)
    }

    /// The same of an item of the whole answer at the end, of which place and id may be others.
    pub fn may_be_listed(&self, item: &Item) -> bool {
        item.kind == self.kind && agree(self.call_id, &item.call_id)
    }
}

/// Whether two ids may be one: either may be missing.
fn agree(one: &str, other: &str) -> bool {
    one.is_empty() || other.is_empty() || one == other
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    Message,
    Reasoning,
    Call,
    Search,
    #[default]
    Other,
}

impl Kind {
    pub fn of(item: &Map<String, Value>) -> Self {
        match item.get("type").and_then(Value::as_str) {
            Some("message") => Self::Message,
            Some("reasoning") => Self::Reasoning,
            Some("function_call" | "custom_tool_call") => Self::Call,
            Some("web_search_call") => Self::Search,
            _ => Self::Other,
        }
    }
}
