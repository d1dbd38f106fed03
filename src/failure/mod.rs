//! How calls of upstreams fail, and what that says about the credential they were made with.

mod classify;
mod failed_call;
mod fault;
mod headers;
mod hint;
mod windows;

pub use classify::classify;
pub use failed_call::{ERROR_BODY, Failure, FailureKind, kind_of, retry_after};
pub use fault::{Class, Fault, Pause, Scope};
pub use headers::Headers;
pub use windows::Windows;
