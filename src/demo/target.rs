//! Which endpoint of which dialect a path names, and how an endpoint refuses a request.

use serde_json::Value;

/// A dialect, by the shape of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Chat,
    Responses,
    Messages,
    Gemini,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Generate,
    Count,
    Compact,
}

/// A vendor whose rules go beyond those of its dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// The vendor of the dialect.
    Plain,
    /// The backend of ChatGPT, below `/backend-api/`.
    ChatGpt,
    /// Kimi for coding, below `/coding/`.
    Kimi,
    /// xAI, below `/xai/`.
    Xai,
    /// Code Assist, which has an envelope.
    CodeAssist,
    /// Antigravity, below `/antigravity/`.
    Antigravity,
    /// Vertex AI.
    Vertex,
}

impl Flavour {
    /// Whose rules hold for a path.
    pub fn of(path: &str) -> Self {
        match () {
            () if path.contains("/backend-api/") => Self::ChatGpt,
            () if path.contains("/coding/") => Self::Kimi,
            () if path.contains("/xai/") => Self::Xai,
            () if path.contains("/antigravity/") => Self::Antigravity,
            () if path.contains("/v1internal:") => Self::CodeAssist,
            () if path.contains("/publishers/google/") => Self::Vertex,
            () => Self::Plain,
        }
    }
}

/// A path that leads somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub dialect: Dialect,
    pub flavour: Flavour,
    pub action: Action,
    /// Gemini names the model, and whether to stream, in the path.
    pub model: Option<String>,
    pub streams: Option<Streaming>,
}

/// How a stream is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streaming {
    Events,
    /// Gemini without `alt=sse`.
    Array,
}

/// Why a request is refused.
#[derive(Clone, Debug)]
pub struct Fault {
    pub status: u16,
    pub message: String,
    /// For programs.
    pub details: Option<Box<Value>>,
    /// Where OpenAI says what is wrong.
    pub param: Option<String>,
    /// OpenAI's word for it.
    pub code: Option<&'static str>,
}

impl From<&str> for Fault {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Self {
            status: 400,
            message,
            details: None,
            param: None,
            code: None,
        }
    }
}

impl Fault {
    /// Conversations kept by the server. With this code Anthropic's SDK sends all of the conversation instead.
    pub fn threads() -> Self {
        Self {
            details: Some(Box::new(serde_json::json!({
                "error_code": "thread_unsupported_request",
                "unsupported": ["thread"],
            }))),
            ..Self::from("The demo keeps no threads.")
        }
    }
}

impl Dialect {
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::Gemini => "gemini",
        }
    }
}

impl Target {
    /// Where a `POST` to `path`, query included, leads.
    pub fn of(path: &str) -> Option<Self> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let plain = |dialect, action| Self {
            dialect,
            flavour: Flavour::of(path),
            action,
            model: None,
            streams: None,
        };
        for (ending, dialect, action) in [
            ("/chat/completions", Dialect::Chat, Action::Generate),
            ("/responses", Dialect::Responses, Action::Generate),
            ("/responses/compact", Dialect::Responses, Action::Compact),
            ("/responses/input_tokens", Dialect::Responses, Action::Count),
            ("/messages", Dialect::Messages, Action::Generate),
            ("/messages/count_tokens", Dialect::Messages, Action::Count),
        ] {
            if path.ends_with(ending) {
                return Some(plain(dialect, action));
            }
        }
        let (model, method) = match path.rsplit_once("/v1internal:") {
            Some((_, method)) => (None, method),
            None => {
                let (_, rest) = path.rsplit_once("/models/")?;
                let (model, method) = rest.rsplit_once(':')?;
                (Some(model.to_owned()), method)
            }
        };
        let streaming = if query.split('&').any(|pair| pair == "alt=sse") {
            Streaming::Events
        } else {
            Streaming::Array
        };
        let (action, streams) = match method {
            "generateContent" => (Action::Generate, None),
            "streamGenerateContent" => (Action::Generate, Some(streaming)),
            "countTokens" => (Action::Count, None),
            _ => return None,
        };
        Some(Self {
            dialect: Dialect::Gemini,
            flavour: Flavour::of(path),
            action,
            model,
            streams,
        })
    }
}
