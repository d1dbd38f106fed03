//! The whole gateway over real sockets, in front of the embedded upstreams.

mod client;
mod crossing;
mod failures;
mod harness;
mod library;
mod models;
mod network;
mod passthrough;
mod routes;
mod routing;
mod sessions;
mod streams;
