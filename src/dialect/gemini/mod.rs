//! What is Gemini's own.

pub mod schema;
