//! Routes: what a method and a request target ask for.
//!
//! Paths are compared byte by byte without decoding. Only model names and ids are percent-decoded, once, and a model name
//! that then looks like a path (`..`, `%2e`, a backslash) is not served.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::models::ListShape;
use super::query::Query;
use crate::wire::Dialect;
use crate::wire::model_name::ModelName;

/// The endpoint of a request. `HEAD` is served wherever `GET` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route<'t> {
    /// `GET /`
    Root,
    /// `GET /healthz`
    Health,
    /// `GET /v1/models`
    Models,
    /// `GET /v1/models/{id}`
    Model(Cow<'t, str>),
    /// `GET /v1beta/models`
    GeminiModels,
    /// `GET /v1beta/models/{name}`
    GeminiModel(Cow<'t, str>),
    /// `POST /v1/chat/completions`
    ChatCompletions,
    /// `POST /v1/completions`
    Completions,
    /// `POST /v1/messages`
    Messages,
    /// `POST /v1/messages/count_tokens`
    CountTokens,
    /// `POST /v1/responses`, `/backend-api/codex/responses`
    Responses,
    /// `POST /v1/responses/compact`, `/backend-api/codex/responses/compact`
    Compact,
    /// `POST /v1/responses/input_tokens`
    InputTokens,
    /// A stored response, see [`StoredOperation`].
    Stored {
        id: Cow<'t, str>,
        operation: StoredOperation,
    },
    /// `POST /v1beta/models/{model}:{method}`
    Gemini {
        model: Cow<'t, str>,
        method: GeminiMethod,
    },
    /// `POST /v1beta/models/{model}:{method}` with an unknown method: 404 for authenticated clients.
    UnknownGeminiMethod { path: &'t str },
    /// `POST /v1internal:{method}`, the API of Gemini CLI; without a method that models serve, it is Google's.
    GeminiCli { method: Option<GeminiMethod> },
}

/// An operation on a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredOperation {
    /// `GET /v1/responses/{id}`
    Answer,
    /// `GET /v1/responses/{id}/input_items`
    InputItems,
    /// `DELETE /v1/responses/{id}`
    Delete,
    /// `POST /v1/responses/{id}/cancel`
    Cancel,
}

/// A method of Gemini's `models` resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeminiMethod {
    GenerateContent,
    StreamGenerateContent,
    CountTokens,
}

/// The result of resolving a request target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved<'t> {
    Serve {
        route: Route<'t>,
        query: Query<'t>,
    },
    /// `OPTIONS`, any path: 204 with the CORS headers.
    Preflight {
        known: Option<KnownPath<'t>>,
    },
    /// The path is known without its trailing slash.
    Redirect {
        /// 301, or 307 to preserve the method.
        status: u16,
        /// Path and query for the `Location` header.
        location: String,
    },
    /// The path does not support this method: 405.
    NotAllowed(KnownPath<'t>),
    /// 404 `text/plain`.
    NotFound,
}

/// A path that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPath<'t> {
    /// The route of one of its methods.
    pub route: Route<'t>,
    /// The value of the header `Allow`.
    pub allow: &'static str,
}

impl<'t> KnownPath<'t> {
    fn of(path: &'t str) -> Option<Self> {
        let post = lookup("POST", path)
            .filter(|route| !matches!(route, Route::UnknownGeminiMethod { .. }));
        let (route, allow) = match (lookup("GET", path), post) {
            (Some(route), None) if lookup("DELETE", path).is_some() => {
                (route, "GET, HEAD, DELETE, OPTIONS")
            }
            (Some(_), Some(route)) => (route, "GET, HEAD, POST, OPTIONS"),
            (Some(route), None) => (route, "GET, HEAD, OPTIONS"),
            (None, Some(route)) => (route, "POST, OPTIONS"),
            (None, None) => return None,
        };
        Some(Self { route, allow })
    }
}

