//! The output items of an answer that is written.

use serde_json::{Value, json};

use crate::translate::neutral::answer::arguments;
use crate::translate::neutral::event::Citation;
use crate::translate::neutral::search::{Search, TextOffsets};
use crate::translate::neutral::{Family, Signature};

#[derive(Debug)]
pub struct Item {
    pub id: String,
    pub kind: Kind,
    pub text: String,
    pub annotations: Vec<Value>,
    pub signature: Option<Signature>,
    /// As written, once it is complete.
    pub done: Option<Value>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Message,
    Refusal,
    Reasoning,
    Call(Named),
    TextCall(Named),
    Image,
    Search(Search),
}

/// The id of a call, and the tool that it calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub call_id: String,
    pub name: String,
    pub namespace: Option<String>,
}

impl Kind {
    pub fn prefix(&self) -> &'static str {
        match self {
            Self::Message | Self::Refusal => "msg",
            Self::Reasoning => "rs",
            Self::Call(_) => "fc",
            Self::TextCall(_) => "ctc",
            Self::Image => "ig",
            Self::Search(_) => "ws",
        }
    }
}

impl Named {
    fn in_namespace(&self, mut item: Value) -> Value {
        if let Some(namespace) = &self.namespace {
            item["namespace"] = namespace.as_str().into();
        }
        item
    }
}

impl Item {
    pub fn value(&self, status: &str, is_whole: bool) -> Value {
        let id = &self.id;
        match &self.kind {
            Kind::Message => {
                let content = is_whole.then(|| text_part(&self.text, &self.annotations));
                let content: Vec<Value> = content.into_iter().collect();
                json!({"id": id, "type": "message", "status": status, "role": "assistant",
                    "content": content})
            }
            Kind::Refusal => {
                let content = is_whole.then(|| json!({"type": "refusal", "refusal": self.text}));
                let content: Vec<Value> = content.into_iter().collect();
                json!({"id": id, "type": "message", "status": status, "role": "assistant",
                    "content": content})
            }
            Kind::Reasoning => {
                let mut item = reasoning(id, if is_whole { &self.text } else { "" });
                item["status"] = status.into();
                if let Some(signature) = self.signature.as_ref().filter(|_| is_whole) {
                    item["encrypted_content"] = signature.write(Family::Gpt).into();
                }
                item
            }
            Kind::Call(named) => {
                let given = if is_whole { arguments(&self.text) } else { "" };
                named.in_namespace(json!({"id": id, "type": "function_call", "status": status,
                    "call_id": named.call_id, "name": named.name, "arguments": given}))
            }
            Kind::TextCall(named) => {
                let input = if is_whole { &self.text } else { "" };
                named.in_namespace(
                    json!({"id": id, "type": "custom_tool_call", "status": status,
                    "call_id": named.call_id, "name": named.name, "input": input}),
                )
            }
            Kind::Search(search) => {
                json!({"id": id, "type": "web_search_call", "status": status,
                    "action": search.action()})
            }
            Kind::Image if !is_whole => {
                json!({"id": id, "type": "image_generation_call", "status": "in_progress",
                    "result": null})
            }
            Kind::Image => image(id, self.annotations.first(), &self.text),
        }
    }
}

pub fn image(id: &str, mime: Option<&Value>, data: &str) -> Value {
    let format = mime.and_then(Value::as_str).unwrap_or_default();
    let format = format.strip_prefix("image/").unwrap_or("png");
    json!({"id": id, "type": "image_generation_call", "status": "completed", "result": data,
        "output_format": format})
}

pub fn reasoning(id: &str, text: &str) -> Value {
    let summary = (!text.is_empty()).then(|| json!({"type": "summary_text", "text": text}));
    let summary: Vec<Value> = summary.into_iter().collect();
    json!({"id": id, "type": "reasoning", "summary": summary})
}

pub fn text_part(text: &str, annotations: &[Value]) -> Value {
    json!({"type": "output_text", "text": text, "annotations": annotations, "logprobs": []})
}

pub fn annotation(citation: &Citation, block: u32, texts: &TextOffsets) -> Value {
    let range = citation.range.map(|range| texts.of_all(block, range));
    let (start, end) = range.unwrap_or((0, 0));
    json!({"type": "url_citation", "start_index": start, "end_index": end,
        "url": citation.url, "title": citation.title})
}

/// The events that end an item, before the item itself: names and members.
pub fn closing_events(item: &Item) -> Vec<(String, Value)> {
    let text = &item.text;
    let event = |name: &str, members: Value| (format!("response.{name}"), members);
    let steps = |kind: &str, steps: [&str; 3]| {
        let step = |step: &str| event(&format!("{kind}.{step}"), json!({}));
        steps.map(step).to_vec()
    };
    match &item.kind {
        Kind::Message => {
            let part = text_part(text, &item.annotations);
            vec![
                event(
                    "output_text.done",
                    json!({"content_index": 0, "text": text, "logprobs": []}),
                ),
                event(
                    "content_part.done",
                    json!({"content_index": 0, "part": part}),
                ),
            ]
        }
        Kind::Refusal => {
            let part = json!({"type": "refusal", "refusal": text});
            vec![
                event("refusal.done", json!({"content_index": 0, "refusal": text})),
                event(
                    "content_part.done",
                    json!({"content_index": 0, "part": part}),
                ),
            ]
        }
        Kind::Reasoning if text.is_empty() => Vec::new(),
        Kind::Reasoning => {
            let part = json!({"type": "summary_text", "text": text});
            vec![
                event(
                    "reasoning_summary_text.done",
                    json!({"summary_index": 0, "text": text}),
                ),
                event(
                    "reasoning_summary_part.done",
                    json!({"summary_index": 0, "part": part}),
                ),
            ]
        }
        Kind::Call(named) => vec![event(
            "function_call_arguments.done",
            json!({"name": named.name, "arguments": arguments(text)}),
        )],
        Kind::TextCall(_) => vec![event("custom_tool_call_input.done", json!({"input": text}))],
        Kind::Search(_) => steps("web_search_call", ["in_progress", "searching", "completed"]),
        Kind::Image => steps(
            "image_generation_call",
            ["in_progress", "generating", "completed"],
        ),
    }
}
