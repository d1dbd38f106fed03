//! Legacy completions, translated as a chat of one message.

use serde_json::{Value, json};

use super::write_answer::{finish_reason, usage};
use crate::json::fields::Put;
use crate::translate::neutral::answer::{Answer, Block, Ending, Head};
use crate::translate::neutral::event::Event;
use crate::translate::neutral::{
    BlockId, LazyObject, LazyValue, Part, Request, Role, Sampling, Turn, Untranslatable,
};

/// The prompt where the client sends none.
const NO_PROMPT: &str = "Complete this:";

/// Reads a request.
///
/// # Errors
/// When it needs what no chat supports: several prompts, prompts as tokens, `echo`, `suffix`.
pub fn request(mut body: LazyObject<'_>) -> Result<Request<'_>, Untranslatable> {
    if body.flag("echo") == Some(true) {
        return Err(Untranslatable::new("echo", "a prompt is not repeated"));
    }
    if body.nonempty_text("suffix").is_some() {
        let why = "only what follows a prompt can be completed";
        return Err(Untranslatable::new("suffix", why));
    }
    let prompt = prompt(body.take("prompt"))?;
    Ok(Request {
        model: body.text_or_empty("model"),
        stream: body.flag("stream").unwrap_or(false),
        turns: vec![Turn::new(Role::User, Part::text(prompt))],
        stop: body.list_of("stop").nonempty_texts(),
        sampling: Sampling {
            max_tokens: body.count("max_tokens"),
            temperature: body.number("temperature"),
            top_p: body.number("top_p"),
            frequency_penalty: body.number("frequency_penalty"),
            presence_penalty: body.number("presence_penalty"),
            n: body.count("n"),
            ..Sampling::default()
        },
        ..Request::default()
    })
}

fn prompt(given: Option<LazyValue<'_>>) -> Result<String, Untranslatable> {
    let refused = |why| Err(Untranslatable::new("prompt", why));
    let text = match given {
        Some(LazyValue::String(text)) => text,
        Some(LazyValue::List(mut prompts)) => match (prompts.next(), prompts.next()) {
            (Some(LazyValue::String(text)), None) => text,
            (Some(_), None) => return refused("must be text, not tokens"),
            _ => return refused("must be one text"),
        },
        None => String::new(),
        Some(_) => return refused("must be one text"),
    };
    Ok(match text.is_empty() {
        true => NO_PROMPT.to_owned(),
        false => text,
    })
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
        if let Event::TextDelta(BlockId { choice, .. }, text) = event {
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
            chunk.put("usage", usage(&known));
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
        body.put("usage", usage(known));
    }
    body
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::translate::neutral::lazy;

    fn read(body: Value) -> Result<Request<'static>, String> {
        let body = body.to_string();
        let body = lazy::open(body.as_bytes()).map_err(|why| why.to_string())?;
        let request = request(body).map_err(|why| why.to_string())?;
        Ok(request.into_owned())
    }

    #[test]
    fn one_text_is_completed() {
        for (body, said) in [
            (json!({"prompt": "Once"}), "Once"),
            (
                json!({"prompt": ["Once"], "echo": false, "suffix": ""}),
                "Once",
            ),
            (json!({"prompt": "", "suffix": null}), NO_PROMPT),
            (json!({"prompt": null}), NO_PROMPT),
            (json!({}), NO_PROMPT),
        ] {
            let turns = read(body).unwrap().turns;
            assert_eq!(turns[0].parts[..], [Part::text(said)]);
        }
        assert_eq!(read(json!({"n": 2})).unwrap().sampling.n, Some(2));
    }

    #[test]
    fn what_no_chat_gives_is_refused_by_name() {
        for (body, why) in [
            (json!({"prompt": ["a", "b"]}), "prompt: must be one text"),
            (json!({"prompt": []}), "prompt: must be one text"),
            (json!({"prompt": [1, 2]}), "prompt: must be one text"),
            (json!({"prompt": {"a": 1}}), "prompt: must be one text"),
            (
                json!({"prompt": [[1, 2]]}),
                "prompt: must be text, not tokens",
            ),
            (
                json!({"prompt": "a", "echo": true}),
                "echo: a prompt is not repeated",
            ),
            (
                json!({"prompt": "a", "suffix": "b"}),
                "suffix: only what follows a prompt can be completed",
            ),
        ] {
            assert_eq!(read(body).unwrap_err(), why);
        }
    }
}