impl Route<'_> {
    /// The dialect of the route's answers and errors.
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Root
            | Self::Health
            | Self::Models
            | Self::Model(_)
            | Self::ChatCompletions
            | Self::Completions => Dialect::Chat,
            Self::Responses | Self::Compact | Self::InputTokens | Self::Stored { .. } => {
                Dialect::Responses
            }
            Self::Messages | Self::CountTokens => Dialect::Messages,
            Self::GeminiModels
            | Self::GeminiModel(_)
            | Self::Gemini { .. }
            | Self::UnknownGeminiMethod { .. }
            | Self::GeminiCli { .. } => Dialect::Gemini,
        }
    }

    /// The dialect for a client with these headers: lists of models have two. `header` returns a header's value by its
    /// lower-case name.
    pub fn dialect_for<'h>(&self, header: impl Fn(&str) -> Option<&'h str>) -> Dialect {
        match self {
            Self::Models | Self::Model(_)
                if ListShape::for_client(&header) == ListShape::Claude =>
            {
                Dialect::Messages
            }
            _ => self.dialect(),
        }
    }

    /// Whether the answer is one JSON array, as Gemini's streams are without `alt=sse` (ai.google.dev, "Generating
    /// content", `streamGenerateContent`).
    pub fn answers_array(&self, query: Query<'_>) -> bool {
        let method = GeminiMethod::StreamGenerateContent;
        matches!(self, Self::Gemini { method: requested, .. } if *requested == method)
            && query.alt().as_deref() != Some("sse")
    }

    /// Whether the request needs an upstream, token counting and compaction included.
    pub fn is_generation(&self) -> bool {
        match self {
            Self::ChatCompletions
            | Self::Completions
            | Self::Messages
            | Self::CountTokens
            | Self::Responses
            | Self::Compact
            | Self::InputTokens
            | Self::Gemini { .. } => true,
            Self::Root
            | Self::Health
            | Self::Models
            | Self::Model(_)
            | Self::GeminiModels
            | Self::GeminiModel(_)
            | Self::UnknownGeminiMethod { .. }
            | Self::Stored { .. }
            | Self::GeminiCli { .. } => false,
        }
    }

    /// Whether the route is served without a client key.
    pub fn needs_no_key(&self) -> bool {
        matches!(self, Self::Root | Self::Health | Self::GeminiCli { .. })
    }
}

impl GeminiMethod {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "generateContent" => Some(Self::GenerateContent),
            "streamGenerateContent" => Some(Self::StreamGenerateContent),
            "countTokens" => Some(Self::CountTokens),
            _ => None,
        }
    }
}

/// Resolves a request target. Methods are case-sensitive (RFC 9110 9.1).
pub fn resolve<'t>(method: &str, target: &'t str) -> Resolved<'t> {
    let (path, query) = split(target);
    if method == "OPTIONS" {
        let known = KnownPath::of(path);
        return Resolved::Preflight { known };
    }
    if let Some(route) = lookup(method, path) {
        let query = Query::new(query);
        return Resolved::Serve { route, query };
    }
    match path.strip_suffix('/') {
        Some(shorter) if lookup(method, shorter).is_some() => Resolved::Redirect {
            status: match method {
                "GET" | "HEAD" => 301,
                _ => 307,
            },
            location: match query {
                "" => shorter.to_owned(),
                query => format!("{shorter}?{query}"),
            },
        },
        // The model name is invalid, which is not a matter of the method.
        _ if method == "POST" && is_below_models(path) => Resolved::NotFound,
        _ => KnownPath::of(path).map_or(Resolved::NotFound, Resolved::NotAllowed),
    }
}

/// The host and optional port of a target in absolute form.
pub fn authority(target: &str) -> Option<&str> {
    let (_, rest) = absolute(target)?;
    rest.find(['/', '?'])
        .map_or(Some(rest), |end| rest.get(..end))
}

/// Scheme and rest of a target in absolute form.
fn absolute(target: &str) -> Option<(&str, &str)> {
    target.split_once("://").filter(|(scheme, _)| {
        scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
    })
}

const CLI: &str = "/v1internal:";
const MODELS: &str = "/models/";
const STORED: &str = "/responses/";

fn is_below_models(path: &str) -> bool {
    versioned(path).1.starts_with(MODELS)
}

/// The API version that a path begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V1,
    V1Beta,
}

/// The API version of a path, and the rest. SDKs append a version to their base URL: if the base URL already has one, the
/// path has two, and the last counts. A path without a version is taken as `/v1`.
fn versioned(path: &str) -> (Version, &str) {
    const VERSIONS: [(&str, Version); 2] = [("/v1beta", Version::V1Beta), ("/v1", Version::V1)];
    let (mut version, mut rest) = (Version::V1, path);
    while let Some((next, behind)) = VERSIONS.iter().find_map(|(name, version)| {
        let behind = rest.strip_prefix(name)?;
        behind.starts_with('/').then_some((*version, behind))
    }) {
        (version, rest) = (next, behind);
    }
    (version, rest)
}

