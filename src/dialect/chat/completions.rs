//! Legacy completions: a prompt in, its continuation out, by way of a chat (spec/dialects.md 0.3).

use serde_json::{Value, json};

use super::write_answer::{finish_reason, usage};
use crate::dialect::neutral::answer::{Answer, Block, Ending, Head};
use crate::dialect::neutral::body::Body;
use crate::dialect::neutral::event::Event;
use crate::dialect::neutral::fields::Fields;
use crate::dialect::neutral::parts::stops;
use crate::dialect::neutral::{Part, Request, Role, Sampling, Turn};

/// What a client that says nothing is taken to want.
const NO_PROMPT: &str = "Complete this:";

/// Reads a request.
pub fn request<'b>(body: impl Into<Body<'b>>) -> Request {
    let mut body = body.into();
    let prompt = match body.take("prompt") {
        Some(Value::String(prompt)) if !prompt.is_empty() => prompt,
        Some(Value::String(_)) | None => NO_PROMPT.to_owned(),
        Some(other) => other.to_string(),
    };
    Request {
        model: body.text("model").unwrap_or_default(),
        stream: body.flag("stream").unwrap_or(false),
        turns: vec![Turn {
            role: Role::User,
            parts: vec![Part::text(prompt)],
        }],
        stop: stops(body.take("stop")),
        sampling: Sampling {
            max_tokens: body.count("max_tokens"),
            temperature: body.number("temperature"),
            top_p: body.number("top_p"),
            frequency_penalty: body.number("frequency_penalty"),
            presence_penalty: body.number("presence_penalty"),
            ..Sampling::default()
        },
        ..Request::default()
    }
}

/// Writes the chunks of one answer.
#[derive(Debug)]
pub struct Writer {
    head: Head,
}

impl Writer {
    pub fn new(head: Head) -> Self {
        Self { head }
    }

    /// Writes one event that is neither the end nor an error.
    pub fn put(&mut self, event: Event, out: &mut Vec<u8>) {
        if let Event::TextDelta { choice, text, .. } = event {
            let choice =
                json!({"index": choice, "text": text, "logprobs": null, "finish_reason": null});
            write(&object(&self.head, vec![choice]), out);
        }
    }

    /// Writes the end.
    pub fn end(&mut self, ending: Ending, out: &mut Vec<u8>) {
        let choices = ending.finishes.into_iter().map(|(index, (finish, _))| {
            json!({"index": index, "text": "", "logprobs": null,
                "finish_reason": finish_reason(&finish)})
        });
        let mut chunk = object(&self.head, choices.collect());
        if let Some(known) = ending.usage {
            chunk["usage"] = usage(&known);
        }
        write(&chunk, out);
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

fn write(chunk: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("data: {chunk}\n\n").as_bytes());
}

fn object(head: &Head, choices: Vec<Value>) -> Value {
    json!({"id": head.id, "object": "text_completion", "created": head.created,
        "model": head.model, "choices": choices})
}

/// A whole answer.
pub fn whole(answer: &Answer, head: &Head) -> Value {
    let choices = answer.choices.iter().map(|(index, choice)| {
        let texts = choice.blocks.values().filter_map(|block| match block {
            Block::Text { text, .. } => Some(text.as_str()),
            _ => None,
        });
        json!({"index": index, "text": texts.collect::<String>(), "logprobs": null,
            "finish_reason": finish_reason(&choice.finish())})
    });
    let mut body = object(head, choices.collect());
    if let Some(known) = &answer.usage {
        body["usage"] = usage(known);
    }
    body
}
