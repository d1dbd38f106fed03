//! Gemini `generateContent` and its siblings.

mod grounding;
mod partial_call;
pub mod read;
pub mod read_answer;
pub mod schema;
pub mod write;
pub mod write_answer;
