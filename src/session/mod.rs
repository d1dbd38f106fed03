//! Who is talking, and which credential holds their conversation.

pub mod bindings;
