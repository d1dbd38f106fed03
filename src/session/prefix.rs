//! The beginnings of a conversation: a hash for each message at which the next request may still agree with
//! this one.
//!
//! Only what means something is hashed: clients mark other messages for the cache with every request, write a
//! text now as a string and now as a part, and some put a line into the system prompt that changes each time.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The line with which Claude Code begins its system prompt; it differs from request to request.
const BILLING_LINE: &str = "x-anthropic-billing-header:";

/// The conversation up to one of its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beginning {
    pub hash: u64,
    /// Bytes up to here, as a measure of what a cache saves.
    pub size: u64,
}

/// All beginnings of a conversation, the shortest first. The shortest ends with the first message that is not
/// the system's: what many conversations have in common makes none of them another's beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefix(Vec<Beginning>);

impl Prefix {
    /// Of beginnings that are known already, the shortest first.
    pub fn of(beginnings: Vec<Beginning>) -> Self {
        Self(beginnings)
    }

    pub fn beginnings(&self) -> &[Beginning] {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What one message, or the system prompt, says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    hash: u64,
    size: u64,
}

impl Digest {
    pub fn add(&mut self, bytes: &[u8]) {
        self.hash = xxh3_64_with_seed(bytes, self.hash);
        self.size += bytes.len() as u64;
    }

    /// Adds a text of a prompt, as it stands between its quotes.
    pub fn add_text(&mut self, text: &str) {
        let text = match text.starts_with(BILLING_LINE) {
            false => text,
            true => match text.split_once("\\n") {
                Some((_, rest)) => rest,
                None => return,
            },
        };
        self.add(text.as_bytes());
    }

    /// Adds what something within it says.
    pub fn join(&mut self, other: Digest) {
        self.hash = xxh3_64_with_seed(&other.hash.to_le_bytes(), self.hash);
        self.size += other.size;
    }

    pub fn is_empty(&self) -> bool {
        self.size == 0
    }
}

/// The parts of a request of which its beginnings are made.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    /// What stands outside of the messages, wherever this dialect puts it.
    pub system: Digest,
    messages: Vec<(bool, Digest)>,
}

impl Turns {
    pub fn push(&mut self, is_system: bool, message: Digest) {
        self.messages.push((is_system, message));
    }

    pub fn prefix(&self) -> Prefix {
        let leading = |message: &&(bool, Digest)| message.0;
        let mut so_far = self.system;
        let leading = self.messages.iter().take_while(leading).count();
        let mut beginnings = Vec::with_capacity(self.messages.len() - leading);
        for (index, (_, message)) in self.messages.iter().enumerate() {
            so_far.join(*message);
            if index >= leading {
                beginnings.push(Beginning {
                    hash: so_far.hash,
                    size: so_far.size,
                });
            }
        }
        Prefix::of(beginnings)
    }
}
