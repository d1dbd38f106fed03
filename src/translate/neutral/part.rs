//! The parts of a turn.

use super::media;
use super::signature::Signature;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    User,
    Assistant,
    /// Instructions in the middle of the conversation.
    System,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    pub text: String,
    pub cache: Option<Cache>,
}

/// A mark to cache the prompt up to here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cache {
    /// For an hour instead of five minutes.
    pub is_long: bool,
}

/// A part of a turn.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    Text(Text),
    Image {
        source: Source,
        detail: Option<String>,
        cache: Option<Cache>,
    },
    Audio {
        mime: String,
        data: String,
    },
    Video(Source),
    File {
        source: Source,
        name: Option<String>,
        cache: Option<Cache>,
    },
    Reasoning {
        text: String,
        signature: Option<Signature>,
    },
    /// Encrypted reasoning.
    Opaque(Signature),
    ToolCall(ToolCall),
    ToolResult(ToolResult),
    Refusal(String),
}

/// Where the bytes of a medium are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Here, in base64.
    Data {
        mime: String,
        data: String,
    },
    Url(String),
    /// Stored at the provider under this id.
    FileId(String),
    /// Here, as text.
    Text(String),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    /// JSON text, or any text for a custom tool.
    pub arguments: String,
    /// Takes text instead of JSON.
    pub is_custom: bool,
    pub signature: Option<Signature>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolResult {
    pub call_id: String,
    /// The name of the tool, where the client sends it.
    pub name: Option<String>,
    pub parts: Vec<Part>,
    pub is_error: bool,
    pub cache: Option<Cache>,
}

impl Text {
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            cache: None,
        }
    }
}

impl Part {
    /// About how many bytes it takes as JSON.
    pub fn weight(&self) -> usize {
        const EACH: usize = 48;
        let source = |source: &Source| match source {
            Source::Data { data, .. } => data.len(),
            Source::Url(text) | Source::FileId(text) | Source::Text(text) => text.len(),
        };
        EACH + match self {
            Self::Text(Text { text, .. }) | Self::Refusal(text) => text.len(),
            Self::Image { source: of, .. } | Self::File { source: of, .. } | Self::Video(of) => {
                source(of)
            }
            Self::Audio { data, .. } => data.len(),
            Self::Reasoning { text, signature } => {
                text.len()
                    + signature
                        .as_ref()
                        .map_or(0, |signature| signature.value.len())
            }
            Self::Opaque(signature) => signature.value.len(),
            Self::ToolCall(call) => call.arguments.len(),
            Self::ToolResult(result) => result.parts.iter().map(Self::weight).sum(),
        }
    }

    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Text::new(text))
    }
}

impl Source {
    /// Where a URL says the bytes are: in a `data:` URL itself, or at the URL. `fallback` is the media type of bytes
    /// whose type is neither declared nor recognised.
    pub fn of_url(url: String, fallback: &str) -> Self {
        match media::data_url(&url) {
            Some((mime, data)) => {
                let mime = mime.map(media::type_of);
                let mime =
                    mime.unwrap_or_else(|| media::sniffed(data).unwrap_or(fallback).to_owned());
                let data = data.to_owned();
                Self::Data { mime, data }
            }
            None => Self::Url(url),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_parsed() {
        for (url, mime, data) in [
            ("data:image/png;base64,AAAA", "image/png", "AAAA"),
            ("DATA:image/gif;charset=x;base64,BB==", "image/gif", "BB=="),
            ("data:;base64,/9j/4AAQ", "image/jpeg", "/9j/4AAQ"),
            ("data:;base64,QUJD", "application/octet-stream", "QUJD"),
        ] {
            let expected = Source::Data {
                mime: mime.to_owned(),
                data: data.to_owned(),
            };
            assert_eq!(
                Source::of_url(url.to_owned(), "application/octet-stream"),
                expected
            );
        }
        let plain = "https://example.com/a.png".to_owned();
        assert_eq!(Source::of_url(plain.clone(), "x"), Source::Url(plain));
    }
}
