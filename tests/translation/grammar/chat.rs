//! OpenAI Chat Completions: "The chat completion chunk object".

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Complaint, End, Frame, arguments, ensure, number, text};

#[derive(Default)]
struct Choice {
    has_role: bool,
    /// The type of each call, and its arguments or its text.
    calls: Vec<(String, String)>,
    /// Characters of its content.
    content: u64,
    finish: Option<String>,
}

pub fn check(frames: &[Frame]) -> Result<End, Complaint> {
    let mut choices: BTreeMap<u64, Choice> = BTreeMap::new();
    let mut identity = None;
    let mut has_usage = false;
    for (index, frame) in frames.iter().enumerate() {
        let is_last = index + 1 == frames.len();
        ensure(frame.name.is_none(), || "chunks have no names".into())?;
        if frame.data == "[DONE]" {
            ensure(is_last, || "chunks behind [DONE]".into())?;
            ensure(!choices.is_empty(), || "no choice at all".into())?;
            for (at, choice) in &choices {
                let finish = choice.finish.as_deref();
                let finish = finish.ok_or(format!("choice {at} has no finish_reason"))?;
                ensure(finish != "tool_calls" || !choice.calls.is_empty(), || {
                    "tool_calls without one".into()
                })?;
                let mut functions = choice.calls.iter().filter(|(kind, _)| kind == "function");
                functions.try_for_each(|(_, text)| arguments(text))?;
            }
            return Ok(End::Good);
        }
        let json = frame.json()?;
        if json["error"].is_object() {
            text(&json["error"], "message")?;
            ensure(is_last, || "chunks behind an error".into())?;
            return Ok(End::Error);
        }
        ensure(json["object"] == "chat.completion.chunk", || {
            format!("no chunk: {json}")
        })?;
        let own = (
            text(&json, "id")?.to_owned(),
            number(&json, "created")?,
            text(&json, "model")?.to_owned(),
        );
        ensure(*identity.get_or_insert_with(|| own.clone()) == own, || {
            format!("id, created or model changed: {json}")
        })?;
        ensure(!has_usage, || "chunks behind the usage chunk".into())?;
        let list = json["choices"].as_array().ok_or("no choices")?;
        if list.is_empty() {
            number(&json["usage"], "prompt_tokens")?;
            number(&json["usage"], "completion_tokens")?;
            has_usage = true;
        }
        for choice in list {
            take(choices.entry(number(choice, "index")?).or_default(), choice)?;
        }
    }
    Err("no [DONE]".to_owned())
}

fn take(known: &mut Choice, choice: &Value) -> Result<(), Complaint> {
    ensure(known.finish.is_none(), || {
        format!("behind the finish: {choice}")
    })?;
    let delta = choice["delta"].as_object().ok_or("no delta")?;
    let has_role = delta.contains_key("role");
    ensure(has_role != known.has_role, || {
        format!("the role comes first and once: {choice}")
    })?;
    known.has_role = true;
    for (key, value) in delta {
        match key.as_str() {
            "role" => ensure(value == "assistant", || format!("role {value}"))?,
            "content" | "reasoning_content" | "refusal" => {
                ensure(value.is_string(), || format!("{key} is {value}"))?;
                if key == "content" {
                    known.content += value.as_str().unwrap_or_default().chars().count() as u64;
                }
            }
            "annotations" => {
                for annotation in value.as_array().ok_or("annotations is no list")? {
                    ensure(annotation["type"] == "url_citation", || {
                        format!("no annotation: {annotation}")
                    })?;
                    let cited = &annotation["url_citation"];
                    text(cited, "url")?;
                    text(cited, "title")?;
                    let (start, end) = (number(cited, "start_index")?, number(cited, "end_index")?);
                    ensure(start <= end && end <= known.content, || {
                        format!("{cited} of {} characters", known.content)
                    })?;
                }
            }
            "images" | "reasoning_details" => {
                ensure(value.is_array(), || format!("{key} is {value}"))?;
            }
            "tool_calls" => {
                for call in value.as_array().ok_or("tool_calls is no list")? {
                    self::call(known, call)?;
                }
            }
            "extra_content" => {}
            other => return Err(format!("no part of a delta: {other}")),
        }
    }
    let reason = &choice["finish_reason"];
    if !reason.is_null() {
        let reason = reason.as_str().ok_or("finish_reason is no string")?;
        let reasons = ["stop", "length", "tool_calls", "content_filter"];
        ensure(reasons.contains(&reason), || format!("no reason: {reason}"))?;
        known.finish = Some(reason.to_owned());
    }
    Ok(())
}

fn call(known: &mut Choice, call: &Value) -> Result<(), Complaint> {
    let index = usize::try_from(number(call, "index")?).map_err(|error| error.to_string())?;
    let argument = |kind: &str| match kind {
        "function" => Ok("arguments"),
        "custom" => Ok("input"),
        _ => Err(format!("no type: {call}")),
    };
    if index == known.calls.len() {
        let kind = text(call, "type")?;
        ensure(!text(call, "id")?.is_empty(), || "a call without id".into())?;
        ensure(!text(&call[kind], "name")?.is_empty(), || {
            "a call without name".into()
        })?;
        let begun = text(&call[kind], argument(kind)?)?;
        known.calls.push((kind.to_owned(), begun.to_owned()));
        return Ok(());
    }
    let (kind, so_far) = known
        .calls
        .get_mut(index)
        .ok_or(format!("a gap at {call}"))?;
    let of = &call[kind.as_str()];
    ensure(call["id"].is_null() && of["name"].is_null(), || {
        format!("named again: {call}")
    })?;
    match (of.is_null(), call["extra_content"].is_object()) {
        (true, true) => {}
        _ => so_far.push_str(text(of, argument(kind)?)?),
    }
    Ok(())
}
