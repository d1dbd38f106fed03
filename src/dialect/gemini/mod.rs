//! Gemini `generateContent` and its siblings.

pub mod read;
pub mod read_answer;
pub mod schema;
pub mod write;
pub mod write_answer;
