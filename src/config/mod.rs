//! The configuration file: its keys, defaults, problems with positions, secrets.
//!
//! A file is read in steps. `yaml` makes a tree with the position of every value. `check` compares its keys with the
//! table of [`keys`]. `read` turns it into a [`Config`] and notes every problem on the way. Other modules see only the
//! [`Config`], in which all values are normalised and checked.

mod changes;
mod check;
mod client_keys;
mod credentials;
mod effective;
mod error_rule;
mod expand;
mod file;
mod hashing;
mod json_schema;
pub mod keys;
mod problem;
mod quantity;
mod read;
mod reader;
mod scalars;
pub mod secret;
mod settings;
mod show;
mod url;
mod word;
mod yaml;

pub use changes::{Difference, RestartKeys, changes, unimplemented};
pub use client_keys::ClientKeys;
pub use credentials::{
    Common, CompatEntry, CompatKey, HeaderValueSource, KeyEntry, ModelRow, Thinking, Tuning,
};
pub use effective::render as effective;
pub use error_rule::{ErrorAction, ErrorRule, Pattern};
pub use expand::Lookup;
pub use file::{Loaded, load, load_with, read, read_with};
pub use hashing::{Rewrite, hash_management_key};
pub use json_schema::render as json_schema;
pub use problem::{Place, Problem, Severity};
pub use secret::Secret;
pub use settings::{
    AffinityMode, Amp, AmpKey, AmpMapping, CHANNELS, CodexDefaults, Config, FollowedLogin, Google,
    HeaderDefault, Limits, LogFormat, Logs, Management, OauthAlias, OauthClient, OauthExclusion,
    PerChannel, Routing, Strategy, Tls, UsageStatistics, VENDOR_PROGRAMS,
};
pub use url::{ProxySetting, ProxyUrl, base as base_url};
