//! One credential: who is called, with what, for which models.

use std::borrow::Cow;
use std::sync::Arc;

use crate::config::{HeaderValueSource, ProxySetting, Secret};
use crate::wire::Dialect;

use super::model::Model;
use super::name;
use super::unlisted::Unlisted;

/// A kind of upstream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    Gemini,
    Vertex,
    Claude,
    Codex,
    /// A provider of `openai-compatibility`, by its name in lower case.
    Compat {
        name: String,
    },
}

impl Provider {
    /// The word for it in logs, metrics and error messages.
    pub fn key(&self) -> &str {
        match self {
            Self::Gemini => "gemini",
            Self::Vertex => "vertex",
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Compat { name } => name,
        }
    }

    /// The block of the configuration that has such credentials.
    pub fn section(&self) -> &'static str {
        match self {
            Self::Claude => "claude-api-key",
            Self::Codex => "codex-api-key",
            Self::Gemini => "gemini-api-key",
            Self::Vertex => "vertex-api-key",
            Self::Compat { .. } => "openai-compatibility",
        }
    }

    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Gemini | Self::Vertex => Dialect::Gemini,
            Self::Claude => Dialect::Messages,
            Self::Codex => Dialect::Responses,
            Self::Compat { .. } => Dialect::Chat,
        }
    }

    /// Where the vendor serves it; `None` where the configuration must say (`spec/config.md` 2.2).
    pub fn default_base_url(&self) -> Option<&'static str> {
        match self {
            Self::Gemini => Some("https://generativelanguage.googleapis.com"),
            Self::Vertex => Some("https://aiplatform.googleapis.com"),
            Self::Claude => Some("https://api.anthropic.com"),
            Self::Codex => Some("https://api.openai.com/v1"),
            Self::Compat { .. } => None,
        }
    }
}

/// Whether Responses at this address are those of ChatGPT, which keeps no answers and refuses some members: at the
/// vendor's own host, or below the path that it has there.
pub fn is_chatgpt(base_url: &str) -> bool {
    let base = base_url.trim();
    let rest = base.split_once("://").map_or(base, |(_, rest)| rest);
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host
        .split(':')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let is_vendors = ["chatgpt.com", "chat.openai.com"]
        .iter()
        .any(|vendor| host == *vendor || host.ends_with(&format!(".{vendor}")));
    let path = path.split('?').next().unwrap_or_default();
    is_vendors || path.split('/').any(|part| part == "backend-api")
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Stable across reloads and restarts; may be shown.
    pub id: String,
    pub provider: Provider,
    /// What operators call it: `claude-apikey`, or the name of a provider.
    pub label: String,
    /// Where it was defined, as shown to operators.
    pub source: String,
    /// What statistics and the management API call it (`spec/config.md` 2.4).
    pub auth_index: String,
    /// `None`: the upstream is called without one.
    pub key: Option<Secret>,
    /// Without a slash at the end.
    pub base_url: String,
    pub prefix: Option<String>,
    /// Whether models are offered with the prefix only.
    pub force_prefix: bool,
    /// Sent last; each replaces a header of the same name.
    pub headers: Vec<(String, HeaderValueSource)>,
    pub proxy: ProxySetting,
    /// Higher is tried first.
    pub priority: i32,
    /// Whether failures keep it away; `None` for what holds for all.
    pub disable_cooling: Option<bool>,
    /// Further rounds in which it takes part; `None` for what holds for all.
    pub request_retry: Option<u32>,
    /// Its share under `weighted-round-robin`; 0 for none at all.
    pub weight: u32,
    /// What it offers; empty for a credential that serves nothing. Shared by credentials that offer the
    /// same.
    pub models: Arc<[Model]>,
    /// Where the configuration lists no models: the vendor says what there is, and names of its family that
    /// are not among `models` are passed on to it.
    pub unlisted: Option<Unlisted>,
}

/// What a model name asked for by a client means to one credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved<'a> {
    pub model: &'a Model,
    /// The name to send, the first of a pool, without a thinking suffix.
    pub upstream: &'a str,
    /// The value of the thinking suffix: the configured name's own, else the client's.
    pub thinking: Option<&'a str>,
}

impl Credential {
    pub fn dialect(&self) -> Dialect {
        self.provider.dialect()
    }

    /// Whether its upstream keeps answers, so that later requests can refer to them: where Responses are spoken, but
    /// not the backend of ChatGPT.
    pub fn keeps_answers(&self) -> bool {
        self.provider == Provider::Codex && !is_chatgpt(&self.base_url)
    }

