//! The OAuth side of the channels of credential files: clients, endpoints and tokens (RFC 6749).

mod client;
mod endpoints;
mod refresh;
mod token;

pub use client::{BUILT_IN, Client};
pub use endpoints::Endpoints;
pub use refresh::{Renewal, Renewed, refresh, urlencoded};
pub use token::{Refusal, TokenAnswer, read};
