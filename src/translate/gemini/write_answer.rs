//! Writing Gemini answers: streams chunk by chunk, and whole ones.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::grounding::Grounding;
use crate::json::fields::Put;
use crate::translate::neutral::answer::{Answer, Block, Choice, Ending, Head};
use crate::translate::neutral::parts::object_of_text;
use crate::translate::neutral::{BlockId, Event, Finish, Signature};
use crate::wire::usage::Usage;

/// Writes the chunks of one answer as objects, which the caller frames.
#[derive(Debug)]
pub struct Writer {
    head: Head,
    /// The incomplete calls, by choice and block: the dialect has complete calls only.
    calls: BTreeMap<(u32, u32), Call>,
    /// By choice, the signature for the next call.
    signatures: BTreeMap<u32, Signature>,
    /// By choice, searches and citations: the last chunk has them.
    grounding: BTreeMap<u32, Grounding>,
}

#[derive(Debug)]
struct Call {
    id: String,
    name: String,
    arguments: String,
    signature: Option<Signature>,
    is_complete: bool,
}

impl Writer {
    pub fn new(head: Head) -> Self {
        Self {
            head,
            calls: BTreeMap::new(),
            signatures: BTreeMap::new(),
            grounding: BTreeMap::new(),
        }
    }

    /// Writes one event that is neither the end nor an error.
    pub fn put(&mut self, event: Event, out: &mut Vec<Value>) {
        match event {
            Event::TextDelta(BlockId { choice, block }, text)
            | Event::RefusalDelta(BlockId { choice, block }, text) => {
                self.grounding.entry(choice).or_default().said(block, &text);
                self.part(choice, json!({"text": text}), out);
            }
            Event::ReasoningDelta(BlockId { choice, .. }, text) => {
                self.part(choice, json!({"text": text, "thought": true}), out);
            }
            Event::ReasoningSignature(BlockId { choice, .. }, signature)
            | Event::ReasoningOpaque(BlockId { choice, .. }, signature) => {
                self.flush_signature(choice, out);
                self.signatures.insert(choice, signature);
            }
            Event::ToolStart {
                choice,
                block,
                id,
                name,
                signature,
            } => {
                let signature = signature.or_else(|| self.signatures.remove(&choice));
                let call = Call {
                    id,
                    name,
                    arguments: String::new(),
                    signature,
                    is_complete: false,
                };
                self.calls.insert((choice, block), call);
            }
            Event::ToolArgs(BlockId { choice, block }, delta) => {
                if let Some(call) = self.calls.get_mut(&(choice, block)) {
                    call.arguments.push_str(&delta);
                }
            }
            Event::ToolEnd(BlockId { choice, block }) => {
                if let Some(call) = self.calls.get_mut(&(choice, block)) {
                    call.is_complete = true;
                }
                self.complete_calls(choice, out);
            }
            Event::Search(BlockId { choice, .. }, search) => {
                self.grounding.entry(choice).or_default().searched(search);
            }
            Event::Citation(BlockId { choice, block }, citation) => {
                let grounding = self.grounding.entry(choice).or_default();
                grounding.cited(block, citation);
            }
            Event::ImageOut {
                choice, mime, data, ..
            } => {
                let data = json!({"inlineData": {"mimeType": mime, "data": data}});
                self.part(choice, data, out);
            }
            _ => {}
        }
    }

    /// Writes the last chunk, with the finish reasons.
    pub fn end(&mut self, ending: Ending, out: &mut Vec<Value>) {
        let left = std::mem::take(&mut self.calls);
        for ((choice, _), call) in left {
            let part = function_call(
                &call.id,
                &call.name,
                &call.arguments,
                call.signature.as_ref(),
            );
            self.part(choice, part, out);
        }
        let choices: Vec<u32> = self.signatures.keys().copied().collect();
        for choice in choices {
            self.flush_signature(choice, out);
        }
        let candidates: Vec<Value> = ending
            .finishes
            .into_iter()
            .map(|(choice, (finish, _))| {
                let mut last = json!({"index": choice,
                    "content": {"role": "model", "parts": [{"text": ""}]},
                    "finishReason": finish_reason(&finish)});
                let grounding = self.grounding.remove(&choice).unwrap_or_default();
                if let Some(metadata) = grounding.metadata() {
                    last.put("groundingMetadata", metadata);
                }
                last
            })
            .collect();
        let mut chunk = self.chunk(candidates);
        if let Some(known) = ending.usage {
            chunk.put("usageMetadata", usage(&known));
        }
        out.push(chunk);
    }

