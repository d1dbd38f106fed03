//! JSON Schemas of tools.

mod normalize;
mod references;
mod root;
mod shape;

pub use normalize::{normalized, of_text, text_description};
pub use root::{most_tree, object};
