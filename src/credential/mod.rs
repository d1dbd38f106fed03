//! What is presented upstream, and for which models.
//!
//! A [`Credential`] is complete and does not change: whatever happens to it while requests run is kept
//! elsewhere, under its id.

mod api_key;
mod catalog;
mod channel;
mod exclusion;
mod id;
mod listing;
mod model;
mod name;
mod presented;
mod unlisted;
mod upstream_kind;

pub use crate::config::{HeaderValueSource, ProxySetting};
pub use api_key::{exclusions, from_config, with_listings};
pub use channel::Channel;
pub use exclusion::Exclusion;
pub use listing::{Listed, Listings};
pub use model::Model;
pub use name::{split as split_thinking, split_configured};
pub use presented::{Credential, Provider, Resolved, is_chatgpt};
pub use unlisted::{Unlisted, families, vendor_of};
pub use upstream_kind::UpstreamKind;
