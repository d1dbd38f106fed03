//! Failures of upstream calls, and their meaning for the credential.

mod classify;
mod failed_call;
mod fault;
mod headers;
mod hint;
mod verdict;
mod windows;

pub use classify::{AntigravityLimit, classify};
pub use failed_call::{ERROR_BODY, Failure, FailureKind, kind_of, retry_after};
pub use fault::{Class, Fault, Pause, Scope};
pub use headers::Headers;
pub use verdict::Verdict;
pub use windows::Windows;
