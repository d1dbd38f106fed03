//! OpenAI Responses: "Streaming events".

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Complaint, End, Frame, arguments, ensure, number, text};
use crate::document::fits_event;

#[derive(Default)]
struct State {
    items: BTreeMap<u64, Item>,
    done: BTreeMap<u64, Value>,
    next: u64,
    opening: usize,
}

#[derive(Default)]
struct Item {
    id: String,
    kind: String,
    /// What has been said in deltas, by the kind of delta.
    said: BTreeMap<&'static str, String>,
    part: Option<&'static str>,
    annotations: Vec<Value>,
    /// Steps of a search so far.
    steps: usize,
    is_closed: bool,
}

const OPENING: [&str; 2] = ["response.created", "response.in_progress"];
/// What becomes of a search.
const SEARCH: [&str; 3] = [".in_progress", ".searching", ".completed"];
/// Deltas, the event that repeats them, and the key under which it does.
const SAID: [(&str, &str, &str, &str); 5] = [
    (
        "response.output_text.delta",
        "response.output_text.done",
        "text",
        "message",
    ),
    (
        "response.refusal.delta",
        "response.refusal.done",
        "refusal",
        "message",
    ),
    (
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "text",
        "reasoning",
    ),
    (
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "arguments",
        "function_call",
    ),
    (
        "response.custom_tool_call_input.delta",
        "response.custom_tool_call_input.done",
        "input",
        "custom_tool_call",
    ),
];

pub fn check(frames: &[Frame]) -> Result<End, Complaint> {
    let mut state = State::default();
    for (index, frame) in frames.iter().enumerate() {
        let json = frame.json()?;
        let kind = text(&json, "type")?;
        fits_event(&json)?;
        ensure(frame.name.as_deref() == Some(kind), || {
            format!("{kind} is called {:?}", frame.name)
        })?;
        ensure(number(&json, "sequence_number")? == index as u64, || {
            format!("out of order: {json}")
        })?;
        let is_last = index + 1 == frames.len();
        match kind {
            "response.completed" | "response.incomplete" | "response.failed" | "error" => {
                ensure(is_last, || format!("events behind {kind}"))?;
                return state.end(kind, &json);
            }
            _ if state.opening < OPENING.len() => {
                ensure(kind == OPENING[state.opening], || {
                    format!("{kind} at the beginning")
                })?;
                state.opening += 1;
                let response = &json["response"];
                text(response, "id")?;
                ensure(response["status"] == "in_progress", || {
                    "not in progress".into()
                })?;
                ensure(
                    response["output"].as_array().is_some_and(Vec::is_empty),
                    || "output at the start".into(),
                )?;
            }
            _ => state.take(kind, &json)?,
        }
    }
    Err("no closing event".to_owned())
}

impl State {
    fn item(&mut self, json: &Value) -> Result<&mut Item, Complaint> {
        let index = number(json, "output_index")?;
        let item = self
            .items
            .get_mut(&index)
            .ok_or(format!("no such item is open: {json}"))?;
        if !json["item_id"].is_null() {
            ensure(json["item_id"] == item.id.as_str(), || {
                format!("another item_id: {json}")
            })?;
        }
        ensure(!item.is_closed, || format!("behind the item's end: {json}"))?;
        Ok(item)
    }

