//! Request heads and the gateway's own answers: routes, client authentication, CORS, replies, lists of models.

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
