//! Reading Responses answers: streams event by event, and whole ones.

use serde_json::{Map, Value};

use super::read_items::Kind;
use super::read_output::OutputReader;
use crate::json::fields::{Fields, object};
use crate::translate::neutral::ids::Mint;
use crate::translate::neutral::{Event, Finish, event};

/// Reads the events of one answer.
#[derive(Debug)]
pub struct Reader {
    output: OutputReader,
}

impl Reader {
    pub fn new(mint: Mint) -> Self {
        Self {
            output: OutputReader::new(mint),
        }
    }

    /// Reads one event, or a whole answer.
    pub fn read(&mut self, mut data: Map<String, Value>, events: &mut Vec<Event>) {
        let kind = data.text_or_empty("type");
        match kind.as_str() {
            "response.created" => {
                if let Some(response) = data.object("response") {
                    start(response, events);
                }
            }
            "response.output_item.added" => {
                let index = data.count("output_index");
                if let Some(item) = data.object("item") {
                    self.output.added(index, item, events);
                }
            }
            "response.output_item.done" => {
                let index = data.count("output_index");
                if let Some(item) = data.object("item") {
                    self.output.done(index, item, events);
                }
            }
            "response.reasoning_summary_part.added" => {
                let is_first = data.count("summary_index").unwrap_or(0) == 0;
                let joint = if is_first { "" } else { "\n\n" };
                self.output
                    .text(&mut data, Kind::Reasoning, joint.to_owned(), events);
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                let delta = data.text_or_empty("delta");
                self.output.text(&mut data, Kind::Reasoning, delta, events);
            }
            "response.output_text.delta" => {
                let delta = data.text_or_empty("delta");
                self.output.text(&mut data, Kind::Message, delta, events);
            }
            "response.refusal.delta" => {
                let delta = data.text_or_empty("delta");
                self.output.refusal(&mut data, delta, events);
            }
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                let delta = data.text_or_empty("delta");
                let at = self.output.item(&mut data, Kind::Call);
                self.output.arguments(at, delta, events);
            }
            "response.function_call_arguments.done" | "response.custom_tool_call_input.done" => {
                if let Some(Value::String(all)) = data.take_any(&["arguments", "input"]) {
                    let at = self.output.item(&mut data, Kind::Call);
                    self.output.all_arguments(at, &all, events);
                }
            }
            "response.output_text.annotation.added" => {
                if let Some(annotation) = data.object("annotation") {
                    let at = self.output.item(&mut data, Kind::Message);
                    self.output.annotation(at, annotation, events);
                }
            }
            "response.completed" | "response.incomplete" | "response.done" => {
                if let Some(response) = data.object("response") {
                    self.finished(response, events);
                }
            }
            "response.failed" | "error" | "response.cancelled" => {
                let error = data
                    .object("response")
                    .and_then(|mut response| response.take("error"))
                    .or_else(|| data.take("error"))
                    .unwrap_or(Value::Object(data));
                events.push(event::error(error));
            }
            "" => {
                if let Some(error) = data.take("error") {
                    events.push(event::error(error));
                } else if data.contains_key("output") {
                    start(data.clone(), events);
                    self.finished(data, events);
                }
            }
            _ => {}
        }
    }

    fn finished(&mut self, mut response: Map<String, Value>, events: &mut Vec<Event>) {
        let status = response.text_or_empty("status");
        if matches!(status.as_str(), "failed" | "cancelled") {
            let error = response.take("error").unwrap_or_default();
            events.push(event::error(error));
            return;
        }
        for (index, item) in (0..).zip(response.list("output").into_iter().filter_map(object)) {
            self.output.listed(index, item, events);
        }
        self.output.end_calls(events);
        let reason = response
            .object("incomplete_details")
            .and_then(|mut details| details.nonempty_text("reason"));
        let finish = match reason.as_deref() {
            Some("max_output_tokens" | "max_tokens" | "max_messages") => Finish::MaxTokens,
            Some("content_filter") => Finish::ContentFilter,
            _ => Finish::EndTurn,
        };
        events.push(Event::Finish {
            choice: 0,
            finish,
            native: reason.unwrap_or(status),
        });
    }
}

fn start(mut response: Map<String, Value>, events: &mut Vec<Event>) {
    events.push(Event::Start {
        id: response.nonempty_text("id"),
        created: response.count("created_at"),
    });
}
