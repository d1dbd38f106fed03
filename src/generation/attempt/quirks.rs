//! Differences between providers of the same dialect.

use crate::credential::UpstreamKind;
use crate::provider;
use crate::translate::neutral::ids::CallIdFormat;
use crate::translate::{ChatQuirks, CustomTools};

/// The properties of the provider at this address, for one of its models.
pub fn known(kind: UpstreamKind, base_url: &str, model: &str) -> ChatQuirks {
    ChatQuirks {
        has_functions_only: kind == UpstreamKind::Xai,
        has_placeholders: kind == UpstreamKind::Antigravity && provider::validates_calls(model),
        custom_tools: text_tools(base_url, model),
        call_ids: call_ids(base_url, model),
    }
}

/// Whether a provider of Chat Completions accepts custom tools.
///
/// OpenAI does from GPT-5 on and refuses them for GPT-4o (openai/openai-node, pull request 2023). So does Azure, which
/// serves the same models. Other providers are assumed not to.
fn text_tools(base_url: &str, model: &str) -> CustomTools {
    const HOSTS: [&str; 4] = [
        "api.openai.com",
        ".openai.azure.com",
        ".cognitiveservices.azure.com",
        ".services.ai.azure.com",
    ];
    let host = host(base_url);
    let is_openais = HOSTS.iter().any(|known| match known.starts_with('.') {
        true => host.ends_with(known),
        false => host == *known || host.ends_with(&format!(".{known}")),
    });
    let generation = model.strip_prefix("gpt-").unwrap_or_default();
    let digits = generation.split(|c: char| !c.is_ascii_digit()).next();
    let is_new = digits
        .and_then(|digits| digits.parse::<u32>().ok())
        .is_some_and(|generation| generation >= 5);
    match is_openais && is_new {
        true => CustomTools::Unchanged,
        false => CustomTools::AsFunctions,
    }
}

/// The format of tool call ids. Mistral's models accept nine letters only, also at other providers: the library that builds
/// their prompts checks it (`mistral-common`).
fn call_ids(base_url: &str, model: &str) -> CallIdFormat {
    const MODELS: [&str; 8] = [
        "mistral",
        "ministral",
        "magistral",
        "mixtral",
        "codestral",
        "devstral",
        "pixtral",
        "voxtral",
    ];
    let host = host(base_url);
    let model = model.to_ascii_lowercase();
    let name = model.rsplit('/').next().unwrap_or(&model);
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let is_mistrals = host == "mistral.ai"
        || host.ends_with(".mistral.ai")
        || words.any(|word| MODELS.contains(&word));
    match is_mistrals {
        true => CallIdFormat::NineAlphanumeric,
        false => CallIdFormat::OfDialect,
    }
}

fn host(base_url: &str) -> String {
    let rest = base_url
        .split_once("://")
        .map_or(base_url, |(_, rest)| rest);
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    host.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_openai_accepts_custom_tools() {
        for (url, model, is_known) in [
            ("https://api.openai.com/v1", "gpt-5.2", true),
            ("https://eu.api.openai.com/v1", "gpt-6", true),
            (
                "https://mine.openai.azure.com/openai/v1",
                "gpt-5-mini",
                true,
            ),
            ("https://api.openai.com/v1", "gpt-4o", false),
            ("https://api.openai.com/v1", "o3", false),
            ("https://api.openai.com.example/v1", "gpt-5", false),
            ("https://notapi.openai.com.example", "gpt-5", false),
            ("http://127.0.0.1:8000/v1", "gpt-5", false),
            ("https://api.deepseek.com", "deepseek-chat", false),
        ] {
            let known = text_tools(url, model) == CustomTools::Unchanged;
            assert_eq!(known, is_known, "{url} {model}");
        }
    }

    #[test]
    fn mistral_is_recognized_by_address_and_model() {
        for (url, model, is_mistrals) in [
            ("https://api.mistral.ai/v1", "anything", true),
            ("https://codestral.mistral.ai:443/v1", "x", true),
            ("https://mistral.ai.example/v1", "x", false),
            ("https://notmistral.ai/v1", "x", false),
            (
                "https://openrouter.ai/api/v1",
                "mistralai/mistral-small-3.2",
                true,
            ),
            (
                "https://openrouter.ai/api/v1",
                "mistralai/Devstral-2512:free",
                true,
            ),
            ("http://127.0.0.1:8000/v1", "open-mixtral-8x7b", true),
            ("http://127.0.0.1:8000/v1", "labs-Codestral-embed", true),
            ("http://127.0.0.1:8000/v1", "gpt-5", false),
            ("http://127.0.0.1:8000/v1", "dolphin-amistral", false),
        ] {
            let is_known = call_ids(url, model) == CallIdFormat::NineAlphanumeric;
            assert_eq!(is_known, is_mistrals, "{url} {model}");
        }
    }
}
