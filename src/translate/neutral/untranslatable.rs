//! Requests that cannot be translated: the error, and the limits of what is translated.

/// Messages that a conversation may have. Each costs a model at least four tokens; no model takes half as many.
pub const MOST_TURNS: usize = 400_000;

/// Parts that one message may have. Vendors take a few hundred.
pub const MOST_PARTS: usize = 50_000;

/// The longest text that is parsed into a tree where that cannot be avoided, in bytes. The tree takes about twenty
/// times as much; no vendor takes a schema of a quarter of it.
pub const MOST_TREE: usize = 512 * 1024;

/// What a client is told of a larger one.
pub const TOO_LARGE: &str = "is larger than 512 KiB, which cannot be translated";

/// A request that cannot be expressed in the upstream's dialect; the client gets a 400 with the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untranslatable {
    /// The place in the client's body, like `messages[2].content[0]`; empty for the whole body.
    pub path: String,
    pub why: String,
    /// The vendor's error code, where clients react to it.
    pub code: Option<&'static str>,
}

impl Untranslatable {
    pub fn new(path: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            why: why.into(),
            code: None,
        }
    }
}

impl std::fmt::Display for Untranslatable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.why),
            path => write!(f, "{path}: {}", self.why),
        }
    }
}

impl std::error::Error for Untranslatable {}

/// The error for more elements than are translated.
pub fn too_many(what: &str, most: usize) -> Untranslatable {
    Untranslatable::new(what, format!("has more than {most} elements"))
}
