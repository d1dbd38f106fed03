//! Reading Gemini answers: streams chunk by chunk, and whole ones.

use serde_json::{Map, Value};

use super::grounding;
use super::partial_call::Partial;
use crate::json::fields::{Fields, object};
use crate::translate::neutral::ids::Mint;
use crate::translate::neutral::search::TextOffsets;
use crate::translate::neutral::{BlockId, Event, Family, Finish, Signature, event};

/// Reads the chunks of one answer.
#[derive(Debug)]
pub struct Reader {
    mint: Mint,
    has_started: bool,
    choices: Vec<Choice>,
}

#[derive(Debug, Default)]
struct Choice {
    index: u32,
    blocks: u32,
    running: Option<(Kind, u32)>,
    has_content: bool,
    /// The text so far; citations count its bytes.
    text: String,
    texts: TextOffsets,
    grounding: Option<Map<String, Value>>,
    /// A call that is incomplete.
    partial: Option<Partial>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thought,
}

impl Reader {
    pub fn new(mint: Mint) -> Self {
        Self {
            mint,
            has_started: false,
            choices: Vec::new(),
        }
    }

    /// Reads one chunk, or a whole answer.
    pub fn read(&mut self, mut chunk: Map<String, Value>, events: &mut Vec<Event>) {
        if let Some(inner) = chunk.object("response") {
            chunk = inner;
        }
        if let Some(error) = chunk.take("error") {
            events.push(event::error(error));
            return;
        }
        if !std::mem::replace(&mut self.has_started, true) {
            events.push(Event::Start {
                id: chunk.nonempty_text("responseId"),
                created: None,
            });
        }
        let candidates = chunk.list("candidates");
        if candidates.is_empty()
            && let Some(mut feedback) = chunk.object("promptFeedback")
            && let Some(native) = feedback.nonempty_text("blockReason")
        {
            events.push(Event::Finish {
                choice: 0,
                finish: Finish::ContentFilter,
                native,
            });
        }
        for candidate in candidates.into_iter().filter_map(object) {
            self.candidate(candidate, events);
        }
    }

    fn candidate(&mut self, mut candidate: Map<String, Value>, events: &mut Vec<Event>) {
        let index = candidate
            .count("index")
            .and_then(|index| u32::try_from(index).ok())
            .unwrap_or(0);
        let at = match self.choices.iter().position(|known| known.index == index) {
            Some(at) => at,
            None => {
                self.choices.push(Choice {
                    index,
                    ..Choice::default()
                });
                self.choices.len() - 1
            }
        };
        let Some(choice) = self.choices.get_mut(at) else {
            return;
        };
        let parts = candidate
            .object("content")
            .map(|mut content| content.list("parts"))
            .unwrap_or_default();
        for part in parts.into_iter().filter_map(object) {
            choice.part(part, &mut self.mint, events);
        }
        choice.grounding = candidate
            .object("groundingMetadata")
            .or(choice.grounding.take());
        if let Some(native) = candidate.nonempty_text("finishReason") {
            choice.end_call(&mut self.mint, events);
            choice.grounded(events);
            events.push(match finish(&native, choice.has_content) {
                Some(finish) => Event::Finish {
                    choice: index,
                    finish,
                    native,
                },
                None => Event::Error {
                    status: 502,
                    message: format!("the upstream gave no answer: {native}"),
                    class: None,
                },
            });
        }
    }
}

/// The finish reason; `None` for a failure of the model without content.
fn finish(native: &str, has_content: bool) -> Option<Finish> {
    Some(match native {
        "MAX_TOKENS" => Finish::MaxTokens,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "LANGUAGE"
        | "MODEL_ARMOR"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => Finish::ContentFilter,
        "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MISSING_THOUGHT_SIGNATURE"
        | "MALFORMED_RESPONSE"
            if !has_content =>
        {
            return None;
        }
        _ => Finish::EndTurn,
    })
}

/// The code that the vendor has run, or its output, as text.
fn fenced(part: &mut Map<String, Value>) -> Option<String> {
    if let Some(mut code) = part.object("executableCode") {
        let language = code.text_or_empty("language");
        let language = language.to_ascii_lowercase();
        let code = code.nonempty_text("code")?;
        return Some(format!("\n```{language}\n{}\n```\n", code.trim_end()));
    }
    let output = part
        .object("codeExecutionResult")?
        .nonempty_text("output")?;
    Some(format!("\n```\n{}\n```\n", output.trim_end()))
}

