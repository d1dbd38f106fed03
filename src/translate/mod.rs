//! Translation between dialects: requests on their way to an upstream, answers on their way back. No I/O.
//!
//! A request is read into the neutral form and written from it; an answer is read event by event, and each event is
//! written at once.

mod answer_reader;
mod answer_writer;
mod arguments;
pub mod chat;
mod content_parts;
mod context;
pub mod gemini;
mod input;
pub mod messages;
pub mod neutral;
mod openai;
mod request;
#[allow(
    clippy::indexing_slicing,
    reason = "Only members of objects that are made there are set"
)]
pub mod responses;
pub mod signature_cache;
mod stream;
mod token_count;
mod tool_choice;
mod whole;

pub use chat::write::ChatQuirks;
pub use context::TranslationContext;
pub use input::{Form, TranslationInput};
pub use openai::CustomTools;
pub use request::{Translated, memory_needed, request, request_with};
pub use stream::{State, Stream};
pub use token_count::{count_answer, counted, estimated_tokens, to_count};
pub use whole::{Gathered, whole};
