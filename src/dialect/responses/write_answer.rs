//! Responses answers, written: streams event by event, and whole ones (spec/dialects.md 4.3, 5.4).

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::dialect::neutral::answer::{Answer, Block, Ending, Head, arguments, text_argument};
use crate::dialect::neutral::event::Citation;
use crate::dialect::neutral::{Carrier, Event, Family, Finish};
use crate::dialect::usage::Usage;

/// Writes the events of one answer.
#[derive(Debug)]
pub struct Writer {
    head: Head,
    sequence: u64,
    has_started: bool,
    /// What has been begun, in the order of the output. Complete items are there as they went out.
    items: Vec<Item>,
    /// The message or reasoning that is open.
    open: Option<usize>,
    /// The calls that are open, by their block.
    calls: HashMap<u32, usize>,
    /// What belongs to the open item.
    block: u32,
    has_calls: bool,
}

#[derive(Debug)]
struct Item {
    id: String,
    kind: Kind,
    text: String,
    annotations: Vec<Value>,
    carrier: Option<Carrier>,
    /// As it went out, once it is complete.
    done: Option<Value>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Message,
    Refusal,
    Reasoning,
    Call(Named),
    TextCall(Named),
    Image,
}

/// A call by its id and the name of what it calls.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    call_id: String,
    name: String,
    namespace: Option<String>,
}

impl Kind {
    fn prefix(&self) -> &'static str {
        match self {
            Self::Message | Self::Refusal => "msg",
            Self::Reasoning => "rs",
            Self::Call(_) => "fc",
            Self::TextCall(_) => "ctc",
            Self::Image => "ig",
        }
    }
}

impl Writer {
    pub fn new(head: Head) -> Self {
        Self {
            head,
            sequence: 0,
            has_started: false,
            items: Vec::new(),
            open: None,
            calls: HashMap::new(),
            block: u32::MAX,
            has_calls: false,
        }
    }

    /// Writes one event that is neither the end nor an error. Only the first choice has a place here.
    pub fn put(&mut self, event: Event, out: &mut Vec<u8>) {
        self.start(out);
        match event {
            event if event.is_blank() => {}
            Event::TextDelta {
                choice: 0,
                block,
                text,
            } => {
                let at = self.enter(Kind::Message, block, out);
                self.say(at, "response.output_text.delta", "content_index", text, out);
            }
            Event::RefusalDelta {
                choice: 0,
                block,
                text,
            } => {
                let at = self.enter(Kind::Refusal, block, out);
                self.say(at, "response.refusal.delta", "content_index", text, out);
            }
            Event::ReasoningDelta {
                choice: 0,
                block,
                text,
            } => {
                let at = self.enter(Kind::Reasoning, block, out);
                self.summary_begins(at, out);
                let name = "response.reasoning_summary_text.delta";
                self.say(at, name, "summary_index", text, out);
            }
            Event::ReasoningSignature {
                choice: 0,
                block,
                carrier,
            } => {
                let at = self.enter(Kind::Reasoning, block, out);
                if let Some(item) = self.items.get_mut(at) {
                    item.carrier = Some(carrier);
                }
            }
            Event::ReasoningOpaque {
                choice: 0,
                block,
                carrier,
            } => {
                let at = self.enter(Kind::Reasoning, block, out);
                if let Some(item) = self.items.get_mut(at) {
                    item.carrier = Some(carrier);
                }
                self.close(out);
            }
            Event::ToolStart {
                choice: 0,
                block,
                id,
                name,
                carrier,
            } => self.tool(block, id, name, carrier, out),
            Event::ToolArgs {
                choice: 0,
                block,
                delta,
            } => self.arguments(block, delta, out),
            Event::ToolEnd { choice: 0, block } => {
                if let Some(at) = self.calls.remove(&block) {
                    self.done(at, "completed", out);
                }
            }
            Event::Citation {
                choice: 0,
                block,
                citation,
            } => {
                let at = self.enter(Kind::Message, block, out);
                self.annotate(at, annotation(&citation), out);
            }
            Event::ImageOut {
                choice: 0,
                block,
                mime,
                data,
            } => {
                let at = self.begin(Kind::Image, block, out);
                if let Some(item) = self.items.get_mut(at) {
                    item.text = data;
                    item.annotations = vec![mime.into()];
                }
                self.close(out);
            }
            _ => {}
        }
    }

