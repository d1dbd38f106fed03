//! Lists of the models that an upstream serves.
//!
//! The formats are those of Anthropic (`GET /v1/models`, with `after_id`), of OpenAI and compatible servers
//! (`GET /models`, one page), of Google (`GET /v1beta/models`, with `pageToken`), and of Code Assist, where the quotas of a
//! project name its models.

use std::collections::HashSet;
use std::io::Read;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::call::Upstream;
use super::target::{Call, Target};
use super::url;
use crate::credential::{Listed, UpstreamKind, is_chatgpt};
use crate::exchange::Waiter;
use crate::failure::{Failure, FailureKind, Headers};
use crate::time;

/// The most bytes of a page. The longest known lists have a few hundred KiB.
const PAGE_BYTES: u64 = 4 << 20;
/// The most pages of a list.
const PAGES: usize = 20;
/// The most models of a list.
const MODELS: usize = 4096;
/// The longest name of a model, bytes.
const NAME: usize = 256;
/// Parts of the names of OpenAI's models that the Responses API does not serve.
const OTHER_KINDS: &[&str] = &[
    "audio",
    "babbage",
    "dall-e",
    "davinci",
    "embedding",
    "image",
    "instruct",
    "moderation",
    "realtime",
    "sora",
    "transcribe",
    "tts",
    "whisper",
];

/// The list of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    pub models: Vec<Listed>,
    /// The `Date` header.
    pub date: Option<SystemTime>,
}

/// Whether an upstream has a list. Vertex AI returns it only for OAuth logins, and the backend of ChatGPT only to the
/// vendor's clients.
pub fn has_list(kind: UpstreamKind, base_url: &str) -> bool {
    match kind {
        UpstreamKind::Gemini
        | UpstreamKind::Claude
        | UpstreamKind::GeminiCli
        | UpstreamKind::Antigravity
        | UpstreamKind::Kimi
        | UpstreamKind::KimiMessages
        | UpstreamKind::Xai
        | UpstreamKind::Compat => true,
        UpstreamKind::Codex => !is_chatgpt(base_url),
        UpstreamKind::Vertex | UpstreamKind::Iflow => false,
    }
}

impl Upstream {
    /// Fetches the list of an upstream, page by page, within the limits of `waiter`.
    ///
    /// # Errors
    /// When a page cannot be fetched or is not a list.
    pub fn models(&self, target: Target<'_>, waiter: &Waiter) -> Result<List, Failure> {
        let mut list = List {
            models: Vec::new(),
            date: None,
        };
        let mut names = HashSet::new();
        let mut next = Some(String::new());
        for _ in 0..PAGES {
            let Some(page) = next.take() else { break };
            let call = Call::of_models(target, &page, waiter);
            let answer = self.call(&call)?;
            list.date = date(&answer.headers).or(list.date);
            let mut body = Vec::new();
            let read = answer.body.take(PAGE_BYTES + 1).read_to_end(&mut body);
            read.map_err(|error| Failure::of_read(&error))?;
            if body.len() as u64 > PAGE_BYTES {
                return Err(unusable("the list of models is too long"));
            }
            let (models, more) = read_page(target.kind, &body)
                .ok_or_else(|| unusable("the answer is not a list of models"))?;
            let room = MODELS.saturating_sub(list.models.len());
            let new = models.into_iter().filter(|model| {
                let is_name = !model.id.is_empty() && model.id.len() <= NAME;
                let is_plain = !model
                    .id
                    .contains(|c: char| c.is_control() || c.is_whitespace());
                is_name && is_plain && names.insert(model.id.to_ascii_lowercase())
            });
            list.models.extend(new.take(room));
            next = more.filter(|more| *more != page && list.models.len() < MODELS);
        }
        Ok(list)
    }
}

/// The `Date` header.
pub fn date(headers: &Headers) -> Option<SystemTime> {
    time::parse_http_date(headers.get("date")?)
}

fn unusable(message: &str) -> Failure {
    Failure::new(FailureKind::Broken, message)
}

/// A page of any of the lists.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    data: Option<Vec<Row>>,
    models: Option<Vec<Row>>,
    #[serde(default, rename = "has_more")]
    has_more: bool,
    #[serde(rename = "last_id")]
    last_id: Option<String>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: Option<String>,
    /// Google: `models/NAME`. OpenRouter: the display name.
    name: Option<String>,
    #[serde(alias = "display_name")]
    display_name: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    created: Option<u64>,
    #[serde(rename = "created_at")]
    created_at: Option<Value>,
    #[serde(
        default,
        alias = "context_length",
        alias = "max_input_tokens",
        deserialize_with = "lenient"
    )]
    input_token_limit: Option<u64>,
    #[serde(default, alias = "max_tokens", deserialize_with = "lenient")]
    output_token_limit: Option<u64>,
    supported_generation_methods: Option<Vec<String>>,
}

/// A positive number; `None` for any other value.
fn lenient<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_u64().filter(|number| *number > 0))
}