impl Choice {
    fn new_block(&mut self) -> u32 {
        self.blocks += 1;
        self.blocks - 1
    }

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

    fn part(&mut self, mut part: Map<String, Value>, mint: &mut Mint, events: &mut Vec<Event>) {
        let choice = self.index;
        let signature = part.text_or_empty("thoughtSignature");
        let signature = Signature::read(&signature, Family::Gemini);
        if let Some(call) = part.object("functionCall") {
            self.call(call, signature, mint, events);
            return;
        }
        if part.flag("thought") == Some(true) {
            // Other thoughts, like draft images, are dropped.
            let text = part.text("text").or_else(|| fenced(&mut part));
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                let block = self.block(Kind::Thought);
                events.push(Event::ReasoningDelta(BlockId { choice, block }, text));
            }
            if let Some(signature) = signature {
                self.signed(signature, events);
            }
            return;
        }
        if let Some(text) = part.text("text") {
            if !text.is_empty() {
                self.has_content = true;
                let block = self.block(Kind::Text);
                self.texts.add(block, &text);
                self.text.push_str(&text);
                events.push(Event::TextDelta(BlockId { choice, block }, text));
            }
            if let Some(signature) = signature {
                self.signed(signature, events);
            }
            return;
        }
        if let Some(words) = fenced(&mut part) {
            self.running = None;
            self.has_content = true;
            let block = self.new_block();
            events.push(Event::TextDelta(BlockId { choice, block }, words));
            return;
        }
        if let Some(mut data) = part.object("inlineData") {
            self.running = None;
            self.has_content = true;
            let block = self.new_block();
            events.push(Event::ImageOut {
                choice,
                block,
                mime: data.text_or_empty("mimeType"),
                data: data.text_or_empty("data"),
            });
        }
    }

    fn grounded(&mut self, events: &mut Vec<Event>) {
        if let Some(metadata) = self.grounding.take() {
            let blocks = &mut self.blocks;
            let block = || {
                *blocks += 1;
                *blocks - 1
            };
            let (text, texts) = (&self.text, &self.texts);
            grounding::read(metadata, self.index, text, texts, block, events);
        }
    }

    /// The signature of a text belongs to the thought before it, or to an empty one.
    fn signed(&mut self, signature: Signature, events: &mut Vec<Event>) {
        let block = match self.running {
            Some((Kind::Thought, block)) => block,
            _ => self.new_block(),
        };
        self.running = None;
        events.push(Event::ReasoningSignature(
            BlockId::new(self.index, block),
            signature,
        ));
    }

    /// Reads a call, or a piece of one. It is written when it is complete: its signature may come with any piece.
    fn call(
        &mut self,
        call: Map<String, Value>,
        signature: Option<Signature>,
        mint: &mut Mint,
        events: &mut Vec<Event>,
    ) {
        let open = self.partial.as_ref();
        if open.is_some_and(|open| !open.is_continued_by(&call)) {
            self.end_call(mint, events);
        }
        // Some upstreams end a call twice.
        let has_content = ["name", "args", "partialArgs"]
            .iter()
            .any(|key| call.contains_key(*key));
        if self.partial.is_none() && !has_content {
            return;
        }
        let partial = self.partial.get_or_insert_default();
        if !partial.add(call, signature) {
            self.end_call(mint, events);
        }
    }

    fn end_call(&mut self, mint: &mut Mint, events: &mut Vec<Event>) {
        let Some(call) = self.partial.take() else {
            return;
        };
        self.running = None;
        self.has_content = true;
        let block = self.new_block();
        let choice = self.index;
        events.push(Event::ToolStart {
            choice,
            block,
            id: call.id.unwrap_or_else(|| mint.call()),
            name: call.name,
            signature: call.signature,
        });
        events.push(Event::ToolArgs(
            BlockId { choice, block },
            Value::Object(call.arguments).to_string(),
        ));
        events.push(Event::ToolEnd(BlockId { choice, block }));
    }
}
