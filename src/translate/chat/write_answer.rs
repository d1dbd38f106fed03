//! Writing Chat answers: streams chunk by chunk, and whole ones.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value, json};

use crate::json::fields::Put;
use crate::translate::neutral::answer::{Answer, Block, Choice, Ending, Head, arguments};
use crate::translate::neutral::event::Citation;
use crate::translate::neutral::search::TextOffsets;
use crate::translate::neutral::{BlockId, Event, Family, Finish, Signature, media};
use crate::wire::usage::Usage;

/// Writes the chunks of one answer.
#[derive(Debug)]
pub struct Writer {
    head: Head,
    choices: BTreeMap<u32, Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    last_reasoning: Option<u32>,
    calls: HashMap<u32, Call>,
    /// The number of calls.
    begun: usize,
    images: usize,
    texts: TextOffsets,
}

#[derive(Debug)]
struct Call {
    place: usize,
    is_text: bool,
    has_arguments: bool,
}

impl Writer {
    pub fn new(head: Head) -> Self {
        Self {
            head,
            choices: BTreeMap::new(),
        }
    }

    /// Writes one event that is neither the end nor an error.
    pub fn put(&mut self, event: Event, out: &mut Vec<u8>) {
        match event {
            Event::TextDelta(BlockId { choice, block }, text) => {
                self.progress(choice, out).texts.add(block, &text);
                self.delta(choice, json!({"content": text}), out);
            }
            Event::ReasoningDelta(BlockId { choice, block }, text) => {
                let progress = self.progress(choice, out);
                let before = progress.last_reasoning.replace(block);
                if before.is_some_and(|before| before != block) {
                    self.delta(choice, json!({"reasoning_content": "\n\n"}), out);
                }
                self.delta(choice, json!({"reasoning_content": text}), out);
            }
            Event::RefusalDelta(BlockId { choice, .. }, text) => {
                self.delta(choice, json!({"refusal": text}), out);
            }
            Event::ToolStart {
                choice,
                block,
                id,
                name,
                signature,
            } => self.tool(choice, block, &id, &name, signature, out),
            Event::ToolArgs(BlockId { choice, block }, delta) => {
                let Some(call) = self.call(choice, block) else {
                    return;
                };
                call.has_arguments = true;
                let (place, is_text) = (call.place, call.is_text);
                let delta = match is_text {
                    true => json!([{"index": place, "custom": {"input": delta}}]),
                    false => json!([{"index": place, "function": {"arguments": delta}}]),
                };
                self.delta(choice, json!({"tool_calls": delta}), out);
            }
            Event::ToolEnd(BlockId { choice, block }) => {
                let Some(call) = self.call(choice, block) else {
                    return;
                };
                if call.is_text || call.has_arguments {
                    return;
                }
                let delta = json!([{"index": call.place, "function": {"arguments": "{}"}}]);
                self.delta(choice, json!({"tool_calls": delta}), out);
            }
            Event::Citation(BlockId { choice, block }, citation) => {
                let texts = &self.progress(choice, out).texts;
                let annotation = annotation(&citation, block, texts);
                self.delta(choice, json!({"annotations": [annotation]}), out);
            }
            Event::ImageOut {
                choice, mime, data, ..
            } => {
                let progress = self.progress(choice, out);
                let index = progress.images;
                progress.images += 1;
                self.delta(choice, json!({"images": [image(index, &mime, &data)]}), out);
            }
            // The dialect reports citations only, not searches.
            Event::Start { .. }
            | Event::Search(_, _)
            | Event::ReasoningSignature(_, _)
            | Event::ReasoningOpaque(_, _)
            | Event::Usage(_)
            | Event::Finish { .. }
            | Event::Error { .. } => {}
        }
    }