    /// Writes the end.
    pub fn end(&mut self, ending: Ending, out: &mut Vec<u8>) {
        self.start(out);
        let finish = ending.finishes.into_values().next();
        let finish = finish.map_or(Finish::EndTurn, |(finish, _)| finish);
        let finish = finish.given(self.has_calls);
        let status = if finish.is_incomplete() {
            "incomplete"
        } else {
            "completed"
        };
        self.close_all(status, out);
        let output: Vec<Value> = self
            .items
            .iter()
            .filter_map(|item| item.done.clone())
            .collect();
        let response = response(&self.head, status, &finish, output, ending.usage.as_ref());
        let name = format!("response.{status}");
        self.write(&name, json!({"response": response}), out);
    }

    /// Writes an error as the end.
    pub fn fail(&mut self, code: &str, message: &str, out: &mut Vec<u8>) {
        self.start(out);
        let output: Vec<Value> = self
            .items
            .iter()
            .filter_map(|item| item.done.clone())
            .collect();
        let mut response = response(&self.head, "failed", &Finish::EndTurn, output, None);
        response["error"] = json!({"code": code, "message": message});
        self.write("response.failed", json!({"response": response}), out);
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.has_started, true) {
            return;
        }
        let begun = response(
            &self.head,
            "in_progress",
            &Finish::EndTurn,
            Vec::new(),
            None,
        );
        self.write("response.created", json!({"response": begun}), out);
        self.write("response.in_progress", json!({"response": begun}), out);
    }

    fn write(&mut self, name: &str, members: Value, out: &mut Vec<u8>) {
        let mut event = Map::new();
        event.insert("type".to_owned(), name.into());
        event.insert("sequence_number".to_owned(), self.sequence.into());
        self.sequence += 1;
        if let Value::Object(members) = members {
            event.extend(members);
        }
        let event = Value::Object(event);
        out.extend_from_slice(format!("event: {name}\ndata: {event}\n\n").as_bytes());
    }

    /// Sees to it that the message or reasoning that `block` belongs to is open. Two texts in a row are one.
    fn enter(&mut self, kind: Kind, block: u32, out: &mut Vec<u8>) -> usize {
        if let Some(at) = self.open
            && let Some(item) = self.items.get(at)
            && item.kind == kind
            && (kind == Kind::Message || self.block == block)
        {
            return at;
        }
        self.begin(kind, block, out)
    }

    fn begin(&mut self, kind: Kind, block: u32, out: &mut Vec<u8>) -> usize {
        self.close_all("completed", out);
        let at = self.add(kind.clone(), out);
        self.open = Some(at);
        self.block = block;
        let id = self.id(at);
        let part = match kind {
            Kind::Message => text_part("", &[]),
            Kind::Refusal => json!({"type": "refusal", "refusal": ""}),
            _ => return at,
        };
        let added = json!({"item_id": id, "output_index": at, "content_index": 0, "part": part});
        self.write("response.content_part.added", added, out);
        at
    }

    fn add(&mut self, kind: Kind, out: &mut Vec<u8>) -> usize {
        let at = self.items.len();
        let base = self.head.id.strip_prefix("resp_").unwrap_or(&self.head.id);
        let item = Item {
            id: format!("{}_{base}_{at}", kind.prefix()),
            kind,
            text: String::new(),
            annotations: Vec::new(),
            carrier: None,
            done: None,
        };
        let begun = item.value("in_progress", false);
        self.items.push(item);
        let added = json!({"output_index": at, "item": begun});
        self.write("response.output_item.added", added, out);
        at
    }

    fn id(&self, at: usize) -> String {
        self.items
            .get(at)
            .map_or_else(String::new, |item| item.id.clone())
    }

    fn say(&mut self, at: usize, name: &str, index: &str, text: String, out: &mut Vec<u8>) {
        let Some(item) = self.items.get_mut(at) else {
            return;
        };
        item.text.push_str(&text);
        let mut members = json!({"item_id": item.id, "output_index": at, index: 0, "delta": text});
        if item.kind == Kind::Message {
            members["logprobs"] = json!([]);
        }
        self.write(name, members, out);
    }

    fn summary_begins(&mut self, at: usize, out: &mut Vec<u8>) {
        if self.items.get(at).is_some_and(|item| item.text.is_empty()) {
            let id = self.id(at);
            let part = json!({"type": "summary_text", "text": ""});
            let added =
                json!({"item_id": id, "output_index": at, "summary_index": 0, "part": part});
            self.write("response.reasoning_summary_part.added", added, out);
        }
    }

    fn annotate(&mut self, at: usize, annotation: Value, out: &mut Vec<u8>) {
        let Some(item) = self.items.get_mut(at) else {
            return;
        };
        item.annotations.push(annotation.clone());
        let number = item.annotations.len() - 1;
        let members = json!({"item_id": item.id, "output_index": at, "content_index": 0,
            "annotation_index": number, "annotation": annotation});
        self.write("response.output_text.annotation.added", members, out);
    }

    fn tool(
        &mut self,
        block: u32,
        call_id: String,
        name: String,
        carrier: Option<Carrier>,
        out: &mut Vec<u8>,
    ) {
        self.has_calls = true;
        self.close(out);
        if let Some(carrier) = carrier {
            let at = self.enter(Kind::Reasoning, u32::MAX, out);
            if let Some(item) = self.items.get_mut(at) {
                item.carrier = Some(carrier);
            }
            self.close(out);
        }
        let is_text = self.head.text_tools.contains(&name);
        let named = match self.head.namespaces.get(&name).cloned() {
            Some((namespace, name)) => Named {
                call_id,
                name,
                namespace: Some(namespace),
            },
            None => Named {
                call_id,
                name,
                namespace: None,
            },
        };
        let kind = match is_text {
            true => Kind::TextCall(named),
            false => Kind::Call(named),
        };
        let at = self.add(kind, out);
        self.calls.insert(block, at);
    }

    fn arguments(&mut self, block: u32, delta: String, out: &mut Vec<u8>) {
        let Some(at) = self.calls.get(&block).copied() else {
            return;
        };
        let Some(item) = self.items.get_mut(at) else {
            return;
        };
        item.text.push_str(&delta);
        if matches!(item.kind, Kind::Call(_)) {
            let members = json!({"item_id": item.id, "output_index": at, "delta": delta});
            self.write("response.function_call_arguments.delta", members, out);
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if let Some(at) = self.open.take() {
            self.done(at, "completed", out);
        }
    }

    /// Closes what is open; only the last of it may be cut.
    fn close_all(&mut self, status: &str, out: &mut Vec<u8>) {
        if let Some(at) = self.open.take() {
            self.done(at, status, out);
        }
        let mut calls: Vec<usize> = self.calls.drain().map(|(_, at)| at).collect();
        calls.sort_unstable();
        for at in calls {
            self.done(at, status, out);
        }
    }

    /// An item is complete: its texts once more, whole, and itself.
    fn done(&mut self, at: usize, status: &str, out: &mut Vec<u8>) {
        let Some(item) = self.items.get_mut(at).filter(|item| item.done.is_none()) else {
            return;
        };
        let (id, text) = (item.id.clone(), item.text.clone());
        let value = item.value(status, true);
        item.done = Some(value.clone());
        let annotations = item.annotations.clone();
        let place = |members: Value| {
            let mut all = json!({"item_id": id, "output_index": at});
            if let (Some(all), Value::Object(members)) = (all.as_object_mut(), members) {
                all.extend(members);
            }
            all
        };
        match item.kind.clone() {
            Kind::Message => {
                let told = json!({"content_index": 0, "text": text, "logprobs": []});
                self.write("response.output_text.done", place(told), out);
                let part = json!({"content_index": 0, "part": text_part(&text, &annotations)});
                self.write("response.content_part.done", place(part), out);
            }
            Kind::Refusal => {
                let told = json!({"content_index": 0, "refusal": text});
                self.write("response.refusal.done", place(told), out);
                let part = json!({"type": "refusal", "refusal": text});
                let part = json!({"content_index": 0, "part": part});
                self.write("response.content_part.done", place(part), out);
            }
            Kind::Reasoning if !text.is_empty() => {
                let told = json!({"summary_index": 0, "text": text});
                self.write("response.reasoning_summary_text.done", place(told), out);
                let part = json!({"type": "summary_text", "text": text});
                let part = json!({"summary_index": 0, "part": part});
                self.write("response.reasoning_summary_part.done", place(part), out);
            }
            Kind::Reasoning => {}
            Kind::Call(_) => {
                let told = json!({"arguments": arguments(&text)});
                self.write("response.function_call_arguments.done", place(told), out);
            }
            Kind::TextCall(_) => {
                let input = text_argument(&text);
                let name = "response.custom_tool_call_input.delta";
                self.write(name, place(json!({"delta": input})), out);
                let name = "response.custom_tool_call_input.done";
                self.write(name, place(json!({"input": input})), out);
            }
            Kind::Image => {
                for step in ["in_progress", "generating", "completed"] {
                    let name = format!("response.image_generation_call.{step}");
                    self.write(&name, place(json!({})), out);
                }
            }
        }
        let done = json!({"output_index": at, "item": value});
        self.write("response.output_item.done", done, out);
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
    fn value(&self, status: &str, is_whole: bool) -> Value {
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
                if let Some(carrier) = self.carrier.as_ref().filter(|_| is_whole) {
                    item["encrypted_content"] = carrier.write(Family::Gpt).into();
                }
                item
            }
            Kind::Call(named) => {
                let given = if is_whole { arguments(&self.text) } else { "" };
                named.in_namespace(json!({"id": id, "type": "function_call", "status": status,
                    "call_id": named.call_id, "name": named.name, "arguments": given}))
            }
            Kind::TextCall(named) => {
                let input = match is_whole {
                    true => text_argument(&self.text),
                    false => String::new(),
                };
                named.in_namespace(
                    json!({"id": id, "type": "custom_tool_call", "status": status,
                    "call_id": named.call_id, "name": named.name, "input": input}),
                )
            }
            Kind::Image if !is_whole => {
                json!({"id": id, "type": "image_generation_call", "status": "in_progress"})
            }
            Kind::Image => image(id, self.annotations.first(), &self.text),
        }
    }
}

