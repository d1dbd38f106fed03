//! Converts JSON Schemas to the subset that Gemini supports, and arguments back to the client's schema.
//!
//! A schema is read node by node. Each node becomes a `Draft`, which has fields only for what Gemini supports, and is
//! written from there. So no unknown keyword is passed on, a literal is never taken for a schema, and a property may have
//! any name.
//!
//! Cleaning never fails and is idempotent. Below `DEPTH` levels, the content of a schema is dropped; references are
//! expanded up to `EXPANSION` bytes. The remaining work is linear in the size of the schema.

mod cleaner;
mod draft;
mod fields;
mod node;
mod profile;
#[cfg(test)]
mod properties;
mod reference;
mod restore;
#[cfg(test)]
mod tests;

pub use cleaner::clean;
pub use profile::Profile;
pub use restore::restore;
