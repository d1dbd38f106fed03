//! The OAuth side of the channels of credential files: clients, endpoints, sign-ins and tokens (RFC 6749).

mod account;
mod callback;
mod client;
mod code;
pub mod cookie;
mod device;
mod endpoints;
mod refresh;
mod service;
mod token;

pub use account::projects;
pub use callback::{BadCallback, Callback};
pub use client::{BUILT_IN, Client};
pub use code::{SignIn, callback, has_fixed_port};
pub use device::{Consent, DeviceSignIn};
pub use endpoints::Endpoints;
pub use refresh::{Renewal, Renewed, refresh, urlencoded};
pub use service::Service;
pub use token::{Refusal, TokenAnswer, read};
