//! tiny_http behind its lanes: routes, client keys, bodies, replies.

pub mod lane;
