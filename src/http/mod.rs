//! What is decided by the head of a request, and how answers that are ours are written: routes, client keys, CORS,
//! replies, lists of models.

pub mod admission;
pub mod anonymous;
pub mod client_key;
pub mod cors;
pub mod fixed;
pub mod head;
pub mod models;
pub mod passthrough;
pub mod query;
pub mod reply;
pub mod route;
