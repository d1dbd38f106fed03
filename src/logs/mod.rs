//! What is written about requests, and where to (`spec/config.md` 6.1 to 6.3).
//!
//! Two things, which have only the folder in common. The [`Journal`] is the log of the program, and belongs to
//! it: whoever embeds the gateway has a logger of their own. The log of a request belongs to the gateway: it is
//! kept while the request runs ([`Tee`], [`upstream`]) and becomes a file when it is over ([`record`]).
//!
//! No secret is written: headers and URLs are masked by name ([`mask`]), and whatever a request has shown or
//! was shown is taken out of everything else ([`crate::redaction`]).

mod complaint;
pub mod current;
mod files;
mod folder;
mod journal;
mod keep;
pub mod line;
pub mod mask;
mod per_second;
pub mod record;
pub mod request_id;
mod rotated;
mod sections;
mod spool;
mod stderr;
mod tee;
pub mod upstream;
mod writer;

pub use folder::{Surroundings, folder, prune};
pub use journal::Journal;
pub use keep::Keep;
pub use per_second::PerSecond;
pub use tee::{Seen, Sent, Tee};
