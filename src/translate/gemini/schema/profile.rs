//! What the reader of a schema supports, and shared limits.

use serde_json::Value;

/// How deep schemas may be nested. Real ones stay below 20 levels.
pub const DEPTH: usize = 64;

/// The API that reads the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// The public API and Vertex, in `parametersJsonSchema` and `responseJsonSchema`.
    Public,
    /// The upstreams that wrap requests in an envelope, in `parameters` and `responseSchema`: an unknown keyword fails the
    /// request.
    Envelope {
        /// The model validates its calls, and needs each object to require a property.
        validated: bool,
    },
}

/// A literal as a string, where only strings are supported.
pub fn text(literal: &Value) -> String {
    match literal {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
