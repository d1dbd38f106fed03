//! Credentials for upstreams, and their models.
//!
//! A [`Credential`] is immutable. State such as its health is kept elsewhere, by its id.

mod account;
mod api_key;
mod catalog;
mod channel;
mod channel_models;
mod exclusion;
pub mod file;
mod from_file;
mod id;
mod listing;
mod login;
mod model;
mod name;
mod presented;
mod provider;
mod unlisted;
mod upstream_kind;
mod vendor_file;

pub use account::Account;
pub use api_key::{exclusions, from_config, with_listings};
pub use channel::Channel;
pub use channel_models::ChannelModels;
pub use exclusion::Exclusion;
pub use from_file::from_files;
pub use listing::{Listed, Listings};
pub use login::{GOOGLE_SCOPES, IssuedTo, Login};
pub use model::Model;
pub use name::{split as split_thinking, split_configured};
pub use presented::{Credential, Resolved};
pub use provider::{Provider, is_chatgpt};
pub use unlisted::{Unlisted, families, vendor_of};
pub use upstream_kind::UpstreamKind;
pub use vendor_file::{NoLogin, VendorProgram};

pub use crate::config::{HeaderValueSource, ProxySetting};
