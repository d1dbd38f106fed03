//! The model lists in the formats of OpenAI, Anthropic and Gemini.

use serde::Serialize;

use crate::similar;
use crate::time::unix_to_rfc3339;

/// A model that clients can request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedModel {
    /// The name that clients use, with its prefix; it may be an alias.
    pub id: String,
    pub owned_by: String,
    /// Seconds since 1970.
    pub created: Option<i64>,
    pub display_name: Option<String>,
    pub description: Option<String>,
    pub version: Option<String>,
    /// Tokens.
    pub input_limit: Option<u64>,
    /// Tokens.
    pub output_limit: Option<u64>,
    /// Gemini's `supportedGenerationMethods`; empty if unknown.
    pub methods: Vec<String>,
    /// Gemini's `supportedInputModalities`; empty if unknown.
    pub input_modalities: Vec<String>,
    /// Gemini's `supportedOutputModalities`; empty if unknown.
    pub output_modalities: Vec<String>,
}

/// The format of `GET /v1/models`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListShape {
    OpenAi,
    Claude,
}

impl ListShape {
    /// Anthropic's format for Claude Code and other clients of Anthropic's API. `header` returns a header's value by its
    /// lower-case name.
    pub fn for_client<'h>(header: impl Fn(&str) -> Option<&'h str>) -> Self {
        let claude = header("anthropic-version").is_some()
            || header("user-agent").is_some_and(|agent| agent.starts_with("claude-cli"));
        if claude { Self::Claude } else { Self::OpenAi }
    }
}

/// `GET /v1/models`.
pub fn list(shape: ListShape, models: &[ListedModel]) -> Vec<u8> {
    match shape {
        ListShape::OpenAi => json(&OpenAiList {
            object: "list",
            data: by_id(models).into_iter().map(OpenAiModel::of).collect(),
        }),
        ListShape::Claude => {
            let mut sorted: Vec<&ListedModel> = models.iter().collect();
            sorted.sort_by(|a, b| (a.shown_name(), &a.id).cmp(&(b.shown_name(), &b.id)));
            let id = |model: Option<&&ListedModel>| model.map_or(String::new(), |m| m.id.clone());
            json(&ClaudeList {
                first_id: id(sorted.first()),
                last_id: id(sorted.last()),
                data: sorted.into_iter().map(ClaudeModel::of).collect(),
                has_more: false,
            })
        }
    }
}

/// `GET /v1/models/{id}`; `None` if there is no such model.
pub fn single(shape: ListShape, models: &[ListedModel], id: &str) -> Option<Vec<u8>> {
    let model = models.iter().find(|model| model.id == id)?;
    Some(match shape {
        ListShape::OpenAi => json(&OpenAiModel::of(model)),
        ListShape::Claude => json(&ClaudeModel::of(model)),
    })
}

/// The names of the models most similar to `id`, the best first.
pub fn nearest<'m>(models: &'m [ListedModel], id: &str) -> Vec<&'m str> {
    similar::to(id, models.iter().map(|model| model.id.as_str()))
}

/// `GET /v1beta/models`.
pub fn gemini_list(models: &[ListedModel]) -> Vec<u8> {
    json(&GeminiList {
        models: by_id(models)
            .into_iter()
            .map(|model| GeminiModel::of(model).filled(model))
            .collect(),
    })
}

/// `GET /v1beta/models/{name}`, with or without a leading `models/`; `None` if there is no such model.
pub fn gemini_single(models: &[ListedModel], name: &str) -> Option<Vec<u8>> {
    let find = |id: &str| models.iter().find(|model| model.id == id);
    let model = find(name).or_else(|| find(name.strip_prefix("models/")?))?;
    Some(json(&GeminiModel::of(model)))
}

impl ListedModel {
    fn shown_name(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.id)
    }
}

fn by_id(models: &[ListedModel]) -> Vec<&ListedModel> {
    let mut sorted: Vec<&ListedModel> = models.iter().collect();
    sorted.sort_by(|a, b| a.id.cmp(&b.id));
    sorted
}

#[derive(Serialize)]
struct OpenAiList<'a> {
    object: &'static str,
    data: Vec<OpenAiModel<'a>>,
}

#[derive(Serialize)]
struct OpenAiModel<'a> {
    id: &'a str,
    object: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<i64>,
    owned_by: &'a str,
}

impl<'a> OpenAiModel<'a> {
    fn of(model: &'a ListedModel) -> Self {
        Self {
            id: &model.id,
            object: "model",
            created: model.created.filter(|&seconds| seconds > 0),
            owned_by: &model.owned_by,
        }
    }
}

#[derive(Serialize)]
struct ClaudeList<'a> {
    data: Vec<ClaudeModel<'a>>,
    has_more: bool,
    first_id: String,
    last_id: String,
}

#[derive(Serialize)]
struct ClaudeModel<'a> {
    id: &'a str,
    object: &'static str,
    owned_by: &'a str,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
}

impl<'a> ClaudeModel<'a> {
    fn of(model: &'a ListedModel) -> Self {
        Self {
            id: &model.id,
            object: "model",
            owned_by: &model.owned_by,
            r#type: "model",
            display_name: model.display_name.as_deref(),
            created_at: model
                .created
                .filter(|&seconds| seconds > 0)
                .and_then(unix_to_rfc3339),
            max_input_tokens: model.input_limit,
            max_tokens: model.output_limit,
        }
    }
}

#[derive(Serialize)]
struct GeminiList<'a> {
    models: Vec<GeminiModel<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GeminiModel<'a> {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_token_limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_token_limit: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    supported_generation_methods: Vec<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    supported_input_modalities: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    supported_output_modalities: &'a [String],
}

impl<'a> GeminiModel<'a> {
    fn of(model: &'a ListedModel) -> Self {
        Self {
            name: format!("models/{}", model.id),
            version: model.version.as_deref(),
            display_name: model.display_name.as_deref(),
            description: model.description.as_deref(),
            input_token_limit: model.input_limit,
            output_token_limit: model.output_limit,
            supported_generation_methods: model.methods.iter().map(String::as_str).collect(),
            supported_input_modalities: &model.input_modalities,
            supported_output_modalities: &model.output_modalities,
        }
    }

    /// Fills in defaults for missing fields, in lists only.
    fn filled(mut self, model: &'a ListedModel) -> Self {
        self.display_name.get_or_insert(&model.id);
        self.description.get_or_insert(&model.id);
        if self.supported_generation_methods.is_empty() {
            self.supported_generation_methods.push("generateContent");
        }
        self
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // Cannot fail: all keys are strings, and no type has a custom serializer.
    serde_json::to_vec(value).unwrap_or_else(|_| b"{}".to_vec())
}
