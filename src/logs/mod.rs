//! The log of the program, and the logs of requests.
//!
//! They share only the folder. The [`Logger`] belongs to the program: an embedder has its own logger. A
//! [request log](request_log) belongs to the gateway.
//!
//! No secret is written: headers and URLs are masked by name ([`mask`]), and the secrets of a request and its upstream
//! calls are taken out of everything else ([`crate::redaction`]).

mod files;
mod folder;
pub mod line;
mod logger;
pub mod mask;
mod per_second;
pub mod request_id;
pub mod request_log;
mod rotated;
mod stderr;
mod warn_once;
mod writer;

pub use folder::{Surroundings, folder, prune};
pub use logger::Logger;
pub use per_second::PerSecond;