    /// Writes complete calls in the order in which they began.
    fn complete_calls(&mut self, choice: u32, out: &mut Vec<Value>) {
        while let Some(entry) = self.calls.first_entry()
            && entry.get().is_complete
            && entry.key().0 == choice
        {
            let call = entry.remove();
            let part = function_call(
                &call.id,
                &call.name,
                &call.arguments,
                call.signature.as_ref(),
            );
            self.part(choice, part, out);
        }
    }

    /// Writes a signature without a call on an empty thought.
    fn flush_signature(&mut self, choice: u32, out: &mut Vec<Value>) {
        if let Some(signature) = self.signatures.remove(&choice) {
            let part =
                json!({"text": "", "thought": true, "thoughtSignature": signature.write_base64()});
            out.push(self.chunk_of(choice, part));
        }
    }

    fn part(&mut self, choice: u32, part: Value, out: &mut Vec<Value>) {
        self.flush_signature(choice, out);
        out.push(self.chunk_of(choice, part));
    }

    fn chunk_of(&self, choice: u32, part: Value) -> Value {
        let content = json!({"role": "model", "parts": [part]});
        self.chunk(vec![json!({"index": choice, "content": content})])
    }

    fn chunk(&self, candidates: Vec<Value>) -> Value {
        json!({"candidates": candidates, "modelVersion": self.head.model, "responseId": self.head.id})
    }
}

fn function_call(id: &str, name: &str, arguments: &str, signature: Option<&Signature>) -> Value {
    let args = object_of_text(arguments)
        .tree()
        .unwrap_or_else(|| json!({}));
    let mut part = json!({"functionCall": {"id": id, "name": name, "args": args}});
    if let Some(signature) = signature {
        part.put("thoughtSignature", signature.write_base64().into());
    }
    part
}

fn finish_reason(finish: &Finish) -> &'static str {
    match finish {
        Finish::EndTurn | Finish::StopSequence(_) | Finish::ToolCalls | Finish::Pause => "STOP",
        Finish::MaxTokens | Finish::ContextWindow => "MAX_TOKENS",
        Finish::ContentFilter => "SAFETY",
        Finish::Refusal => "PROHIBITED_CONTENT",
    }
}

fn usage(usage: &Usage) -> Value {
    let mut said = json!({
        "promptTokenCount": usage.input,
        "candidatesTokenCount": usage.output.saturating_sub(usage.reasoning),
        "totalTokenCount": usage.input.saturating_add(usage.output),
    });
    if usage.reasoning > 0 {
        said.put("thoughtsTokenCount", usage.reasoning.into());
    }
    if usage.cached_read > 0 {
        said.put("cachedContentTokenCount", usage.cached_read.into());
    }
    said
}

/// A whole answer.
pub fn whole(answer: &Answer, head: &Head) -> Value {
    let candidates: Vec<Value> = answer
        .choices
        .iter()
        .map(|(index, choice)| {
            let mut candidate = json!({
                "index": index,
                "content": {"role": "model", "parts": parts(choice)},
                "finishReason": finish_reason(&choice.finish()),
            });
            if let Some(metadata) = Grounding::of(choice).metadata() {
                candidate.put("groundingMetadata", metadata);
            }
            candidate
        })
        .collect();
    let mut body =
        json!({"candidates": candidates, "modelVersion": head.model, "responseId": head.id});
    if let Some(known) = &answer.usage {
        body.put("usageMetadata", usage(known));
    }
    body
}

fn parts(choice: &Choice) -> Vec<Value> {
    let mut parts: Vec<Value> = Vec::new();
    let mut waiting: Option<Signature> = None;
    for block in choice.blocks.values() {
        match block {
            Block::Text { text, .. } | Block::Refusal(text) => parts.push(json!({"text": text})),
            Block::Reasoning { text, signature } => {
                if !text.is_empty() {
                    parts.push(json!({"text": text, "thought": true}));
                }
                waiting = signature.clone().or(waiting);
            }
            Block::Opaque(signature) => waiting = Some(signature.clone()),
            Block::Tool {
                id,
                name,
                arguments,
                signature,
                ..
            } => {
                let signature = signature.clone().or_else(|| waiting.take());
                parts.push(function_call(id, name, arguments, signature.as_ref()));
            }
            Block::Search(_) => {}
            Block::Image { mime, data } => {
                parts.push(json!({"inlineData": {"mimeType": mime, "data": data}}));
            }
        }
    }
    if let Some(signature) = waiting {
        let part =
            json!({"text": "", "thought": true, "thoughtSignature": signature.write_base64()});
        parts.insert(0, part);
    }
    parts
}
