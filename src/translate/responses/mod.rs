//! OpenAI Responses.

pub mod echo;
pub mod envelope;
pub mod failure;
mod items;
pub mod read;
pub mod read_answer;
mod read_item;
mod read_items;
mod read_output;
mod read_tool;
pub mod whole;
pub mod write;
pub mod write_answer;
