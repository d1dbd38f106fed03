//! A request for an answer.

use serde_json::{Map, Value};

use super::hosted::Hosted;
use super::json_text::Json;
use super::part::{Cache, Text};
use super::search::WebSearch;
use super::turn::Turn;

/// A request for an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request<'a> {
    pub model: String,
    pub stream: bool,
    /// The system text, block by block.
    pub system: Vec<Text>,
    pub turns: Vec<Turn<'a>>,
    pub tools: Vec<Tool>,
    /// Tools that a vendor defines or runs.
    pub hosted: Vec<Hosted>,
    pub web_search: Option<WebSearch>,
    pub tool_choice: Option<ToolChoice>,
    /// Whether several tools may be called at once.
    pub parallel: Option<bool>,
    pub sampling: Sampling,
    pub output: Output,
    pub stop: Vec<String>,
    /// The client's key for its prompt cache.
    pub cache_key: Option<String>,
    /// The id of the client's user.
    pub user_id: Option<String>,
    pub metadata: Option<Json>,
    pub service_tier: Option<Tier>,
    /// The length of the answer: `low`, `medium`, `high`.
    pub verbosity: Option<String>,
    /// The modalities of the answer: `text`, `image`, `audio`.
    pub modalities: Vec<String>,
    pub image_shape: ImageShape,
    pub google: Google,
    /// Whether a stream reports usage, where the client asks for it or against it.
    pub include_usage: Option<bool>,
    /// The types of items that became text, each once.
    pub reworded: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tool {
    pub name: String,
    /// The namespace and the name in it, where the client uses namespaces; `name` then combines both.
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

/// The grammar of the text that a custom tool takes.
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
    /// Only these of the defined tools.
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
    /// The number of choices.
    pub n: Option<u64>,
}

/// The shape of a generated image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageShape {
    /// Like `16:9`.
    pub aspect_ratio: Option<String>,
    /// Like `2K`.
    pub size: Option<String>,
}

/// Settings of Gemini's own, as written in a request.
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

impl Tool {
    /// About how many bytes it takes as JSON.
    pub fn weight(&self) -> usize {
        const EACH: usize = 128;
        EACH + self.schema.as_str().len() + self.description.as_ref().map_or(0, String::len)
    }
}

impl Request<'_> {
    /// Records that an item of this type became text. Unknown types may be many, so their number is limited.
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

impl Request<'_> {
    /// Whether there is any tool.
    pub fn has_tools(&self) -> bool {
        !self.tools.is_empty() || !self.hosted.is_empty() || self.web_search.is_some()
    }
}
