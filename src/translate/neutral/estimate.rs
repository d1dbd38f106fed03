//! Estimates the tokens of a request for upstreams that have no endpoint for it.
//!
//! No vendor publishes the vocabulary of all its models. English text has about four characters per token, other scripts
//! about one and a half, JSON about three; each message costs four more. Images and pages count as the vendors' published
//! prices for ones of medium size.

use super::part::{Part, Source, ToolResult};
use super::request::Request;
use super::turn::Parts;

/// Tokens around each message.
const MESSAGE: f64 = 4.0;
/// An image whose size is not known.
const IMAGE: f64 = 1200.0;
/// A page of a document, and its estimated size in bytes.
const PAGE: f64 = 1500.0;
const PAGE_BYTES: f64 = 40_000.0;
/// A second of audio, and its estimated size in bytes.
const SECOND: f64 = 32.0;
const SECOND_BYTES: f64 = 16_000.0;

/// Tokens of `request`; at least one.
pub fn tokens(request: &Request) -> u64 {
    let system: f64 = request.system.iter().map(|block| text(&block.text)).sum();
    let turns: f64 = request
        .turns
        .iter()
        .map(|turn| {
            MESSAGE
                + match &turn.parts {
                    Parts::Raw(said) => text(said),
                    Parts::RawTexts(said) => said.texts.iter().map(|said| text(said)).sum(),
                    Parts::List(parts) => parts.iter().map(part).sum::<f64>(),
                }
        })
        .sum();
    let tools: f64 = request
        .tools
        .iter()
        .map(|tool| {
            let description = tool.description.as_deref().unwrap_or_default();
            MESSAGE + text(&tool.name) + text(description) + json(tool.schema.as_str())
        })
        .sum();
    (system + turns + tools).ceil().max(1.0) as u64
}

fn text(text: &str) -> f64 {
    let ascii = text.bytes().filter(u8::is_ascii).count();
    let others = text.chars().filter(|c| !c.is_ascii()).count();
    ascii as f64 / 4.0 + others as f64 / 1.5
}

fn json(text: &str) -> f64 {
    text.len() as f64 / 3.0
}

fn part(part: &Part) -> f64 {
    match part {
        Part::Text(words) => text(&words.text),
        Part::Refusal(words) => text(words),
        Part::Reasoning { text: words, .. } => text(words),
        // Encrypted reasoning does not count as text.
        Part::Opaque(_) => 0.0,
        Part::Image { .. } => IMAGE,
        Part::Video(_) => IMAGE * 10.0,
        Part::Audio { data, .. } => SECOND * (bytes(data) / SECOND_BYTES).ceil(),
        Part::File { source, .. } => match source {
            Source::Text(words) => text(words),
            Source::Data { data, .. } => PAGE * (bytes(data) / PAGE_BYTES).ceil(),
            Source::Url(_) | Source::FileId(_) => PAGE,
        },
        Part::ToolCall(call) => MESSAGE + text(&call.name) + json(&call.arguments),
        Part::ToolResult(ToolResult { parts, .. }) => {
            MESSAGE + parts.iter().map(self::part).sum::<f64>()
        }
    }
}

/// The bytes of base64 data.
fn bytes(data: &str) -> f64 {
    data.len() as f64 * 0.75
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::neutral::part::Role;
    use crate::translate::neutral::turn::Turn;

    fn said(words: &str) -> Request<'static> {
        Request {
            turns: vec![Turn::new(Role::User, Part::text(words))],
            ..Request::default()
        }
    }

    #[test]
    fn more_is_more() {
        assert_eq!(tokens(&Request::default()), 1);
        let short = tokens(&said("How many words are there?"));
        assert!((8..16).contains(&short), "{short}");
        assert!(tokens(&said(&"word ".repeat(1000))) > 1000);
        assert!(tokens(&said("押金是多少")) > tokens(&said("abcde")));
    }

    #[test]
    fn base64_is_not_text() {
        let mut request = said("look");
        let data = "A".repeat(4_000_000);
        request.turns[0].parts.extend([Part::Image {
            source: Source::Data {
                mime: "image/png".to_owned(),
                data,
            },
            detail: None,
            cache: None,
        }]);
        assert!(tokens(&request) < 2000);
    }
}
