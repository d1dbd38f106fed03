//! Anthropic Messages.

pub mod marks;
pub mod read;
pub mod read_answer;
pub mod tool_loop;
pub mod write;
pub mod write_answer;
