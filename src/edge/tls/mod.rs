//! TLS, terminated in the event loop: what the edge proves itself with, the protocol, and a stream that may
//! have it or not.

mod identity;
mod session;
mod stream;

pub use identity::{Identity, IdentityError};
pub(super) use session::Session;
pub(super) use stream::Stream;