/// The language models of a page, and the query of the next page; `None` if it is not a list.
fn read_page(kind: UpstreamKind, body: &[u8]) -> Option<(Vec<Listed>, Option<String>)> {
    match kind {
        UpstreamKind::GeminiCli => return Some((quotas(body)?, None)),
        UpstreamKind::Antigravity => return Some((available(body)?, None)),
        _ => {}
    }
    let page: Page = serde_json::from_slice(body).ok()?;
    let (rows, next) = match kind {
        UpstreamKind::Gemini
        | UpstreamKind::Vertex
        | UpstreamKind::GeminiCli
        | UpstreamKind::Antigravity => {
            let token = page.next_page_token.filter(|token| !token.is_empty());
            let next = token.map(|token| format!("&pageToken={}", url::value(&token)));
            // For an account without models, both fields are missing.
            (page.models.unwrap_or_default(), next)
        }
        UpstreamKind::Claude
        | UpstreamKind::Codex
        | UpstreamKind::Kimi
        | UpstreamKind::KimiMessages
        | UpstreamKind::Iflow
        | UpstreamKind::Xai
        | UpstreamKind::Compat => {
            let last = page.last_id.filter(|_| page.has_more);
            let next = last.map(|last| format!("&after_id={}", url::value(&last)));
            (page.data?, next.filter(|_| kind == UpstreamKind::Claude))
        }
    };
    let models = rows.into_iter().filter_map(|row| match kind {
        UpstreamKind::Gemini
        | UpstreamKind::Vertex
        | UpstreamKind::GeminiCli
        | UpstreamKind::Antigravity => google(row),
        UpstreamKind::Codex => {
            other(row).filter(|model| !OTHER_KINDS.iter().any(|word| model.id.contains(word)))
        }
        UpstreamKind::Claude
        | UpstreamKind::Kimi
        | UpstreamKind::KimiMessages
        | UpstreamKind::Iflow
        | UpstreamKind::Xai
        | UpstreamKind::Compat => other(row),
    });
    Some((models.collect(), next))
}

