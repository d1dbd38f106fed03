//! The tokens of credential files: which one a request uses, when they are renewed, and where they are kept.
//!
//! [`TokenStore`] has the tokens in memory. Renewals run on its own threads ([`pool`]), one at a time for each file, and
//! are written to the file before they are used. [`Folder`] notices what others change in the directory.

mod content;
mod folder;
mod followed;
mod holder;
mod in_flight;
mod inspection;
mod lock;
mod new_login;
mod pool;
mod refresh;
mod saving;
mod schedule;
mod stamp;
mod state;
mod store;

pub use folder::{Folder, Look};
pub use followed::Followed;
pub use holder::Issued;
pub use inspection::inspect;
pub use lock::FileLock;
pub use new_login::{Kept, keep};
pub use state::{Condition, FileState};
pub use store::{NewTokens, TokenStore};
