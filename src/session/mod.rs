//! Who is talking, and which credential holds their conversation.

pub mod bindings;
pub mod identity;
pub mod scan;
pub mod texts;
