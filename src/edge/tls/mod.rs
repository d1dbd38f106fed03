//! TLS on clients' connections: what the edge proves itself with, and the session of a connection.

mod identity;
mod session;
mod validity;

pub use identity::{Identity, IdentityError};
pub(super) use session::Session;
pub use validity::is_valid_at;
