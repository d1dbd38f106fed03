//! The answer, before it is written in a dialect.

use serde_json::Value;

use super::ask::Ask;
use super::cache::Hit;
use super::script::Manner;
use super::wishes::REASONING;

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Unique; each dialect puts its own prefix in front.
    pub id: String,
    pub model: String,
    /// Unix seconds.
    pub created: u64,
    /// Whether it is kept (Responses).
    pub is_stored: bool,
    /// The request (Responses).
    pub asked: Value,
    /// What precedes the answer.
    pub reasoning: Option<&'static str>,
    /// The text, in the pieces in which it is streamed.
    pub pieces: Vec<String>,
    pub tools: Vec<Tool>,
    pub hit: Hit,
    /// Tokens of the last message, which no cache can hold.
    pub fresh: u64,
    /// Of all that is put out.
    pub output_tokens: u64,
    /// Of the reasoning, in `output_tokens` too.
    pub reasoning_tokens: u64,
}

/// A call of a tool.
#[derive(Clone, Debug)]
pub struct Tool {
    pub id: String,
    pub name: String,
    /// JSON.
    pub arguments: String,
}

impl Reply {
    pub fn new(ask: &Ask, hit: Hit, manner: &Manner, number: usize, created: u64) -> Self {
        let tools: Vec<Tool> = manner
            .tools
            .iter()
            .chain(&ask.wishes.tools)
            .enumerate()
            .map(|(index, (name, arguments))| Tool {
                id: format!("{number:08x}{index:02x}"),
                name: name.clone(),
                arguments: arguments.clone(),
            })
            .collect();
        let text = match &ask.wishes.text {
            _ if !tools.is_empty() => String::new(),
            Some(text) => text.clone(),
            None => format!("This is turn {}. You said: {}", ask.turn, ask.last_words),
        };
        let reasoning = ask.wishes.reasoning.then_some(REASONING);
        let reasoning_tokens = reasoning.map_or(0, |text| super::cache::tokens(text.len()));
        let pieces: Vec<String> = match manner.pieces {
            Some(count) => (0..count).map(|n| format!("piece {n} ")).collect(),
            None => text.split_inclusive(' ').map(str::to_owned).collect(),
        };
        Self {
            id: format!("{number:012x}"),
            model: ask.model.clone(),
            created,
            is_stored: ask.stores,
            asked: ask.asked.clone(),
            reasoning,
            output_tokens: reasoning_tokens + tools.len() as u64 * 8 + pieces_tokens(&pieces),
            reasoning_tokens,
            pieces,
            tools,
            hit,
            fresh: ask
                .parts
                .last()
                .map_or(0, |part| super::cache::tokens(part.len()))
                .min(hit.total - hit.cached),
        }
    }

    pub fn text(&self) -> String {
        self.pieces.concat()
    }
}

fn pieces_tokens(pieces: &[String]) -> u64 {
    pieces
        .iter()
        .map(|piece| super::cache::tokens(piece.len()))
        .sum()
}