fn image(id: &str, mime: Option<&Value>, data: &str) -> Value {
    let format = mime.and_then(Value::as_str).unwrap_or_default();
    let format = format.strip_prefix("image/").unwrap_or("png");
    json!({"id": id, "type": "image_generation_call", "status": "completed", "result": data,
        "output_format": format})
}

fn reasoning(id: &str, text: &str) -> Value {
    let summary = (!text.is_empty()).then(|| json!({"type": "summary_text", "text": text}));
    let summary: Vec<Value> = summary.into_iter().collect();
    json!({"id": id, "type": "reasoning", "summary": summary})
}

fn text_part(text: &str, annotations: &[Value]) -> Value {
    json!({"type": "output_text", "text": text, "annotations": annotations, "logprobs": []})
}

fn annotation(citation: &Citation) -> Value {
    let (start, end) = citation.range.unwrap_or((0, 0));
    json!({"type": "url_citation", "start_index": start, "end_index": end,
        "url": citation.url, "title": citation.title})
}

fn usage(usage: &Usage) -> Value {
    json!({
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached_read},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input.saturating_add(usage.output),
    })
}

/// The response object, with what it repeats of the request.
fn response(
    head: &Head,
    status: &str,
    finish: &Finish,
    output: Vec<Value>,
    usage: Option<&Usage>,
) -> Value {
    let reason = match finish {
        _ if status != "incomplete" => None,
        Finish::MaxTokens | Finish::ContextWindow => Some("max_output_tokens"),
        _ => Some("content_filter"),
    };
    let echo = |key: &str, otherwise: Value| head.echo.get(key).cloned().unwrap_or(otherwise);
    json!({
        "id": head.id,
        "object": "response",
        "created_at": head.created,
        "status": status,
        "background": false,
        "error": null,
        "incomplete_details": reason.map(|reason| json!({"reason": reason})),
        "instructions": echo("instructions", Value::Null),
        "max_output_tokens": echo("max_output_tokens", Value::Null),
        "max_tool_calls": echo("max_tool_calls", Value::Null),
        "model": head.model,
        "output": output,
        "parallel_tool_calls": echo("parallel_tool_calls", true.into()),
        "previous_response_id": null,
        "prompt_cache_key": echo("prompt_cache_key", Value::Null),
        "reasoning": echo("reasoning", json!({"effort": null, "summary": null})),
        "safety_identifier": echo("safety_identifier", Value::Null),
        "service_tier": echo("service_tier", "default".into()),
        "store": echo("store", false.into()),
        "temperature": echo("temperature", 1.0.into()),
        "text": echo("text", json!({"format": {"type": "text"}})),
        "tool_choice": echo("tool_choice", "auto".into()),
        "tools": echo("tools", json!([])),
        "top_logprobs": echo("top_logprobs", 0.into()),
        "top_p": echo("top_p", 1.0.into()),
        "truncation": "disabled",
        "usage": usage.map(self::usage),
        "user": echo("user", Value::Null),
        "metadata": echo("metadata", json!({})),
    })
}

