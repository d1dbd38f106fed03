//! OpenAI Chat Completions.

pub mod completions;
pub mod read;
pub mod read_answer;
mod read_choice;
pub mod write;
pub mod write_answer;
mod write_tools;
