//! What Chat Completions and Responses, both OpenAI's, have in common.

use super::neutral::capabilities::Place;
use super::neutral::{
    Given, Grammar, Object, Output, Request, Source, Tier, Tool, ToolChoice, Untranslatable, media,
};

type Result<T> = std::result::Result<T, Untranslatable>;

pub fn tier(word: &str) -> Option<Tier> {
    match word {
        "default" => Some(Tier::Default),
        "flex" => Some(Tier::Flex),
        "priority" | "fast" | "scale" => Some(Tier::Priority),
        _ => None,
    }
}

/// What both OpenAI dialects say of a schema.
pub fn schema_output(mut schema: Object<'_>) -> Output {
    Output::JsonSchema {
        name: schema.full_text("name"),
        description: schema.full_text("description"),
        strict: schema.flag("strict"),
        schema: schema.json(&["schema"]).unwrap_or_default(),
    }
}

/// A tool that takes text.
pub fn custom_tool(mut definition: Object<'_>) -> Option<Tool> {
    let grammar = definition.object("format").and_then(|mut format| {
        let mut grammar = format.object("grammar").unwrap_or(format);
        Some(Grammar {
            definition: grammar.full_text("definition")?,
            syntax: grammar.text("syntax").unwrap_or_default(),
        })
    });
    Some(Tool {
        name: definition.full_text("name")?,
        description: definition.full_text("description"),
        is_custom: true,
        grammar,
        ..Tool::default()
    })
}

pub fn choice_word(word: &str) -> Option<ToolChoice> {
    match word.to_ascii_lowercase().as_str() {
        "auto" => Some(ToolChoice::Auto),
        "none" => Some(ToolChoice::None),
        "required" | "any" => Some(ToolChoice::Required),
        _ => None,
    }
}

pub fn allowed_tools(mut allowed: Object<'_>) -> ToolChoice {
    let name = |tool: Given<'_>| {
        let mut tool = tool.object()?;
        let kind = tool.full_text("type");
        let mut named = tool
            .object("function")
            .or_else(|| tool.object("custom"))
            .unwrap_or(tool);
        named.full_text("name").or(kind)
    };
    ToolChoice::Allowed {
        required: allowed.word("mode").as_deref() == Some("required"),
        names: allowed.list("tools").filter_map(name).collect(),
    }
}

/// An image in any spelling that OpenAI's clients use.
pub fn image_url(mut part: Object<'_>, place: &Place) -> Result<(Source, Option<String>)> {
    let mut detail = part.word("detail");
    let url = match part.take_any(&["image_url", "url"]) {
        Some(Given::String(url)) => Some(url),
        Some(Given::Object(mut image)) => {
            detail = image.word("detail").or(detail);
            image.text("url")
        }
        _ => None,
    };
    let url = url.filter(|url| !url.is_empty());
    let source = match (url, part.full_text("file_id")) {
        (Some(url), _) => media::source_of_url(url, "application/octet-stream"),
        (None, Some(id)) => Source::FileId(id),
        (None, None) => return Err(place.refused("has no image")),
    };
    Ok((source, detail))
}

/// A file as both OpenAI dialects hand one in.
pub fn file_source(file: &mut Object<'_>, name: Option<&str>, place: &Place) -> Result<Source> {
    if let Some(data) = file.full_text("file_data") {
        if media::data_url(&data).is_some() {
            let fallback = name.and_then(media::of_name).unwrap_or("application/pdf");
            return Ok(media::source_of_url(data, fallback));
        }
        let mime = name
            .and_then(media::of_name)
            .or_else(|| media::sniffed(&data))
            .ok_or_else(|| place.refused("the type of the file is not known"))?;
        return Ok(Source::Data {
            mime: mime.to_owned(),
            data,
        });
    }
    if let Some(url) = file.full_text("file_url") {
        return Ok(Source::Url(url));
    }
    file.full_text("file_id")
        .map(Source::FileId)
        .ok_or_else(|| place.refused("has no file"))
}

/// Characters that the names of users and of caches may have there (OpenAI's OpenAPI document, `safety_identifier`,
/// `prompt_cache_key`; longer ones are refused as `string_above_max_length`). OpenRouter takes 128.
pub const LONGEST_NAME: usize = 64;

/// Whether a model thinks before it answers, so that a chat says `max_completion_tokens` to it: it refuses `max_tokens`
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

/// Leaves out what models that think refuse beside their thoughts (OpenAI's guide to reasoning, "Limitations"; its
/// OpenAPI document, `StopConfiguration`; `top_k` is no parameter of OpenAI's at all). Those from GPT-5.1 on take some
/// of it while they do not think (its guide to GPT-5.4, "Parameter compatibility"). Returns what is missed: what is
/// usual is left out without a word.
pub fn leave_out_sampling(request: &mut Request, model: &str, thinks: bool) -> Vec<String> {
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
    if thinks || version < (5, 1) {
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

/// The version of a model that thinks and takes no other sampling; those of the o series count as the first.
/// `gpt-5-chat-latest` does not think (OpenAI's page of the model).
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

pub fn tier_word(tier: Tier) -> &'static str {
    match tier {
        Tier::Default => "default",
        Tier::Flex => "flex",
        Tier::Priority => "priority",
    }
}

/// The text of a failed call says so (spec/dialects.md 1.12).
pub fn flagged(text: String, is_error: bool) -> String {
    let says_so = text
        .get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case("error"));
    match is_error && !says_so {
        true => format!("Error: {text}"),
        false => text,
    }
}

/// The type of a file whose bytes are here.
pub fn mime_of(source: &Source) -> Option<String> {
    match source {
        Source::Data { mime, .. } => Some(mime.clone()),
        Source::Text(_) => Some("text/plain".to_owned()),
        Source::Url(_) | Source::FileId(_) => None,
    }
}

/// The name that OpenAI wants of a schema.
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
    fn models_that_think_are_not_told_how_to_sample() {
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
            let dropped = leave_out_sampling(&mut request, model, thinks);
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
        assert!(leave_out_sampling(&mut usual, "gpt-5", true).is_empty());
        assert_eq!(usual.sampling, Sampling::default());
    }

    #[test]
    fn models_that_think_are_known_by_their_names() {
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
