//! holdfast: a gateway for language-model APIs that keeps every conversation on the credential that
//! already holds its prompt cache.

pub mod config;
pub mod credential;
#[cfg(feature = "demo")]
pub mod demo;
pub mod dialect;
pub mod edge;
pub mod json;
pub mod provider;
pub mod relay;
pub mod routing;
pub mod server;
pub mod session;
pub mod sse;
