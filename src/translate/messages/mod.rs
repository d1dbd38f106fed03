//! Anthropic Messages.

pub mod answer;
mod marks;
mod output_schema;
pub mod read;
pub mod read_answer;
pub mod tool_loop;
pub mod write;
pub mod write_answer;
mod write_blocks;
mod write_tools;
