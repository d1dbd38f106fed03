//! The one form between the dialects: each is read into it and written from it, and knows no other.
//!
//! It says what every dialect can say (spec/dialects.md 1). What only one of them knows is left behind when a
//! request crosses over; what would change the meaning silently is refused instead ([`Untranslatable`]). How much
//! a model is to think is not part of it: that is settled beside it.

pub mod answer;
pub mod capabilities;
pub mod estimate;
pub mod event;
pub mod fold;
pub mod given;
pub mod hosted;
pub mod ids;
pub mod json_text;
pub mod media;
mod members;
pub mod names;
pub mod parts;
pub mod prefill;
pub mod repair;
pub mod schema;
pub mod search;
pub mod signature;
pub mod turn;
pub mod written;

use serde_json::{Map, Value};

pub use event::{Event, Finish};
pub use given::{Given, Object};
pub use hosted::Hosted;
pub use json_text::Json;
pub use search::WebSearch;
pub use signature::{Family, Signature};
pub use turn::{Parts, Turn};
pub use written::{Item, List, Wrap, Written};

/// A request for an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request<'a> {
    pub model: String,
    pub stream: bool,
    /// Text that stands above the conversation, block by block.
    pub system: Vec<Text>,
    pub turns: Vec<Turn<'a>>,
    pub tools: Vec<Tool>,
    /// Tools of vendors.
    pub hosted: Vec<Hosted>,
    pub web_search: Option<WebSearch>,
    pub tool_choice: Option<ToolChoice>,
    /// Whether several tools may be called at once.
    pub parallel: Option<bool>,
    pub sampling: Sampling,
    pub output: Output,
    pub stop: Vec<String>,
    /// What the client calls its prompt cache.
    pub cache_key: Option<String>,
    /// The client's own user.
    pub user_id: Option<String>,
    pub metadata: Option<Json>,
    pub service_tier: Option<Tier>,
    /// How much is to be said: `low`, `medium`, `high`.
    pub verbosity: Option<String>,
    /// What the answer may consist of: `text`, `image`, `audio`.
    pub modalities: Vec<String>,
    pub image_shape: ImageShape,
    pub google: Google,
    /// Whether usage is wanted in a stream, where the client said so.
    pub include_usage: Option<bool>,
    /// Types of items that were made text, each once.
    pub reworded: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    pub text: String,
    pub cache: Option<Cache>,
}

/// A mark that the prompt up to here is worth caching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cache {
    /// For an hour instead of five minutes.
    pub is_long: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    User,
    Assistant,
    /// Instructions in the middle of the conversation.
    System,
}

/// A piece of a turn.
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
    /// Reasoning that nobody but its provider can read.
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
    /// At the provider, under this name.
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
    /// Of the tool, where the client said it.
    pub name: Option<String>,
    pub parts: Vec<Part>,
    pub is_error: bool,
    pub cache: Option<Cache>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tool {
    pub name: String,
    /// Namespace and name in it, where the client has such; `name` is then the two as one.
    pub namespace: Option<(String, String)>,
    pub description: Option<String>,
    /// JSON Schema of the arguments.
    pub schema: Json,
    pub strict: Option<bool>,
    /// Takes text instead of JSON.
    pub is_custom: bool,
    /// A grammar for the text of a custom tool.
    pub grammar: Option<Grammar>,
    pub cache: Option<Cache>,
}

/// What text a tool takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grammar {
    pub definition: String,
    /// `lark` or `regex`.
    pub syntax: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    Auto,
    None,
    Required,
    Tool(String),
    WebSearch,
    /// A tool of a vendor, by its type.
    Hosted(String),
    /// Only these, of all that are defined.
    Allowed {
        required: bool,
        names: Vec<String>,
    },
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    pub max_tokens: Option<u64>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<u64>,
    pub frequency_penalty: Option<f64>,
    pub presence_penalty: Option<f64>,
    pub seed: Option<i64>,
    /// Answers wanted side by side.
    pub n: Option<u64>,
}

/// How an image that is made is to look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageShape {
    /// Like `16:9`.
    pub aspect_ratio: Option<String>,
    /// Like `2K`.
    pub size: Option<String>,
}

/// What Gemini alone takes, as it is written there (spec/dialects.md 1.1, 1.16).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Google {
    pub generation_config: Map<String, Value>,
}

/// The form of the answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Output {
    #[default]
    Text,
    JsonObject,
    JsonSchema {
        name: Option<String>,
        description: Option<String>,
        schema: Json,
        strict: Option<bool>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    Default,
    Flex,
    Priority,
}

/// What a dialect cannot say and must not leave out: a 400 that names the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untranslatable {
    /// The place in the client's body, like `messages[2].content[0]`; empty when the whole is meant.
    pub path: String,
    pub why: String,
    /// The vendor's code for it, where clients know to go on without what is refused.
    pub code: Option<&'static str>,
}

impl Untranslatable {
    pub fn new(path: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            why: why.into(),
            code: None,
        }
    }
}

impl std::fmt::Display for Untranslatable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.why),
            path => write!(f, "{path}: {}", self.why),
        }
    }
}

impl std::error::Error for Untranslatable {}

impl Tool {
    /// About how many bytes it takes to say it.
    pub fn weight(&self) -> usize {
        const EACH: usize = 128;
        EACH + self.schema.as_str().len() + self.description.as_ref().map_or(0, String::len)
    }
}

impl Request<'_> {
    /// Notes that an item of this type is told as text. Of the unknown ones there may be many.
    pub fn reworded(&mut self, kind: &str) {
        const MOST: usize = 16;
        let is_known = self.reworded.iter().any(|known| known == kind);
        if !is_known && self.reworded.len() < MOST {
            self.reworded.push(kind.chars().take(64).collect());
        }
    }

    /// The same, independent of the body that it was read from.
    pub fn into_owned(self) -> Request<'static> {
        let turns = self.turns.into_iter();
        let turns = turns.map(|turn| Turn::new(turn.role, turn.parts.into_owned()));
        Request {
            turns: turns.collect(),
            model: self.model,
            stream: self.stream,
            system: self.system,
            tools: self.tools,
            hosted: self.hosted,
            web_search: self.web_search,
            tool_choice: self.tool_choice,
            parallel: self.parallel,
            sampling: self.sampling,
            output: self.output,
            stop: self.stop,
            cache_key: self.cache_key,
            user_id: self.user_id,
            metadata: self.metadata,
            service_tier: self.service_tier,
            verbosity: self.verbosity,
            modalities: self.modalities,
            image_shape: self.image_shape,
            google: self.google,
            include_usage: self.include_usage,
            reworded: self.reworded,
        }
    }
}

impl Part {
    /// About how many bytes it takes to say it.
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

impl Request<'_> {
    /// Whether there is anything that the model can use.
    pub fn has_tools(&self) -> bool {
        !self.tools.is_empty() || !self.hosted.is_empty() || self.web_search.is_some()
    }
}

impl Text {
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            cache: None,
        }
    }
}
