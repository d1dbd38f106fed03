//! A credential: the upstream, the key and the models.

use std::borrow::Cow;
use std::sync::Arc;

use super::account::Account;
use super::model::Model;
use super::name;
use super::provider::{Provider, is_chatgpt};
use super::unlisted::Unlisted;
use super::upstream_kind::UpstreamKind;
use crate::config::{ErrorRule, HeaderValueSource, ProxySetting, Secret};
use crate::wire::Dialect;

/// A credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Stable across reloads and restarts; may be shown.
    pub id: String,
    pub provider: Provider,
    /// Its label for operators: `claude-apikey`, or the name of a provider.
    pub label: String,
    /// Its source, as shown to operators.
    pub source: String,
    /// Its id in statistics and in CLIProxyAPI's management API.
    pub auth_index: String,
    /// `None`: requests have no key, or their key is the token of a file.
    pub key: Option<Secret>,
    /// Set if it is a credential file.
    pub account: Option<Account>,
    /// Without a trailing slash.
    pub base_url: String,
    pub prefix: Option<String>,
    /// Whether models are offered only with the prefix.
    pub force_prefix: bool,
    /// Additional headers; each replaces a header of the same name.
    pub headers: Vec<(String, HeaderValueSource)>,
    pub proxy: ProxySetting,
    /// Higher is tried first.
    pub priority: i32,
    /// Whether failures do not block it; `None` for the global setting.
    pub disable_cooling: Option<bool>,
    /// The retry rounds in which it takes part; `None` for the global setting.
    pub request_retry: Option<u32>,
    /// Rules about errors of its upstream, the first of which counts.
    pub error_rules: Arc<[ErrorRule]>,
    /// Its share under `weighted-round-robin`; 0 for none.
    pub weight: u32,
    /// The models that it offers, shared by credentials with the same models.
    pub models: Arc<[Model]>,
    /// Set if the configuration lists no models: the vendor's list applies, and other names of the vendor's family are
    /// passed to it.
    pub unlisted: Option<Unlisted>,
}

/// A requested model name, resolved for one credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved<'a> {
    pub model: &'a Model,
    /// The upstream name, without a thinking suffix; the first of a pool.
    pub upstream: &'a str,
    /// The thinking suffix of the configured name, else of the client's.
    pub thinking: Option<&'a str>,
}

impl Credential {
    pub fn dialect(&self) -> Dialect {
        self.provider.dialect()
    }

    /// The dialect that its upstream is called in for clients of `client`.
    pub fn dialect_for(&self, client: Dialect) -> Dialect {
        UpstreamKind::for_client(&self.provider, client).dialect()
    }

    /// Whether its upstream stores responses, so that later requests can refer to them. Those with the Responses API
    /// do, except the backend of ChatGPT.
    pub fn keeps_answers(&self) -> bool {
        self.provider == Provider::Codex && !is_chatgpt(&self.base_url)
    }

    /// Its headers for a client that sent `client_headers`.
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

    /// Its account in statistics: the masked key, or the account of a file.
    pub fn account(&self) -> String {
        match (&self.account, &self.key) {
            (Some(_), _) => self.label.clone(),
            (None, Some(key)) => key.masked(),
            (None, None) => self.source.clone(),
        }
    }

    /// Where an operator finds it.
    pub fn place(&self, config_file: &str) -> String {
        match self.account {
            Some(_) => self.source.clone(),
            None => format!("{} in {config_file}", self.section()),
        }
    }

    /// Its section of the configuration.
    pub fn section(&self) -> Cow<'static, str> {
        match self.provider.section() {
            "openai-compatibility" => {
                Cow::Owned(format!("openai-compatibility, name {}", self.label))
            }
            section => Cow::Borrowed(section),
        }
    }

    /// Label and masked key, or the name of a file, for log lines.
    pub fn masked_id(&self) -> String {
        match (&self.account, &self.key) {
            (Some(_), _) => self.id.clone(),
            (None, Some(key)) => format!("{} {}", self.label, key.masked()),
            (None, None) => self.label.clone(),
        }
    }

    /// Every model id that clients can request from this credential, with its model.
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

    /// Resolves a requested model name: first without its thinking suffix, then as a whole, because an id may itself
    /// end in parentheses.
    pub fn resolve<'a>(&'a self, asked: &'a str) -> Option<Resolved<'a>> {
        let (base, suffix) = name::split(asked);
        let (model, suffix) = match self.find(base) {
            Some(model) => (model, suffix),
            None => (self.find(asked)?, None),
        };
        Some(model.resolved(suffix))
    }

    /// The model of a visible id. An exact match takes precedence over one that differs in case.
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

    /// Whether it serves no model, and its upstream's list cannot change that.
    pub fn is_without_models(&self) -> bool {
        let is_known = !matches!(self.provider, Provider::Compat { .. });
        self.models.is_empty() && (is_known || self.unlisted.is_none())
    }

    /// The upstream name for an unlisted model, without the prefix, if it may be passed to the vendor.
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
    /// The upstream name and thinking suffix for a client's suffix.
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
