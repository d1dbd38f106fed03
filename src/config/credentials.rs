//! The blocks of API keys: who may be called, with what, for which models.

use super::error_rule::ErrorRule;
use super::problem::Place;
use super::secret::Secret;
use super::url::ProxySetting;

/// What all kinds of entries share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Common {
    /// Where the entry stands in the file.
    pub place: Place,
    /// Without a slash at the end; `None` for the provider's own.
    pub base_url: Option<String>,
    /// `prefix`: models are also offered as `prefix/model`.
    pub prefix: Option<String>,
    /// `headers`: added to every call.
    pub headers: Vec<(String, HeaderValueSource)>,
    /// `None`: not given, or empty.
    pub models: Option<Vec<ModelRow>>,
    /// Higher is tried first.
    pub priority: i32,
    /// Weight, cooldowns and the like.
    pub tuning: Tuning,
    /// `request-scoped-errors`.
    pub errors: Vec<ErrorRule>,
}

/// What a credential sets in place of the keys for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tuning {
    /// Whether failures cause no cooldown; `None` for what holds for all.
    pub disable_cooling: Option<bool>,
    /// Further rounds in which it takes part; `None` for what holds for all.
    pub request_retry: Option<u32>,
    /// Its share under `weighted-round-robin`; `None` for one, 0 for none at all.
    pub weight: Option<u32>,
}

impl Tuning {
    /// What holds for one of the keys of an entry with this tuning.
    pub fn refined(self, key: Self) -> Self {
        Self {
            disable_cooling: key.disable_cooling.or(self.disable_cooling),
            request_retry: key.request_retry.or(self.request_retry),
            weight: key.weight.or(self.weight),
        }
    }
}

/// One entry of `gemini-api-key`, `vertex-api-key`, `claude-api-key`, `codex-api-key` or `xai-api-key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEntry {
    /// What all kinds of entries have.
    pub common: Common,
    /// `api-key`.
    pub key: Secret,
    /// `proxy-url`.
    pub proxy: ProxySetting,
    /// Patterns in lower case, in which `*` stands for any text.
    pub excluded_models: Vec<String>,
    /// Codex: whether clients of WebSockets are served by them.
    pub websockets: bool,
}

/// One provider of `openai-compatibility`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompatEntry {
    /// What all kinds of entries have.
    pub common: Common,
    /// As written; compare in lower case.
    pub name: String,
    /// `base-url`.
    pub base_url: String,
    /// `None`: the provider is called without a key.
    pub keys: Option<Vec<CompatKey>>,
}

/// One of `api-key-entries`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompatKey {
    /// Where the key stands in the file.
    pub place: Place,
    /// `api-key`; `None` for upstreams without keys.
    pub key: Option<Secret>,
    /// `proxy-url`.
    pub proxy: ProxySetting,
    /// Weight, cooldowns and the like.
    pub tuning: Tuning,
    /// `request-scoped-errors`: rules that come before those of the provider.
    pub errors: Vec<ErrorRule>,
}

/// One row of `models`; at least one of `name` and `alias` is filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRow {
    /// Where the model stands in the file.
    pub place: Place,
    /// Sent upstream.
    pub name: String,
    /// Offered to clients.
    pub alias: String,
    /// `display-name`: shown in lists of models.
    pub display_name: Option<String>,
    /// Tokens.
    pub context: Option<u64>,
    /// How much the model can think; `None` if the row does not say.
    pub thinking: Option<Thinking>,
    /// Whether answers name the alias, whatever name was asked for.
    pub force_mapping: bool,
}

/// How much thinking an upstream can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thinking {
    /// Each of the known words once, in the order of the file.
    Levels(Vec<&'static str>),
    /// A number of tokens.
    Budget {
        /// Tokens.
        min: u32,
        /// Tokens.
        max: u32,
        /// Whether it can be none at all.
        zero: bool,
        /// Whether the model can choose it.
        dynamic: bool,
    },
}

/// Where the value of a configured header comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderValueSource {
    /// As configured. It may be a key, so it is kept like one.
    Literal(Secret),
    /// Written `$Name`: the value of the client's own header `Name`, and no header when it sent none.
    Client(String),
}
