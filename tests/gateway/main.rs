//! The whole gateway over real sockets, in front of the embedded upstreams.

mod client;
mod crossing;
mod dropped;
mod failures;
mod harness;
mod library;
mod passthrough;
mod routes;
mod routing;
mod sessions;
mod streams;
