//! The configuration file: schema, defaults, problems with line numbers, secrets.

pub mod secret;

pub use secret::Secret;
