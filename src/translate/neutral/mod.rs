//! The neutral form: each dialect is read into it and written from it, and knows no other dialect.
//!
//! It covers what every dialect can express. What only one vendor has is left out when a request is translated; what
//! would change the meaning if left out is refused ([`Untranslatable`]). The reasoning effort is not part of it; see
//! `crate::reasoning`.

pub mod answer;
pub mod capabilities;
pub mod estimate;
pub mod event;
pub mod hosted;
pub mod ids;
mod json_body;
mod json_list;
pub mod json_text;
pub mod lazy;
pub mod media;
mod members;
pub mod names;
pub mod part;
pub mod parts;
pub mod place;
pub mod prefill;
pub mod repair;
pub mod request;
pub mod schema;
pub mod search;
pub mod signature;
pub mod turn;
pub mod untranslatable;

pub use event::{BlockId, Event, Finish};
pub use hosted::Hosted;
pub use json_body::{JsonBody, Wrap};
pub use json_list::{Item, JsonList};
pub use json_text::Json;
pub use lazy::{LazyList, LazyObject, LazyValue};
pub use part::{Cache, Part, Role, Source, Text, ToolCall, ToolResult};
pub use request::{Google, Grammar, ImageShape, Output, Request, Sampling, Tier, Tool, ToolChoice};
pub use search::WebSearch;
pub use signature::{Family, Signature};
pub use turn::{Parts, Turn};
pub use untranslatable::Untranslatable;
