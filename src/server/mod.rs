//! tiny_http behind its lanes: routes, client keys, bodies, replies.

pub mod client_key;
pub mod cors;
pub mod decoding;
pub mod fixed;
pub mod head;
pub mod lane;
pub mod models;
pub mod passthrough;
pub mod query;
pub mod request_id;
pub mod route;
