//! Who is talking, and which credential holds their conversation.

pub mod bindings;
pub mod decision;
pub mod identity;
mod load;
pub mod name;
pub mod names;
pub mod prefix;
pub mod scan;
pub mod shares;
mod signals;
pub mod signature_store;
pub mod store;
pub mod texts;