#[derive(Deserialize)]
struct Quotas {
    buckets: Vec<Bucket>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bucket {
    model_id: Option<String>,
}

/// The models that the quotas of a project are for.
fn quotas(body: &[u8]) -> Option<Vec<Listed>> {
    let quotas: Quotas = serde_json::from_slice(body).ok()?;
    let names = quotas.buckets.into_iter().filter_map(|one| one.model_id);
    // A second quota of the same model.
    let names = names.filter(|name| !name.ends_with("_vertex"));
    let listed = names.map(|id| Listed {
        id,
        display_name: None,
        created: None,
        context: None,
        output: None,
    });
    Some(listed.collect())
}

#[derive(Deserialize)]
struct Available {
    models: Map<String, Value>,
}

/// The models of an Antigravity account, without those that serve the vendor's editor.
fn available(body: &[u8]) -> Option<Vec<Listed>> {
    let available: Available = serde_json::from_slice(body).ok()?;
    let models = available.models.into_iter();
    let models = models.filter(|(_, model)| model.get("isInternal") != Some(&Value::Bool(true)));
    let listed = models.map(|(id, model)| {
        let number = |key| model.get(key).and_then(Value::as_u64);
        let name = model.get("displayName").and_then(Value::as_str);
        Listed {
            id,
            display_name: name.map(str::to_owned),
            created: None,
            context: number("maxTokens").filter(|number| *number > 0),
            output: number("maxOutputTokens").filter(|number| *number > 0),
        }
    });
    Some(listed.collect())
}

fn google(row: Row) -> Option<Listed> {
    let methods = row.supported_generation_methods?;
    if !methods.iter().any(|method| method == "generateContent") {
        return None;
    }
    let name = row.name?;
    Some(Listed {
        id: name.strip_prefix("models/").unwrap_or(&name).to_owned(),
        display_name: row.display_name,
        created: None,
        context: row.input_token_limit,
        output: row.output_token_limit,
    })
}

fn other(row: Row) -> Option<Listed> {
    let created_at = row.created_at.as_ref().and_then(Value::as_str);
    let created_at = created_at.and_then(time::rfc3339);
    let seconds = created_at.and_then(|at| Some(at.duration_since(UNIX_EPOCH).ok()?.as_secs()));
    Some(Listed {
        id: row.id?,
        display_name: row.display_name.or(row.name),
        created: row.created.or(seconds),
        context: row.input_token_limit,
        output: row.output_token_limit,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(kind: UpstreamKind, page: &str) -> Vec<String> {
        let (list, _) = read_page(kind, page.as_bytes()).unwrap();
        list.into_iter().map(|model| model.id).collect()
    }

    fn next(kind: UpstreamKind, page: &str) -> Option<String> {
        read_page(kind, page.as_bytes()).unwrap().1
    }

    #[test]
    fn lists_of_vendors_are_read() {
        let claude = r#"{"data":[{"type":"model","id":"claude-x","display_name":"Claude X","created_at":"2026-01-01T00:00:00Z","max_input_tokens":9,"max_tokens":3}],"has_more":false,"first_id":"claude-x","last_id":"claude-x"}"#;
        let (list, more) = read_page(UpstreamKind::Claude, claude.as_bytes()).unwrap();
        assert_eq!(
            list,
            [Listed {
                id: "claude-x".to_owned(),
                display_name: Some("Claude X".to_owned()),
                created: Some(1_767_225_600),
                context: Some(9),
                output: Some(3),
            }]
        );
        assert_eq!(more, None);
        let openai = r#"{"object":"list","data":[{"id":"gpt-x","object":"model","created":7,"owned_by":"openai"},{"id":"text-embedding-3"},{"id":"gpt-image-2"},{"id":"gpt-realtime"},{"id":"o9"},{"id":"babbage-002"},{"id":"gpt-3.5-turbo-instruct"},{"id":"ft:gpt-4o:me"}]}"#;
        assert_eq!(
            ids(UpstreamKind::Codex, openai),
            ["gpt-x", "o9", "ft:gpt-4o:me"]
        );
        assert_eq!(ids(UpstreamKind::Compat, openai).len(), 8);
        let google = r#"{"models":[{"name":"models/gemini-x","displayName":"Gemini X","inputTokenLimit":9,"outputTokenLimit":3,"supportedGenerationMethods":["countTokens","generateContent"]},{"name":"models/embedding-1","supportedGenerationMethods":["embedContent"]},{"name":"models/unsaid"}]}"#;
        let (list, _) = read_page(UpstreamKind::Gemini, google.as_bytes()).unwrap();
        let only = list.first().unwrap();
        assert_eq!((list.len(), only.id.as_str()), (1, "gemini-x"));
        assert_eq!((only.context, only.output), (Some(9), Some(3)));
        let openrouter = r#"{"data":[{"id":"a/b","name":"A: B","created":1.5,"created_at":2,"context_length":"x"},{"name":"none"}]}"#;
        let (list, _) = read_page(UpstreamKind::Compat, openrouter.as_bytes()).unwrap();
        let only = list.first().unwrap();
        assert_eq!(
            (only.display_name.as_deref(), only.created, only.context),
            (Some("A: B"), None, None)
        );
    }

    #[test]
    fn lists_of_code_assist_are_read() {
        let quotas = r#"{"buckets":[{"modelId":"gemini-x","remainingFraction":0.5,"resetTime":"2026-01-01T00:00:00Z"},{"modelId":"gemini-x_vertex"},{"tokenType":"REQUESTS"}]}"#;
        assert_eq!(ids(UpstreamKind::GeminiCli, quotas), ["gemini-x"]);
        let available = r#"{"models":{"claude-x":{"displayName":"Claude X","maxTokens":9,"maxOutputTokens":3},"tab_x":{"isInternal":true},"plain":{}},"defaultAgentModelId":"plain"}"#;
        let (list, next) = read_page(UpstreamKind::Antigravity, available.as_bytes()).unwrap();
        let first = list.first().unwrap();
        assert_eq!((first.id.as_str(), list.len(), next), ("claude-x", 2, None));
        assert_eq!(first.display_name.as_deref(), Some("Claude X"));
        assert_eq!((first.context, first.output), (Some(9), Some(3)));
        for kind in [UpstreamKind::GeminiCli, UpstreamKind::Antigravity] {
            for page in [
                "",
                "[]",
                "{}",
                r#"{"models":[],"buckets":{}}"#,
                r#"{"error":{}}"#,
            ] {
                assert!(read_page(kind, page.as_bytes()).is_none(), "{page}");
            }
        }
    }

    #[test]
    fn pages_lead_to_the_next() {
        let page = r#"{"data":[],"has_more":true,"last_id":"a b"}"#;
        assert_eq!(
            next(UpstreamKind::Claude, page).as_deref(),
            Some("&after_id=a%20b")
        );
        assert_eq!(next(UpstreamKind::Compat, page), None);
        let page = r#"{"data":[],"has_more":false,"last_id":"a"}"#;
        assert_eq!(next(UpstreamKind::Claude, page), None);
        let page = r#"{"models":[],"nextPageToken":"t="}"#;
        assert_eq!(
            next(UpstreamKind::Gemini, page).as_deref(),
            Some("&pageToken=t%3D")
        );
        for page in [r#"{"nextPageToken":""}"#, "{}"] {
            assert_eq!(next(UpstreamKind::Gemini, page), None, "{page}");
        }
    }

    #[test]
    fn what_is_no_list_is_none() {
        for page in ["", "[]", "{\"data\":1}", "{}", "<html>", "null"] {
            assert!(
                read_page(UpstreamKind::Compat, page.as_bytes()).is_none(),
                "{page}"
            );
        }
        assert!(read_page(UpstreamKind::Gemini, b"{\"models\":{}}").is_none());
    }
}
