//! One request and its client, as the rooms between the socket and the upstream see them: the [`Request`], what is
//! decided about it by its [`Head`], the client's end of the connection ([`Client`]), and waiting for an upstream and
//! that client at once ([`Waiter`]).

mod client;
mod request;
mod waiter;

pub use client::{Client, Gone, Writer, ZERO};
pub use request::{Admission, Head, Headers, Request};
pub use waiter::{Interruption, KeepAliveTask, Waiter};
