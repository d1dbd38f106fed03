//! Web search: the tool, the searches of an answer, and the positions of its citations.

use serde_json::{Map, Value, json};

use super::lazy::LazyObject;
use crate::json::fields::{Put, object_of};

/// The tool, as far as more than one dialect can express it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WebSearch {
    pub allowed_domains: Vec<String>,
    pub blocked_domains: Vec<String>,
    /// The most searches per answer.
    pub max_uses: Option<u64>,
    /// The location of the user: `city`, `region`, `country`, `timezone`.
    pub location: Map<String, Value>,
    /// How much of the results is read: `low`, `medium`, `high`.
    pub context_size: Option<String>,
}

impl WebSearch {
    /// Reads the tool in any of the vendors' spellings.
    pub fn read(mut tool: LazyObject<'_>) -> Self {
        let mut filters = tool.object("filters").unwrap_or_default();
        let mut domains = |key: &str| -> Vec<String> {
            let listed = filters.list(key).nonempty_texts();
            match listed.is_empty() {
                true => tool.list(key).nonempty_texts(),
                false => listed,
            }
        };
        let (allowed_domains, blocked_domains) =
            (domains("allowed_domains"), domains("blocked_domains"));
        Self {
            allowed_domains,
            blocked_domains,
            max_uses: tool.count("max_uses"),
            location: tool
                .object("user_location")
                .map(location)
                .unwrap_or_default(),
            context_size: tool.nonempty_text("search_context_size"),
        }
    }

    /// The location, in the form of every dialect but Chat.
    pub fn approximate(&self) -> Option<Value> {
        (!self.location.is_empty()).then(|| {
            let mut location = Map::new();
            location.insert("type".to_owned(), "approximate".into());
            location.extend(self.location.clone());
            location.into()
        })
    }
}

fn location(mut given: LazyObject<'_>) -> Map<String, Value> {
    let mut given = given.object("approximate").unwrap_or(given);
    let known = ["city", "region", "country", "timezone"];
    let members = known
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), given.nonempty_text(key)?.into())));
    members.collect()
}

/// A search that was made for an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    pub query: String,
    /// The results, where the vendor reports them.
    pub found: Vec<FoundPage>,
}

/// A web page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundPage {
    pub url: String,
    pub title: String,
}

impl Search {
    /// The action of a search in Responses.
    pub fn action(&self) -> Value {
        let mut action = object_of([
            ("type", "search".into()),
            ("query", self.query.as_str().into()),
        ]);
        if !self.found.is_empty() {
            let sources = self.found.iter();
            action.put(
                "sources",
                sources
                    .map(|found| json!({"type": "url", "url": found.url}))
                    .collect(),
            );
        }
        action
    }
}

/// The offsets of the texts of an answer. Vendors count the characters of citations from different starts; the neutral
/// form counts from the start of the block.
#[derive(Debug, Default)]
pub struct TextOffsets {
    /// The blocks, and the number of characters before each.
    starts: Vec<(u32, u64)>,
    characters: u64,
}

impl TextOffsets {
    pub fn add(&mut self, block: u32, text: &str) {
        if self.starts.last().is_none_or(|(last, _)| *last != block) {
            self.starts.push((block, self.characters));
        }
        self.characters += text.chars().count() as u64;
    }

    /// A range of a block, counted from the start of all text.
    pub fn of_all(&self, block: u32, range: (u64, u64)) -> (u64, u64) {
        let start = self.starts.iter().rfind(|(known, _)| *known == block);
        let start = start.map_or(0, |(_, start)| *start);
        (start.saturating_add(range.0), start.saturating_add(range.1))
    }

    /// A range of all text: the block in which it begins, and the range in that block.
    pub fn in_block(&self, range: (u64, u64)) -> Option<(u32, (u64, u64))> {
        let (block, start) = self.starts.iter().rfind(|(_, start)| *start <= range.0)?;
        let within = (range.0 - start, range.1.saturating_sub(*start));
        Some((*block, within))
    }
}

/// The bytes of a range of characters, limited to `text`.
pub fn bytes(text: &str, characters: (u64, u64)) -> (usize, usize) {
    let at = |character: u64| {
        let index = usize::try_from(character).unwrap_or(usize::MAX);
        let found = text.char_indices().nth(index);
        found.map_or(text.len(), |(at, _)| at)
    };
    let start = at(characters.0);
    (start, at(characters.1).max(start))
}

/// The characters of a range of bytes, limited to `text`.
pub fn characters(text: &str, bytes: (u64, u64)) -> (u64, u64) {
    let at = |byte: u64| {
        let byte = usize::try_from(byte).unwrap_or(usize::MAX);
        let before = text.char_indices().take_while(|(at, _)| *at < byte);
        before.count() as u64
    };
    (at(bytes.0), at(bytes.1).max(at(bytes.0)))
}

#[cfg(test)]
mod tests {
    use super::super::lazy;
    use super::*;

    #[test]
    fn tools_are_read_in_every_spelling() {
        let place = json!({"city": "Yerevan", "country": "AM"});
        let expected = WebSearch {
            allowed_domains: vec!["a.example".to_owned()],
            location: place.as_object().cloned().unwrap(),
            context_size: Some("low".to_owned()),
            ..WebSearch::default()
        };
        for tool in [
            json!({"filters": {"allowed_domains": ["a.example", ""]}, "search_context_size": "low",
                "user_location": {"type": "approximate", "city": "Yerevan", "country": "AM", "region": null}}),
            json!({"allowed_domains": ["a.example"], "search_context_size": "low", "blocked_domains": [],
                "user_location": {"type": "approximate", "approximate": place}}),
        ] {
            let tool = tool.to_string();
            let tool = lazy::open(tool.as_bytes()).unwrap();
            assert_eq!(WebSearch::read(tool), expected);
        }
    }

    #[test]
    fn ranges_are_counted_from_where_they_belong() {
        let mut texts = TextOffsets::default();
        for (block, text) in [(0, "né"), (0, "e "), (3, "zwei")] {
            texts.add(block, text);
        }
        assert_eq!(texts.of_all(3, (1, 3)), (5, 7));
        assert_eq!(texts.in_block((5, 7)), Some((3, (1, 3))));
        assert_eq!(texts.in_block((0, 3)), Some((0, (0, 3))));
        assert_eq!(TextOffsets::default().in_block((0, 3)), None);
        for (characters_, bytes_) in [((1, 2), (1, 3)), ((0, 9), (0, 6)), ((7, 9), (6, 6))] {
            assert_eq!(bytes("née z", characters_), bytes_);
        }
        assert_eq!(characters("née z", (1, 3)), (1, 2));
        assert_eq!(characters("née z", (9, 3)), (5, 5));
    }
}