    /// Its own headers, for a client that sent `client_headers`.
    pub fn headers_for<'a>(
        &'a self,
        client_headers: &[(&'a str, &'a str)],
    ) -> Vec<(&'a str, &'a str)> {
        self.headers
            .iter()
            .filter_map(|(name, source)| match source {
                HeaderValueSource::Literal(value) => Some((name.as_str(), value.reveal())),
                HeaderValueSource::Client(wanted) => client_headers
                    .iter()
                    .find(|(sent, _)| sent.eq_ignore_ascii_case(wanted))
                    .map(|(_, value)| (name.as_str(), *value)),
            })
            .collect()
    }

    /// Whose usage it is, in statistics: its key, masked.
    pub fn account(&self) -> String {
        match &self.key {
            Some(key) => key.masked(),
            None => self.source.clone(),
        }
    }

    /// Where the configuration has it.
    pub fn section(&self) -> Cow<'static, str> {
        match self.provider.section() {
            "openai-compatibility" => {
                Cow::Owned(format!("openai-compatibility, name {}", self.label))
            }
            section => Cow::Borrowed(section),
        }
    }

    /// Label and masked key, for log lines.
    pub fn masked_id(&self) -> String {
        match &self.key {
            Some(key) => format!("{} {}", self.label, key.masked()),
            None => self.label.clone(),
        }
    }

    /// Every id clients can ask this credential for, with the model behind it.
    pub fn visible_ids(&self) -> impl Iterator<Item = (Cow<'_, str>, &Model)> {
        self.models.iter().flat_map(|model| {
            let plain = self
                .offers_plain(model)
                .then_some(Cow::Borrowed(model.id.as_str()));
            let prefix = self.prefix.as_ref();
            let prefixed = prefix.map(|prefix| Cow::Owned(format!("{prefix}/{}", model.id)));
            plain.into_iter().chain(prefixed).map(move |id| (id, model))
        })
    }

    /// Finds what a client's model name means here: without its thinking suffix first, then as a whole,
    /// because an id may itself end in parentheses (`spec/http.md` 5).
    pub fn resolve<'a>(&'a self, asked: &'a str) -> Option<Resolved<'a>> {
        let (base, suffix) = name::split(asked);
        let (model, suffix) = match self.find(base) {
            Some(model) => (model, suffix),
            None => (self.find(asked)?, None),
        };
        Some(model.resolved(suffix))
    }

    /// The model behind a visible id, preferring the one spelt exactly so over one that differs in case.
    fn find(&self, id: &str) -> Option<&Model> {
        let same: [fn(&str, &str) -> bool; 2] = [str::eq, str::eq_ignore_ascii_case];
        same.into_iter().find_map(|same| {
            let bare = self.prefix.as_deref().and_then(|prefix| {
                let (start, bare) = id.split_at_checked(prefix.len())?;
                bare.strip_prefix('/').filter(|_| same(start, prefix))
            });
            let prefixed =
                bare.and_then(|bare| self.models.iter().find(|model| same(&model.id, bare)));
            prefixed.or_else(|| {
                let plain = |model: &&Model| self.offers_plain(model) && same(&model.id, id);
                self.models.iter().find(plain)
            })
        })
    }

    /// Whether it serves no model, and no list of its upstream will change that.
    pub fn is_without_models(&self) -> bool {
        let is_known = !matches!(self.provider, Provider::Compat { .. });
        self.models.is_empty() && (is_known || self.unlisted.is_none())
    }

    /// What is sent for a name that none of the models has, if it is passed on: the name without the prefix.
    pub fn passed_on<'n>(&self, name: &'n str) -> Option<&'n str> {
        let unlisted = self.unlisted.as_ref()?;
        let prefix = self.prefix.as_deref();
        let bare = prefix.and_then(|prefix| name.strip_prefix(prefix)?.strip_prefix('/'));
        let plain = (prefix.is_none() || !self.force_prefix).then_some(name);
        let mut names = [bare, plain].into_iter().flatten();
        names.find(|name| unlisted.has(&self.provider, name))
    }

    fn offers_plain(&self, model: &Model) -> bool {
        !self.force_prefix
            || self
                .prefix
                .as_ref()
                .is_none_or(|prefix| *prefix == model.id)
    }
}

impl Model {
    /// What is sent for this model when the client asked with thinking suffix `suffix`.
    pub fn resolved<'a>(&'a self, suffix: Option<&'a str>) -> Resolved<'a> {
        let first = self.upstream.first().unwrap_or(&self.id);
        let (upstream, own) = name::split_configured(first);
        Resolved {
            model: self,
            upstream,
            thinking: own.or(suffix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backend_of_chatgpt_is_known_by_its_address() {
        for (base, expected) in [
            ("https://chatgpt.com/backend-api/codex", true),
            ("https://CHATGPT.com:443", true),
            ("https://eu.chatgpt.com/x", true),
            ("https://chat.openai.com/backend-api/codex", true),
            ("http://127.0.0.1:1/backend-api/codex", true),
            ("https://user:word@chatgpt.com/", true),
            ("https://api.openai.com/v1", false),
            ("https://chatgpt.com.example/v1", false),
            ("https://notchatgpt.com/v1", false),
            ("https://proxy/v1?to=/backend-api/", false),
            ("https://proxy/my-backend-api/v1", false),
            ("", false),
        ] {
            assert_eq!(is_chatgpt(base), expected, "{base}");
        }
    }
}
