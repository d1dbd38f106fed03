//! One request and its client, as the rooms between the socket and the upstream see them: the client's end of
//! the connection ([`Client`]), and waiting for an upstream and that client at once ([`Waiter`]).

mod client;
mod waiter;

pub use client::{Client, Gone};
pub use waiter::{Interruption, KeepAliveTask, Waiter};
