//! The items of an answer as far as they have been read, and finding the one that an event is about.

use serde_json::{Map, Value};

/// One item of the output.
#[derive(Debug, Default)]
pub struct Item {
    pub id: String,
    pub output_index: Option<u64>,
    pub kind: Kind,
    pub block: Option<u32>,
    pub call_id: String,
    pub name: String,
    /// Bytes written so far of each of its texts.
    pub text: usize,
    pub refusal: usize,
    pub refusal_block: Option<u32>,
    pub reasoning: usize,
    pub annotations: usize,
    pub arguments: String,
    pub is_done: bool,
    /// It was in the whole answer at the end.
    pub is_listed: bool,
}

/// What an event says of the item that it is about. Each field may be missing, and ids may differ between events.
#[derive(Clone, Copy, Debug)]
pub struct ItemRef<'a> {
    pub kind: Kind,
    pub id: &'a str,
    pub call_id: &'a str,
    pub output_index: Option<u64>,
}

impl<'a> ItemRef<'a> {
    /// The reference in an item itself.
    pub fn of(item: &'a Map<String, Value>, output_index: Option<u64>) -> Self {
        let text = |key| item.get(key).and_then(Value::as_str).unwrap_or_default();
        Self {
            kind: Kind::of(item),
            id: text("id"),
            call_id: text("call_id"),
            output_index,
        }
    }

    /// Finds the item by id, else by index, else the open item that it may be.
    pub fn find_in(&self, items: &[Item]) -> Option<usize> {
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

    /// Whether an item does not contradict the reference. Only calls can be open at the same time.
    fn may_be(&self, item: &Item) -> bool {
        let indexes = self.output_index.zip(item.output_index);
        indexes.is_none_or(|(one, other)| one == other)
            && (self.kind != Kind::Call || agree(self.id, &item.id))
            && self.may_be_listed(item)
    }

    /// The same for the whole answer at the end, where index and id may differ.
    pub fn may_be_listed(&self, item: &Item) -> bool {
        item.kind == self.kind && agree(self.call_id, &item.call_id)
    }
}

/// Whether two ids may be equal; either may be missing.
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
