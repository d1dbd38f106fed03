//! JSON Schemas made fit for Gemini, and arguments made fit for the client's schema again (spec/dialects.md
//! 1.9).
//!
//! A schema is read node by node: each becomes a `Draft`, which has a place for what Gemini
//! understands and for nothing else, and is written from there. So no unknown keyword can slip through, what
//! stands in a literal is never taken for a schema, and a property may have any name.
//!
//! Cleaning is total and idempotent. What is deeper than `DEPTH` loses what it holds, and references are put
//! in up to `EXPANSION` bytes; the rest costs time in proportion to the schema.

mod cleaner;
mod draft;
mod fields;
#[cfg(test)]
mod laws;
mod node;
mod reference;
mod restore;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use self::cleaner::Cleaner;
pub use self::restore::restore;

/// How deep schemas may stand in each other. Ours: real ones stay under 20.
const DEPTH: usize = 64;

/// How many bytes of schema may be put in for references; a chain of definitions that name the next one twice
/// doubles with each link. Ours: real ones stay under 100 KiB.
const EXPANSION: usize = 512 * 1024;

/// Stands in an object without properties, which models in validated mode do not call.
const REASON: &str = "reason";
const REASON_DESCRIPTION: &str = "Brief explanation of why you are calling this tool";
/// Stands in a nested object that requires none of its properties, for the same reason.
const BLANK: &str = "_";

/// Who reads the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// The public API and Vertex, in `parametersJsonSchema` and `responseJsonSchema`.
    Public,
    /// The envelope upstreams, in `parameters` and `responseSchema`: an unknown keyword fails the request.
    Envelope {
        /// Whether the model checks its calls, and needs each object to require something.
        validated: bool,
    },
}

/// `schema` with what Gemini understands; what it does not is said in descriptions.
pub fn clean(schema: &Value, profile: Profile) -> Value {
    Cleaner::new(schema, profile).clean()
}

/// The text that stands for a literal where only text may stand.
fn text(literal: &Value) -> String {
    match literal {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn reason() -> Value {
    Value::Object(Map::from_iter([
        ("type".to_owned(), "string".into()),
        ("description".to_owned(), REASON_DESCRIPTION.into()),
    ]))
}

fn blank() -> Value {
    Value::Object(Map::from_iter([("type".to_owned(), "boolean".into())]))
}
