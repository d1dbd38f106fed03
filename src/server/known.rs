//! What is known of providers beside their dialect.

use crate::dialect::translate::TextTools;

/// Whether a provider of chats takes tools of text as they are.
///
/// OpenAI does, from its fifth generation of models on ("custom tools" came with GPT-5; its backend refuses them for
/// GPT-4o, as pull request 2023 of openai/openai-node says), and Azure, which serves the same models. Of others it is
/// not known.
pub fn text_tools(base_url: &str, model: &str) -> TextTools {
    const HOSTS: [&str; 4] = [
        "api.openai.com",
        ".openai.azure.com",
        ".cognitiveservices.azure.com",
        ".services.ai.azure.com",
    ];
    let host = base_url
        .split_once("://")
        .map_or(base_url, |(_, rest)| rest);
    let host = host.split(['/', ':']).next().unwrap_or_default();
    let host = host.to_ascii_lowercase();
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
        true => TextTools::AsTheyAre,
        false => TextTools::AsFunctions,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_openai_is_known_to_take_them() {
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
            let known = text_tools(url, model) == TextTools::AsTheyAre;
            assert_eq!(known, is_known, "{url} {model}");
        }
    }
}