    /// Writes the end.
    pub fn end(&mut self, ending: Ending, out: &mut Vec<u8>) {
        let usage = ending.usage.as_ref().map(usage);
        let last = ending.finishes.keys().next_back().copied();
        for (choice, (finish, native)) in ending.finishes {
            let begun = self.progress(choice, out).begun;
            let mut chunk = self.chunk(json!([{
                "index": choice,
                "delta": {},
                "logprobs": null,
                "finish_reason": finish_reason(&finish.with_calls(begun > 0)),
                "native_finish_reason": native.to_ascii_lowercase(),
            }]));
            if self.head.include_usage.is_none()
                && Some(choice) == last
                && let Some(usage) = &usage
            {
                chunk.put("usage", usage.clone());
            }
            write(&chunk, out);
        }
        if self.head.include_usage == Some(true)
            && let Some(usage) = usage
        {
            let mut chunk = self.chunk(json!([]));
            chunk.put("usage", usage);
            write(&chunk, out);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    /// The state of a choice. The first access writes its role.
    fn progress(&mut self, choice: u32, out: &mut Vec<u8>) -> &mut Progress {
        if !self.choices.contains_key(&choice) {
            let role = json!({"role": "assistant", "content": ""});
            write(&self.delta_chunk(choice, role), out);
        }
        self.choices.entry(choice).or_default()
    }

    fn call(&mut self, choice: u32, block: u32) -> Option<&mut Call> {
        self.choices.get_mut(&choice)?.calls.get_mut(&block)
    }

    fn delta(&mut self, choice: u32, delta: Value, out: &mut Vec<u8>) {
        self.progress(choice, out);
        write(&self.delta_chunk(choice, delta), out);
    }

    fn tool(
        &mut self,
        choice: u32,
        block: u32,
        id: &str,
        name: &str,
        signature: Option<Signature>,
        out: &mut Vec<u8>,
    ) {
        let is_text = self.head.custom_tools.iter().any(|tool| tool == name);
        let progress = self.progress(choice, out);
        let place = progress.begun;
        progress.begun += 1;
        progress.calls.insert(
            block,
            Call {
                place,
                is_text,
                has_arguments: false,
            },
        );
        let mut call = match is_text {
            true => json!({"index": place, "id": id, "type": "custom",
                "custom": {"name": name, "input": ""}}),
            false => json!({"index": place, "id": id, "type": "function",
                "function": {"name": name, "arguments": ""}}),
        };
        if let Some(extra) = extra_content(signature) {
            call.put("extra_content", extra);
        }
        self.delta(choice, json!({"tool_calls": [call]}), out);
    }

    fn delta_chunk(&self, choice: u32, delta: Value) -> Value {
        self.chunk(json!([{"index": choice, "delta": delta, "logprobs": null,
            "finish_reason": null}]))
    }

    fn chunk(&self, choices: Value) -> Value {
        let mut chunk = json!({
            "id": self.head.id,
            "object": "chat.completion.chunk",
            "created": self.head.created,
            "model": self.head.model,
            "choices": choices,
        });
        if self.head.include_usage == Some(true) {
            chunk.put("usage", Value::Null);
        }
        chunk
    }
}

fn write(chunk: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("data: {chunk}\n\n").as_bytes());
}

/// The place of Google's signature in a chat.
fn extra_content(signature: Option<Signature>) -> Option<Value> {
    let signature = signature.filter(|signature| signature.family == Family::Gemini)?;
    Some(json!({"google": {"thought_signature": signature.value}}))
}

fn annotation(citation: &Citation, block: u32, texts: &TextOffsets) -> Value {
    let range = citation.range.map(|range| texts.of_all(block, range));
    let (start, end) = range.unwrap_or((0, 0));
    json!({"type": "url_citation", "url_citation": {"start_index": start, "end_index": end,
        "title": citation.title, "url": citation.url}})
}

fn image(index: usize, mime: &str, data: &str) -> Value {
    json!({"index": index, "type": "image_url", "image_url": {"url": media::url_of(mime, data)}})
}

pub fn finish_reason(finish: &Finish) -> &'static str {
    match finish {
        Finish::EndTurn | Finish::StopSequence(_) | Finish::Pause => "stop",
        Finish::ToolCalls => "tool_calls",
        Finish::MaxTokens | Finish::ContextWindow => "length",
        Finish::ContentFilter | Finish::Refusal => "content_filter",
    }
}

pub fn usage(usage: &Usage) -> Value {
    let mut prompt = json!({"cached_tokens": usage.cached_read});
    if usage.cache_creation > 0 {
        prompt.put("cache_write_tokens", usage.cache_creation.into());
    }
    json!({
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input.saturating_add(usage.output),
        "prompt_tokens_details": prompt,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    })
}

/// A whole answer.
pub fn whole(answer: &Answer, head: &Head) -> Value {
    let choices: Vec<Value> = answer
        .choices
        .iter()
        .map(|(index, choice)| {
            json!({
                "index": index,
                "message": message(choice, head),
                "logprobs": null,
                "finish_reason": finish_reason(&choice.finish()),
                "native_finish_reason": choice.native.to_ascii_lowercase(),
            })
        })
        .collect();
    let mut body = json!({
        "id": head.id,
        "object": "chat.completion",
        "created": head.created,
        "model": head.model,
        "choices": choices,
        "system_fingerprint": null,
    });
    if let Some(known) = &answer.usage {
        body.put("usage", usage(known));
    }
    body
}

fn message(choice: &Choice, head: &Head) -> Value {
    let text_tools: HashSet<&str> = head.custom_tools.iter().map(String::as_str).collect();
    let mut text = String::new();
    let mut reasoning = Vec::new();
    let mut refusal = String::new();
    let mut texts = TextOffsets::default();
    let (mut calls, mut annotations, mut images) = (Vec::new(), Vec::new(), Vec::new());
    for (index, block) in &choice.blocks {
        match block {
            Block::Text {
                text: more,
                citations,
            } => {
                text.push_str(more);
                texts.add(*index, more);
                let cited = citations.iter();
                annotations.extend(cited.map(|citation| annotation(citation, *index, &texts)));
            }
            Block::Reasoning { text, .. } if !text.is_empty() => reasoning.push(text.as_str()),
            Block::Reasoning { .. } | Block::Opaque(_) | Block::Search(_) => {}
            Block::Refusal(text) => refusal.push_str(text),
            Block::Tool {
                id,
                name,
                arguments: given,
                signature,
                ..
            } => {
                let mut call = match text_tools.contains(name.as_str()) {
                    true => json!({"id": id, "type": "custom",
                        "custom": {"name": name, "input": given}}),
                    false => json!({"id": id, "type": "function",
                        "function": {"name": name, "arguments": arguments(given)}}),
                };
                if let Some(extra) = extra_content(signature.clone()) {
                    call.put("extra_content", extra);
                }
                calls.push(call);
            }
            Block::Image { mime, data } => images.push(image(images.len(), mime, data)),
        }
    }
    let or_null = |text: String| match text.is_empty() {
        true => Value::Null,
        false => text.into(),
    };
    let mut message =
        json!({"role": "assistant", "content": or_null(text), "refusal": or_null(refusal)});
    if !reasoning.is_empty() {
        message.put("reasoning_content", reasoning.join("\n\n").into());
    }
    for (key, list) in [
        ("tool_calls", calls),
        ("annotations", annotations),
        ("images", images),
    ] {
        if !list.is_empty() {
            message.put(key, list.into());
        }
    }
    message
}