/// Path and query of a target. A server must also accept the absolute form (RFC 9112 3.2.2).
fn split(target: &str) -> (&str, &str) {
    let local = match absolute(target) {
        Some((_, rest)) => rest
            .find(['/', '?'])
            .and_then(|start| rest.get(start..))
            .unwrap_or_default(),
        None => target,
    };
    let (path, query) = local.split_once('?').unwrap_or((local, ""));
    (if path.is_empty() { "/" } else { path }, query)
}

fn lookup<'t>(method: &str, path: &'t str) -> Option<Route<'t>> {
    match method {
        "GET" | "HEAD" => match (path, versioned(path)) {
            ("/", _) => Some(Route::Root),
            ("/healthz", _) => Some(Route::Health),
            (_, (Version::V1, "/models")) => Some(Route::Models),
            (_, (Version::V1Beta, "/models")) => Some(Route::GeminiModels),
            (_, (Version::V1, rest)) if rest.starts_with(STORED) => {
                match rest.strip_suffix("/input_items") {
                    Some(answer) => stored(answer, StoredOperation::InputItems),
                    None => stored(rest, StoredOperation::Answer),
                }
            }
            (_, (version, rest)) => {
                let id = name(rest.strip_prefix(MODELS)?)?;
                Some(match version {
                    Version::V1 => Route::Model(id),
                    Version::V1Beta => Route::GeminiModel(id),
                })
            }
        },
        "POST" if path.starts_with(CLI) => {
            let method = path.strip_prefix(CLI)?;
            let is_word = method.bytes().all(|byte| byte.is_ascii_alphanumeric());
            is_word.then(|| Route::GeminiCli {
                method: GeminiMethod::parse(method),
            })
        }
        "POST" => match path {
            "/backend-api/codex/responses" => Some(Route::Responses),
            "/backend-api/codex/responses/compact" => Some(Route::Compact),
            _ => match versioned(path) {
                (Version::V1, "/chat/completions") => Some(Route::ChatCompletions),
                (Version::V1, "/completions") => Some(Route::Completions),
                (Version::V1, "/messages") => Some(Route::Messages),
                (Version::V1, "/messages/count_tokens") => Some(Route::CountTokens),
                (Version::V1, "/responses") => Some(Route::Responses),
                (Version::V1, "/responses/compact") => Some(Route::Compact),
                (Version::V1, "/responses/input_tokens") => Some(Route::InputTokens),
                (Version::V1, rest) if rest.starts_with(STORED) => {
                    stored(rest.strip_suffix("/cancel")?, StoredOperation::Cancel)
                }
                // Google's newer SDK uses `v1`.
                (_, rest) => gemini(path, rest.strip_prefix(MODELS)?),
            },
        },
        "DELETE" => match versioned(path) {
            (Version::V1, rest) => stored(rest, StoredOperation::Delete),
            (Version::V1Beta, _) => None,
        },
        _ => None,
    }
}

/// `/responses/{id}`. An id is one segment of letters, digits, dashes, underscores and dots.
fn stored(path: &str, operation: StoredOperation) -> Option<Route<'_>> {
    /// The longest id, bytes.
    const LONGEST: usize = 256;
    let raw = path.strip_prefix(STORED)?;
    if matches!(raw, "compact" | "input_tokens") {
        return None;
    }
    let id = percent_decode_str(raw).decode_utf8().ok()?;
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    let is_id = (1..=LONGEST).contains(&id.len())
        && id.bytes().all(is_legal)
        && id.bytes().any(|byte| byte.is_ascii_alphanumeric());
    is_id.then_some(Route::Stored { id, operation })
}

/// `{model}:{method}`, split at the last colon: model ids may contain colons, as Ollama's do.
fn gemini<'t>(path: &'t str, rest: &'t str) -> Option<Route<'t>> {
    let rest = name(rest)?;
    let parts = rest
        .rsplit_once(':')
        .and_then(|(model, method)| Some((model.len(), GeminiMethod::parse(method)?)));
    let Some((length, method)) = parts else {
        return Some(Route::UnknownGeminiMethod { path });
    };
    let model = match rest {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(..length)?),
        Cow::Owned(mut text) => {
            text.truncate(length);
            Cow::Owned(text)
        }
    };
    ModelName::parse(&model).ok()?;
    Some(Route::Gemini { model, method })
}

/// The percent-decoded model name, if it is valid.
fn name(raw: &str) -> Option<Cow<'_, str>> {
    let name = percent_decode_str(raw).decode_utf8().ok()?;
    ModelName::parse(&name).ok()?;
    Some(name)
}
