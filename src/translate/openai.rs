//! What OpenAI's two dialects, Chat Completions and Responses, have in common.

use super::neutral::place::Place;
use super::neutral::{
    Grammar, LazyObject, LazyValue, Output, Part, Request, Source, Tier, Tool, ToolChoice,
    Untranslatable, media, parts, schema,
};

type Result<T> = std::result::Result<T, Untranslatable>;

/// Reads a service tier.
pub fn tier(word: &str) -> Option<Tier> {
    match word {
        "default" => Some(Tier::Default),
        "flex" => Some(Tier::Flex),
        "priority" | "fast" | "scale" => Some(Tier::Priority),
        _ => None,
    }
}

/// Reads an output format with a schema.
pub fn schema_output(mut schema: LazyObject<'_>) -> Output {
    Output::JsonSchema {
        name: schema.nonempty_text("name"),
        description: schema.nonempty_text("description"),
        strict: schema.flag("strict"),
        schema: schema.json(&["schema"]).unwrap_or_default(),
    }
}

/// Reads a custom tool, which takes text.
pub fn custom_tool(mut definition: LazyObject<'_>) -> Option<Tool> {
    let grammar = definition.object("format").and_then(|mut format| {
        let mut grammar = format.object("grammar").unwrap_or(format);
        Some(Grammar {
            definition: grammar.nonempty_text("definition")?,
            syntax: grammar.text_or_empty("syntax"),
        })
    });
    Some(Tool {
        name: definition.nonempty_text("name")?,
        description: definition.nonempty_text("description"),
        is_custom: true,
        grammar,
        ..Tool::default()
    })
}

/// How custom tools are written, whose input is text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CustomTools {
    /// As functions with one string.
    #[default]
    AsFunctions,
    Unchanged,
}

/// Turns custom tools, and calls of them, into functions.
pub fn as_functions(request: &mut Request) {
    for tool in request.tools.iter_mut().filter(|tool| tool.is_custom) {
        tool.is_custom = false;
        tool.description = schema::text_description(tool.description.take(), tool.grammar.take());
        tool.schema = schema::of_text();
    }
    for part in request.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        if let Part::ToolCall(call) = part
            && call.is_custom
        {
            call.arguments = parts::object_of(call).into();
            call.is_custom = false;
        }
    }
}

/// Reads a tool choice that is one word.
pub fn choice_word(word: &str) -> Option<ToolChoice> {
    match word.to_ascii_lowercase().as_str() {
        "auto" => Some(ToolChoice::Auto),
        "none" => Some(ToolChoice::None),
        "required" | "any" => Some(ToolChoice::Required),
        _ => None,
    }
}

/// Reads a choice among some of the tools.
pub fn allowed_tools(mut allowed: LazyObject<'_>) -> ToolChoice {
    let name = |tool: LazyValue<'_>| {
        let mut tool = tool.object()?;
        let kind = tool.nonempty_text("type");
        let mut named = tool
            .object("function")
            .or_else(|| tool.object("custom"))
            .unwrap_or(tool);
        named.nonempty_text("name").or(kind)
    };
    ToolChoice::Allowed {
        required: allowed.keyword("mode").as_deref() == Some("required"),
        names: allowed.list("tools").filter_map(name).collect(),
    }
}

/// Reads an image in any spelling that OpenAI's clients use.
pub fn image_url(mut part: LazyObject<'_>, place: &Place) -> Result<(Source, Option<String>)> {
    let mut detail = part.keyword("detail");
    let url = match part.take_any(&["image_url", "url"]) {
        Some(LazyValue::String(url)) => Some(url),
        Some(LazyValue::Object(mut image)) => {
            detail = image.keyword("detail").or(detail);
            image.text("url")
        }
        _ => None,
    };
    let url = url.filter(|url| !url.is_empty());
    let source = match (url, part.nonempty_text("file_id")) {
        (Some(url), _) => Source::of_url(url, "application/octet-stream"),
        (None, Some(id)) => Source::FileId(id),
        (None, None) => return Err(place.error("has no image")),
    };
    Ok((source, detail))
}

