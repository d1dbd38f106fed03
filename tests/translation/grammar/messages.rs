//! Anthropic Messages: "Streaming messages".

use serde_json::Value;

use super::{Complaint, End, Frame, arguments, ensure, number, text};

#[derive(Default)]
struct State {
    has_started: bool,
    open: Option<Open>,
    next: u64,
    has_delta: bool,
    has_stopped: bool,
    has_tool: bool,
    /// Searches that were made, and those whose result has not come yet.
    searches: u64,
    searching: Vec<String>,
}

struct Open {
    kind: String,
    arguments: String,
    is_signed: bool,
}

pub fn check(frames: &[Frame]) -> Result<End, Complaint> {
    let mut state = State::default();
    for (index, frame) in frames.iter().enumerate() {
        let json = frame.json()?;
        let kind = text(&json, "type")?;
        ensure(frame.name.as_deref() == Some(kind), || {
            format!("{kind} is called {:?}", frame.name)
        })?;
        ensure(!state.has_stopped, || format!("{kind} behind the end"))?;
        if kind == "error" {
            text(&json["error"], "type")?;
            text(&json["error"], "message")?;
            ensure(index + 1 == frames.len(), || {
                "events behind an error".into()
            })?;
            return Ok(End::Error);
        }
        state.take(kind, &json)?;
    }
    ensure(state.has_stopped, || "no message_stop".into())?;
    Ok(End::Good)
}

impl State {
    fn take(&mut self, kind: &str, json: &Value) -> Result<(), Complaint> {
        if kind == "ping" {
            return Ok(());
        }
        ensure(self.has_started == (kind != "message_start"), || {
            format!("{kind} out of its place at the beginning")
        })?;
        ensure(!self.has_delta || kind == "message_stop", || {
            format!("{kind} behind message_delta")
        })?;
        match kind {
            "message_start" => {
                self.has_started = true;
                let message = &json["message"];
                for key in ["id", "model"] {
                    text(message, key)?;
                }
                ensure(
                    message["type"] == "message" && message["role"] == "assistant",
                    || format!("no message: {message}"),
                )?;
                ensure(
                    message["content"].as_array().is_some_and(Vec::is_empty),
                    || "content at the start".into(),
                )?;
                number(&message["usage"], "input_tokens")?;
                number(&message["usage"], "output_tokens").map(drop)
            }
            "content_block_start" => {
                ensure(self.open.is_none(), || "two blocks are open".into())?;
                ensure(number(json, "index")? == self.next, || {
                    format!("a gap at {json}")
                })?;
                let block = &json["content_block"];
                let kind = text(block, "type")?;
                match kind {
                    "text" => ensure(text(block, "text")?.is_empty(), || "text at once".into())?,
                    "thinking" => {
                        text(block, "thinking")?;
                        text(block, "signature")?;
                    }
                    "redacted_thinking" => drop(text(block, "data")?),
                    "tool_use" => {
                        self.has_tool = true;
                        ensure(!text(block, "id")?.is_empty(), || {
                            "a call without id".into()
                        })?;
                        ensure(!text(block, "name")?.is_empty(), || {
                            "a call without name".into()
                        })?;
                        ensure(block["input"].is_object(), || "input is no object".into())?;
                    }
                    "server_tool_use" => {
                        let id = text(block, "id")?;
                        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                        ensure(
                            id.starts_with("srvtoolu_") && id.bytes().all(is_legal),
                            || format!("no id: {block}"),
                        )?;
                        ensure(block["name"] == "web_search", || {
                            format!("no tool: {block}")
                        })?;
                        self.searching.push(id.to_owned());
                        self.searches += 1;
                    }
                    "web_search_tool_result" => {
                        let id = text(block, "tool_use_id")?;
                        let at = self.searching.iter().position(|known| known == id);
                        self.searching
                            .remove(at.ok_or(format!("a result of nothing: {block}"))?);
                        for page in block["content"].as_array().ok_or("no results")? {
                            ensure(page["type"] == "web_search_result", || {
                                format!("no result: {page}")
                            })?;
                            for key in ["url", "title", "encrypted_content"] {
                                text(page, key)?;
                            }
                        }
                    }
                    other => return Err(format!("no kind of block: {other}")),
                }
                self.open = Some(Open {
                    kind: kind.to_owned(),
                    arguments: String::new(),
                    is_signed: false,
                });
                Ok(())
            }
            "content_block_delta" => {
                let next = self.next;
                let open = self.open.as_mut().ok_or("a delta without a block")?;
                ensure(number(json, "index")? == next, || {
                    format!("of another block: {json}")
                })?;
                let delta = &json["delta"];
                let kind = text(delta, "type")?;
                ensure(!open.is_signed, || "a delta behind the signature".into())?;
                match (open.kind.as_str(), kind) {
                    ("text", "text_delta") => text(delta, "text").map(drop),
                    ("text", "citations_delta") => {
                        let citation = &delta["citation"];
                        ensure(citation["type"] == "web_search_result_location", || {
                            format!("no citation: {delta}")
                        })?;
                        let keys = ["url", "title", "cited_text", "encrypted_index"];
                        keys.iter()
                            .try_for_each(|key| text(citation, key).map(drop))
                    }
                    ("thinking", "thinking_delta") => text(delta, "thinking").map(drop),
                    ("thinking", "signature_delta") => {
                        open.is_signed = true;
                        text(delta, "signature").map(drop)
                    }
                    ("tool_use" | "server_tool_use", "input_json_delta") => {
                        open.arguments.push_str(text(delta, "partial_json")?);
                        Ok(())
                    }
                    (block, delta) => Err(format!("{delta} in {block}")),
                }
            }
            "content_block_stop" => {
                let open = self.open.take().ok_or("a stop without a block")?;
                ensure(number(json, "index")? == self.next, || {
                    format!("of another block: {json}")
                })?;
                self.next += 1;
                if open.kind == "tool_use" && !open.arguments.is_empty() {
                    arguments(&open.arguments)?;
                }
                if open.kind == "server_tool_use" {
                    let input: Value = serde_json::from_str(&open.arguments)
                        .map_err(|error| format!("{}: {error}", open.arguments))?;
                    text(&input, "query")?;
                }
                Ok(())
            }
            "message_delta" => {
                ensure(self.open.is_none(), || "a block is left open".into())?;
                self.has_delta = true;
                let reason = text(&json["delta"], "stop_reason")?;
                let known = [
                    "end_turn",
                    "max_tokens",
                    "stop_sequence",
                    "tool_use",
                    "pause_turn",
                    "refusal",
                    "model_context_window_exceeded",
                ];
                ensure(known.contains(&reason), || format!("no reason: {reason}"))?;
                ensure(reason != "tool_use" || self.has_tool, || {
                    "tool_use without one".into()
                })?;
                ensure(self.searching.is_empty(), || {
                    format!("{:?} found nothing", self.searching)
                })?;
                let counted = &json["usage"]["server_tool_use"]["web_search_requests"];
                ensure(counted.as_u64().unwrap_or(0) >= self.searches, || {
                    format!("{} searches in {json}", self.searches)
                })?;
                number(&json["usage"], "output_tokens").map(drop)
            }
            "message_stop" => {
                ensure(self.has_delta, || "a stop without a reason".into())?;
                self.has_stopped = true;
                Ok(())
            }
            other => Err(format!("no event: {other}")),
        }
    }
}
