//! The log of one request: a file with the client's request, the upstream calls and the response.
//!
//! What goes into it is buffered while the request runs: the response by a [`Tee`] before the client, the upstream
//! calls through [`upstream`] on the thread of the request. [`write()`] makes the file when the request is over.

mod buffer;
mod current;
mod policy;
mod sections;
mod tee;
pub mod upstream;
mod upstream_log;
mod writer;

pub use current::{CurrentRequest, enter, id};
pub use policy::Policy;
pub use tee::{CapturedResponse, ResponseCapture, Tee};
pub use upstream_log::CallIdentity;
pub use writer::{LoggedRequest, RequestBody, write};