/// Reads a file.
pub fn file_source(file: &mut LazyObject<'_>, name: Option<&str>, place: &Place) -> Result<Source> {
    if let Some(data) = file.nonempty_text("file_data") {
        if media::data_url(&data).is_some() {
            let fallback = name.and_then(media::of_name).unwrap_or("application/pdf");
            return Ok(Source::of_url(data, fallback));
        }
        let mime = name
            .and_then(media::of_name)
            .or_else(|| media::sniffed(&data))
            .ok_or_else(|| place.error("the type of the file is not known"))?;
        return Ok(Source::Data {
            mime: mime.to_owned(),
            data,
        });
    }
    if let Some(url) = file.nonempty_text("file_url") {
        return Ok(Source::Url(url));
    }
    file.nonempty_text("file_id")
        .map(Source::FileId)
        .ok_or_else(|| place.error("has no file"))
}

/// The most characters in the name of a user or a cache (OpenAI's OpenAPI document, `safety_identifier`,
/// `prompt_cache_key`; longer ones are refused as `string_above_max_length`). OpenRouter accepts 128.
pub const LONGEST_NAME: usize = 64;

/// Whether a model is a reasoning model, which accepts `max_completion_tokens` and refuses `max_tokens` in a chat
/// (OpenAI's OpenAPI document, `CreateChatCompletionRequest.max_tokens`).
pub fn is_reasoning(model: &str) -> bool {
    let name = model
        .rsplit('/')
        .next()
        .unwrap_or(model)
        .to_ascii_lowercase();
    let number = |text: &str| {
        let end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        text.get(..end)?.parse::<u32>().ok()
    };
    match (name.strip_prefix("gpt-"), name.strip_prefix('o')) {
        (Some(version), _) => number(version).is_some_and(|major| major >= 5),
        (None, Some(version)) => number(version).is_some(),
        (None, None) => false,
    }
}

/// Drops the sampling parameters that reasoning models refuse (OpenAI's guide to reasoning, "Limitations"; its OpenAPI
/// document, `StopConfiguration`; OpenAI has no `top_k`). From GPT-5.1 on, some are accepted while reasoning is off (its
/// guide to GPT-5.4, "Parameter compatibility"). Returns the names of those that were not the default.
pub fn drop_sampling(request: &mut Request, model: &str, is_thinking: bool) -> Vec<String> {
    let Some(version) = reasoning_version(model) else {
        return Vec::new();
    };
    let sampling = &mut request.sampling;
    let mut dropped = Vec::new();
    let mut drop = |name: &str, value: &mut Option<f64>, usual: f64| {
        if value.take().is_some_and(|value| value != usual) {
            dropped.push(name.to_owned());
        }
    };
    if is_thinking || version < (5, 1) {
        drop("temperature", &mut sampling.temperature, 1.0);
        drop("top_p", &mut sampling.top_p, 1.0);
    }
    drop("frequency_penalty", &mut sampling.frequency_penalty, 0.0);
    drop("presence_penalty", &mut sampling.presence_penalty, 0.0);
    if sampling.top_k.take().is_some() {
        dropped.push("top_k".to_owned());
    }
    if !std::mem::take(&mut request.stop).is_empty() {
        dropped.push("stop".to_owned());
    }
    dropped
}

/// The version of a model with fixed sampling; the o series counts as version 1. `gpt-5-chat-latest` is not a reasoning
/// model (OpenAI's page of the model).
fn reasoning_version(model: &str) -> Option<(u32, u32)> {
    if !is_reasoning(model) {
        return None;
    }
    let name = model.rsplit('/').next().unwrap_or(model);
    let name = name.to_ascii_lowercase();
    let Some(version) = name.strip_prefix("gpt-") else {
        return Some((1, 0));
    };
    if version.starts_with("5-chat") {
        return None;
    }
    let number = |text: &str| {
        let digits = text.split(|c: char| !c.is_ascii_digit()).next();
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    };
    let minor = version
        .split_once('.')
        .map_or(0, |(_, minor)| number(minor));
    Some((number(version), minor))
}

