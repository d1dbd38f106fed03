//! OpenAI Chat Completions.

pub mod completions;
pub mod read;
pub mod read_answer;
pub mod write;
pub mod write_answer;
