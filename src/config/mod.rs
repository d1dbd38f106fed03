//! The configuration file: schema, defaults, problems with line numbers, secrets.
//!
//! A file is read in two steps. `yaml` makes a tree that knows the place of everything; the readers
//! turn it into a [`Config`], noting every problem on the way. Everything outside this room sees only
//! the [`Config`], in which all values are normalised and checked.

mod amp;
mod authorities;
mod changes;
mod client_keys;
mod defaults;
mod disguise;
mod effective;
mod entries;
mod expand;
mod file;
mod google;
mod hashing;
mod headers;
mod json_schema;
mod key_check;
pub mod keys;
mod limits;
mod listen;
mod logs;
mod management;
mod oauth;
mod paths;
mod payload;
mod pending;
mod problem;
mod quantity;
mod reader;
mod routing;
mod schema;
pub mod secret;
mod secret_file;
mod thinking;
mod top;
mod url;
mod yaml;

pub use amp::{Amp, AmpKey, AmpMapping};
pub use changes::{Change, changes, idle};
pub use client_keys::ClientKeys;
pub use defaults::{CodexDefaults, HeaderDefault};
pub use effective::render as effective;
pub use entries::{Common, CompatEntry, CompatKey, KeyEntry, ModelRow, Tuning};
pub use expand::Lookup;
pub use file::{Loaded, load, load_with, read, read_with};
pub use google::Google;
pub use hashing::{Rewrite, hash_management_key};
pub use headers::HeaderValueSource;
pub use json_schema::render as json_schema;
pub use limits::Limits;
pub use listen::Tls;
pub use logs::{LogFormat, Logs, UsageStatistics};
pub use management::Management;
pub use oauth::{CHANNELS, OauthAlias, OauthExclusion, PerChannel};
pub use problem::{Place, Problem, Severity};
pub use routing::{AffinityMode, Routing, Strategy};
pub use schema::Config;
pub use secret::Secret;
pub use thinking::Thinking;
pub use url::{ProxySetting, ProxyUrl};