/// Writes a service tier.
pub fn tier_word(tier: Tier) -> &'static str {
    match tier {
        Tier::Default => "default",
        Tier::Flex => "flex",
        Tier::Priority => "priority",
    }
}

/// The text of a result. The dialects have no flag for a failed call, so its text begins with `Error`.
pub fn result_text(text: String, is_error: bool) -> String {
    let has_prefix = text
        .get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case("error"));
    match is_error && !has_prefix {
        true => format!("Error: {text}"),
        false => text,
    }
}

/// The media type of a file whose bytes are in the request.
pub fn mime_of(source: &Source) -> Option<String> {
    match source {
        Source::Data { mime, .. } => Some(mime.clone()),
        Source::Text(_) => Some("text/plain".to_owned()),
        Source::Url(_) | Source::FileId(_) => None,
    }
}

/// The name of a schema, which OpenAI requires.
pub fn output_name(name: Option<String>) -> String {
    let legal: String = name
        .unwrap_or_default()
        .chars()
        .map(
            |c| match c.is_ascii_alphanumeric() || c == '_' || c == '-' {
                true => c,
                false => '_',
            },
        )
        .take(64)
        .collect();
    match legal.is_empty() {
        true => "response".to_owned(),
        false => legal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::neutral::Sampling;

    #[test]
    fn reasoning_models_get_no_sampling_parameters() {
        let all = || Request {
            sampling: Sampling {
                temperature: Some(0.5),
                top_p: Some(0.9),
                top_k: Some(7),
                frequency_penalty: Some(0.1),
                presence_penalty: Some(0.2),
                ..Sampling::default()
            },
            stop: vec!["x".to_owned()],
            ..Request::default()
        };
        let rest = ["frequency_penalty", "presence_penalty", "top_k", "stop"];
        let every = [&["temperature", "top_p"][..], &rest].concat();
        for (model, thinks, expected) in [
            ("gpt-5", true, &every[..]),
            ("gpt-5", false, &every),
            ("openai/gpt-5-mini", false, &every),
            ("o3-pro", false, &every),
            ("gpt-5.1", true, &every),
            ("gpt-5.1-codex", false, &rest),
            ("GPT-5.10", false, &rest),
            ("gpt-6", false, &rest),
            ("gpt-5-chat-latest", true, &[]),
            ("gpt-4o", true, &[]),
            ("deepseek-chat", true, &[]),
        ] {
            let mut request = all();
            let dropped = drop_sampling(&mut request, model, thinks);
            assert_eq!(dropped, expected, "{model} {thinks}");
            let left = [
                ("temperature", request.sampling.temperature.is_some()),
                ("top_p", request.sampling.top_p.is_some()),
                ("top_k", request.sampling.top_k.is_some()),
                ("stop", !request.stop.is_empty()),
            ];
            for (name, is_left) in left {
                assert_eq!(
                    is_left,
                    !dropped.iter().any(|it| it == name),
                    "{model} {name}"
                );
            }
        }
        let mut usual = Request::default();
        usual.sampling.temperature = Some(1.0);
        usual.sampling.presence_penalty = Some(0.0);
        assert!(drop_sampling(&mut usual, "gpt-5", true).is_empty());
        assert_eq!(usual.sampling, Sampling::default());
    }

    #[test]
    fn reasoning_models_are_recognised_by_name() {
        for model in [
            "gpt-5",
            "gpt-5.2-codex",
            "openai/gpt-5-mini",
            "o1",
            "o3-pro",
            "O4-mini",
            "gpt-6",
        ] {
            assert!(is_reasoning(model), "{model}");
        }
        for model in [
            "gpt-4o",
            "gpt-4.1",
            "gpt-oss-120b",
            "omni",
            "qwen3",
            "gpt-",
            "",
        ] {
            assert!(!is_reasoning(model), "{model}");
        }
    }
}