    fn take(&mut self, kind: &str, json: &Value) -> Result<(), Complaint> {
        for (delta, done, key, of) in SAID {
            if kind == delta || kind == done {
                let item = self.item(json)?;
                ensure(item.kind == of, || format!("{kind} in {}", item.kind))?;
                let so_far = item.said.entry(delta).or_default();
                if kind == delta {
                    so_far.push_str(text(json, "delta")?);
                    return Ok(());
                }
                let all = text(json, key)?;
                let agrees = all == so_far || (so_far.is_empty() && all == "{}");
                so_far.clear();
                so_far.push_str(all);
                return ensure(agrees, || format!("{kind} says something else: {json}"));
            }
        }
        match kind {
            "response.output_item.added" => {
                let index = number(json, "output_index")?;
                ensure(index == self.next, || format!("a gap at {json}"))?;
                self.next += 1;
                let item = &json["item"];
                let known = text(item, "type")?.to_owned();
                let others_open = self.items.values().any(|other| {
                    let is_call = other.kind.ends_with("_call") && known.ends_with("_call");
                    !other.is_closed && !is_call
                });
                ensure(!others_open, || format!("another item is open: {json}"))?;
                if known.ends_with("function_call") || known == "custom_tool_call" {
                    text(item, "call_id")?;
                    ensure(!text(item, "name")?.is_empty(), || {
                        "a call without name".into()
                    })?;
                }
                let id = text(item, "id")?.to_owned();
                let item = Item {
                    id,
                    kind: known,
                    ..Item::default()
                };
                self.items.insert(index, item);
                Ok(())
            }
            "response.output_item.done" => {
                let item = self.item(json)?;
                item.is_closed = true;
                let done = &json["item"];
                ensure(item.part.is_none(), || "a part is left open".into())?;
                ensure(
                    done["id"] == item.id.as_str() && done["type"] == item.kind.as_str(),
                    || format!("another item: {done}"),
                )?;
                let said = |delta: &str| item.said.get(delta).cloned().unwrap_or_default();
                match item.kind.as_str() {
                    "message" => {
                        let parts = done["content"].as_array().ok_or("no content")?;
                        let texts: String = parts
                            .iter()
                            .filter_map(|part| part["text"].as_str())
                            .collect();
                        ensure(texts == said("response.output_text.delta"), || {
                            format!("another text: {done}")
                        })?;
                        let annotations = parts
                            .iter()
                            .filter_map(|part| part["annotations"].as_array());
                        let annotations: Vec<Value> = annotations.flatten().cloned().collect();
                        ensure(annotations == item.annotations, || {
                            format!("other annotations: {done}")
                        })?;
                    }
                    "reasoning" => {
                        let parts = done["summary"].as_array().ok_or("no summary")?;
                        let texts: String = parts
                            .iter()
                            .filter_map(|part| part["text"].as_str())
                            .collect();
                        ensure(
                            texts == said("response.reasoning_summary_text.delta"),
                            || format!("another summary: {done}"),
                        )?;
                    }
                    "function_call" => {
                        let text = text(done, "arguments")?;
                        arguments(text)?;
                        ensure(
                            text == said("response.function_call_arguments.delta"),
                            || format!("other arguments: {done}"),
                        )?;
                    }
                    "custom_tool_call" => {
                        ensure(
                            text(done, "input")? == said("response.custom_tool_call_input.delta"),
                            || format!("another input: {done}"),
                        )?;
                    }
                    "web_search_call" => {
                        ensure(item.steps == SEARCH.len(), || "a search half told".into())?;
                        ensure(done["action"]["type"] == "search", || {
                            format!("no action: {done}")
                        })?;
                        text(&done["action"], "query")?;
                    }
                    _ => {}
                }
                let index = number(json, "output_index")?;
                self.done.insert(index, done.clone());
                Ok(())
            }
            "response.content_part.added" | "response.reasoning_summary_part.added" => {
                let item = self.item(json)?;
                ensure(item.part.is_none(), || "two parts are open".into())?;
                item.part = Some(if kind.contains("content") {
                    "content"
                } else {
                    "summary"
                });
                ensure(json["part"].is_object(), || "no part".into())
            }
            "response.content_part.done" | "response.reasoning_summary_part.done" => {
                let item = self.item(json)?;
                let expected = if kind.contains("content") {
                    "content"
                } else {
                    "summary"
                };
                ensure(item.part.take() == Some(expected), || {
                    format!("no such part: {json}")
                })
            }
            "response.output_text.annotation.added" => {
                let index = number(json, "annotation_index")?;
                let item = self.item(json)?;
                ensure(index == item.annotations.len() as u64, || {
                    format!("a gap at {json}")
                })?;
                let annotation = &json["annotation"];
                ensure(annotation["type"] == "url_citation", || {
                    format!("no annotation: {annotation}")
                })?;
                text(annotation, "url")?;
                text(annotation, "title")?;
                let said = item.said.get("response.output_text.delta");
                let characters = said.map_or(0, |said| said.chars().count() as u64);
                let range = (
                    number(annotation, "start_index")?,
                    number(annotation, "end_index")?,
                );
                ensure(range.0 <= range.1 && range.1 <= characters, || {
                    format!("{annotation} of {characters} characters")
                })?;
                item.annotations.push(annotation.clone());
                Ok(())
            }
            kind if kind.starts_with("response.web_search_call.") => {
                let item = self.item(json)?;
                let expected = SEARCH.get(item.steps).copied().unwrap_or_default();
                ensure(
                    item.kind == "web_search_call" && kind.ends_with(expected),
                    || format!("{kind} in {} after {} steps", item.kind, item.steps),
                )?;
                item.steps += 1;
                Ok(())
            }
            kind if kind.starts_with("response.image_generation_call.") => {
                self.item(json).map(drop)
            }
            other => Err(format!("no event: {other}")),
        }
    }

    fn end(&self, kind: &str, json: &Value) -> Result<End, Complaint> {
        if kind == "error" {
            text(json, "message")?;
            return Ok(End::Error);
        }
        ensure(self.opening == OPENING.len(), || {
            format!("{kind} without a beginning")
        })?;
        let response = &json["response"];
        let status = kind.trim_start_matches("response.");
        ensure(response["status"] == status, || {
            format!("status in {response}")
        })?;
        if status == "failed" {
            text(&response["error"], "code")?;
            text(&response["error"], "message")?;
            return Ok(End::Error);
        }
        ensure(self.items.values().all(|item| item.is_closed), || {
            "an item is left open".into()
        })?;
        let done: Vec<&Value> = self.done.values().collect();
        let output: Vec<&Value> = response["output"]
            .as_array()
            .ok_or("no output")?
            .iter()
            .collect();
        ensure(output == done, || format!("another output: {response}"))?;
        // An upstream may end without telling.
        if !response["usage"].is_null() {
            number(&response["usage"], "input_tokens")?;
        }
        ensure(
            status == "completed" || response["incomplete_details"].is_object(),
            || "incomplete without a reason".into(),
        )?;
        Ok(End::Good)
    }
}