/// The members of a request that its answer repeats.
pub const ECHOED: [&str; 16] = [
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "parallel_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "metadata",
];

/// A whole answer.
pub fn whole(answer: &Answer, head: &Head) -> Value {
    let choice = answer.choices.values().next();
    let finish = choice.map_or(Finish::EndTurn, |choice| choice.finish());
    let status = if finish.is_incomplete() {
        "incomplete"
    } else {
        "completed"
    };
    let mut writer = Writer::new(head.clone());
    let mut unwritten = Vec::new();
    for (block, content) in choice.iter().flat_map(|choice| &choice.blocks) {
        for event in events(*block, content) {
            writer.put(event, &mut unwritten);
            unwritten.clear();
        }
    }
    writer.close_all(status, &mut unwritten);
    let output: Vec<Value> = writer
        .items
        .into_iter()
        .filter_map(|item| item.done)
        .collect();
    response(head, status, &finish, output, answer.usage.as_ref())
}

/// The events that a block is the fold of.
fn events(block: u32, content: &Block) -> Vec<Event> {
    let choice = 0;
    match content.clone() {
        Block::Text { text, citations } => {
            let said = Event::TextDelta {
                choice,
                block,
                text,
            };
            let cited = citations.into_iter().map(|citation| Event::Citation {
                choice,
                block,
                citation,
            });
            std::iter::once(said).chain(cited).collect()
        }
        Block::Reasoning { text, carrier } => {
            let thought = (!text.is_empty()).then_some(Event::ReasoningDelta {
                choice,
                block,
                text,
            });
            let signed = carrier.map(|carrier| Event::ReasoningSignature {
                choice,
                block,
                carrier,
            });
            thought.into_iter().chain(signed).collect()
        }
        Block::Opaque(carrier) => vec![Event::ReasoningOpaque {
            choice,
            block,
            carrier,
        }],
        Block::Refusal(text) => vec![Event::RefusalDelta {
            choice,
            block,
            text,
        }],
        Block::Tool {
            id,
            name,
            arguments,
            carrier,
            is_complete,
        } => {
            let mut events = vec![
                Event::ToolStart {
                    choice,
                    block,
                    id,
                    name,
                    carrier,
                },
                Event::ToolArgs {
                    choice,
                    block,
                    delta: arguments,
                },
            ];
            if is_complete {
                events.push(Event::ToolEnd { choice, block });
            }
            events
        }
        Block::Image { mime, data } => vec![Event::ImageOut {
            choice,
            block,
            mime,
            data,
        }],
    }
}
