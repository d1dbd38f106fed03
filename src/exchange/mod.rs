//! A request and its client: the [`Request`], the decision by its [`Head`], the [`Client`], and waiting for an upstream and
//! the client at the same time ([`Waiter`]).

mod client;
mod request;
#[cfg(test)]
pub mod test_client;
mod waiter;

pub use client::{Client, Gone, Writer, ZERO};
pub use request::{Admission, Head, Headers, Request};
pub use waiter::{Interruption, KeepAliveTask, Waiter};
