//! Gemini `generateContent` and its siblings.

mod grounding;
pub mod read;
pub mod read_answer;
pub mod schema;
pub mod write;
pub mod write_answer;
