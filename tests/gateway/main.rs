//! The whole gateway over real sockets, in front of the embedded upstreams.

mod client;
mod crossing;
mod failures;
mod harness;
mod library;
mod passthrough;
mod payload;
mod routes;
mod routing;
mod sessions;
mod streams;
