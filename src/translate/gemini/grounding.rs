//! Web searches and citations in Gemini's grounding metadata, which follows the text.

use serde_json::{Map, Value, json};

use crate::json::fields::{Fields, object};
use crate::translate::neutral::BlockId;
use crate::translate::neutral::answer::{Block, Choice};
use crate::translate::neutral::event::{Citation, Event};
use crate::translate::neutral::search::{FoundPage, Search, TextOffsets, bytes, characters};

/// The most citations of an answer: each takes a scan of the text, and repeats a page.
const MOST_CITATIONS: usize = 500;
/// The longest URL of a page, in bytes.
const LONGEST_URL: usize = 8 * 1024;

/// Collects the grounding metadata of a choice.
#[derive(Debug, Default)]
pub struct Grounding {
    text: String,
    texts: TextOffsets,
    queries: Vec<String>,
    pages: Vec<FoundPage>,
    /// The cited characters, where known, and the index of the page.
    supports: Vec<(Option<(u64, u64)>, usize)>,
}

impl Grounding {
    pub fn of(choice: &Choice) -> Self {
        let mut grounding = Self::default();
        for (index, block) in &choice.blocks {
            match block {
                Block::Text { text, citations } => {
                    grounding.said(*index, text);
                    for citation in citations {
                        grounding.cited(*index, citation.clone());
                    }
                }
                Block::Refusal(text) => grounding.said(*index, text),
                Block::Search(search) => grounding.searched(search.clone()),
                _ => {}
            }
        }
        grounding
    }

    pub fn said(&mut self, block: u32, text: &str) {
        self.texts.add(block, text);
        self.text.push_str(text);
    }

    pub fn searched(&mut self, search: Search) {
        if !search.query.is_empty() {
            self.queries.push(search.query);
        }
        for page in search.found {
            self.page(page);
        }
    }

    pub fn cited(&mut self, block: u32, citation: Citation) {
        let page = self.page(FoundPage {
            url: citation.url,
            title: citation.title,
        });
        let range = citation.range;
        let range = range.map(|range| self.texts.of_all(block, range));
        self.supports.push((range, page));
    }

    fn page(&mut self, page: FoundPage) -> usize {
        let known = self.pages.iter().position(|known| known.url == page.url);
        known.unwrap_or_else(|| {
            self.pages.push(page);
            self.pages.len() - 1
        })
    }

    /// The metadata; `None` without searches and citations.
    pub fn metadata(self) -> Option<Value> {
        if self.queries.is_empty() && self.pages.is_empty() {
            return None;
        }
        let pages = self.pages.iter();
        let pages: Vec<Value> = pages
            .map(|page| json!({"web": {"uri": page.url, "title": page.title}}))
            .collect();
        let supports = self.supports.iter().take(MOST_CITATIONS);
        let supports = supports.filter_map(|(range, page)| {
            let (start, end) = bytes(&self.text, (*range)?);
            Some(json!({
                "segment": {"startIndex": start, "endIndex": end, "text": self.text.get(start..end)?},
                "groundingChunkIndices": [page],
            }))
        });
        let supports: Vec<Value> = supports.collect();
        Some(
            json!({"webSearchQueries": self.queries, "groundingChunks": pages,
            "groundingSupports": supports}),
        )
    }
}

/// Reads the metadata of an answer with this text: citations, then searches.
pub fn read(
    mut metadata: Map<String, Value>,
    choice: u32,
    text: &str,
    texts: &TextOffsets,
    mut block: impl FnMut() -> u32,
    events: &mut Vec<Event>,
) {
    let chunks = metadata.list("groundingChunks").into_iter();
    let pages: Vec<FoundPage> = chunks
        .map(|chunk| {
            let mut page = object(chunk)
                .and_then(|mut chunk| chunk.object("web"))
                .unwrap_or_default();
            FoundPage {
                url: page.text_or_empty("uri"),
                title: page.text_or_empty("title"),
            }
        })
        .collect();
    let mut left = MOST_CITATIONS;
    let supports = metadata.list("groundingSupports").into_iter();
    for mut support in supports.take(MOST_CITATIONS).filter_map(object) {
        let mut segment = support.object("segment").unwrap_or_default();
        let end = segment.count("endIndex");
        let start = segment.count("startIndex").unwrap_or(0);
        let range = end.map(|end| characters(text, (start, end)));
        let Some((place, range)) = range.and_then(|range| texts.in_block(range)) else {
            continue;
        };
        for index in support.list("groundingChunkIndices").into_iter().take(left) {
            left -= 1;
            let index = index.as_u64().and_then(|index| usize::try_from(index).ok());
            let page = index.and_then(|index| pages.get(index));
            if let Some(page) = page.filter(|page| is_page(page)) {
                events.push(Event::Citation(
                    BlockId::new(choice, place),
                    Citation {
                        url: page.url.clone(),
                        title: page.title.clone(),
                        cited_text: String::new(),
                        range: Some(range),
                    },
                ));
            }
        }
    }
    let queries = metadata.list("webSearchQueries").into_iter();
    let mut queries: Vec<String> = queries
        .filter_map(|query| query.as_str().map(str::to_owned))
        .collect();
    if queries.is_empty() && !pages.is_empty() {
        queries.push(String::new());
    }
    // The metadata does not say which query found a page.
    let mut found: Vec<FoundPage> = pages;
    found.retain(is_page);
    let last = queries.len().saturating_sub(1);
    for (index, query) in queries.into_iter().enumerate() {
        let found = match index == last {
            true => std::mem::take(&mut found),
            false => Vec::new(),
        };
        events.push(Event::Search(
            BlockId::new(choice, block()),
            Search { query, found },
        ));
    }
}

fn is_page(page: &FoundPage) -> bool {
    (1..=LONGEST_URL).contains(&page.url.len()) && page.title.len() <= LONGEST_URL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citations_are_limited() {
        let indices = vec![0; 2_000];
        let support = json!({"segment": {"endIndex": 4}, "groundingChunkIndices": indices});
        let read_of = |url: &str| {
            let metadata = json!({
                "groundingChunks": [{"web": {"uri": url, "title": "t"}}],
                "groundingSupports": vec![support.clone(); 20],
            });
            let mut texts = TextOffsets::default();
            texts.add(0, "said");
            let mut events = Vec::new();
            let metadata = metadata.as_object().cloned().unwrap_or_default();
            read(metadata, 0, "said", &texts, || 1, &mut events);
            events.len()
        };
        // One more for the search itself.
        assert_eq!(read_of("https://a.example"), MOST_CITATIONS + 1);
        assert_eq!(read_of(&"u".repeat(LONGEST_URL + 1)), 1);
    }
}
