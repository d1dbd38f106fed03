//! TLS on clients' connections: the certificate and the sessions.

mod identity;
mod session;
mod validity;

pub use identity::{Identity, IdentityError};
pub(super) use session::Session;
pub use validity::is_valid_at;
