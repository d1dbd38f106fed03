//! The names under which sessions are kept: digests, so that no id of a client is stored.

use ring::digest;

/// A client, by a digest of its key. What it holds is counted under it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Client(pub(super) u64);

impl Client {
    /// Whose the sessions are of which an older file does not say it.
    pub const UNKNOWN: Self = Self(u64::MAX);

    /// `key` is empty for anonymous clients, who are all one.
    pub fn new(key: &str) -> Self {
        if key.is_empty() {
            return Self::default();
        }
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"client");
        context.update(key.as_bytes());
        let mut number = [0; 8];
        for (byte, digest) in number.iter_mut().zip(context.finish().as_ref()) {
            *byte = *digest;
        }
        Self(u64::from_le_bytes(number))
    }
}

/// A session as one client names it, for one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(pub(super) [u8; 16]);

impl Name {
    /// `client` is empty for anonymous clients; `model` is the base name asked for.
    pub fn new(client: &str, session: &str, model: &str) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [client, session, model] {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part.as_bytes());
        }
        let mut name = [0; 16];
        for (byte, digest) in name.iter_mut().zip(context.finish().as_ref()) {
            *byte = *digest;
        }
        Self(name)
    }

    /// The name of a conversation's beginning, whose hash is `prefix`, within what `self` stands for.
    pub fn of_prefix(self, prefix: u64) -> Self {
        let mut name = self.0;
        for (byte, hash) in name.iter_mut().skip(8).zip(prefix.to_le_bytes()) {
            *byte = hash;
        }
        Self(name)
    }

    /// The hash that [`Name::of_prefix`] was given.
    pub(super) fn prefix(self) -> u64 {
        let mut hash = [0; 8];
        for (byte, name) in hash.iter_mut().zip(self.0.iter().skip(8)) {
            *byte = *name;
        }
        u64::from_le_bytes(hash)
    }
}

/// What a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A name, or a beginning within a request.
    Plain,
    /// The end of a request.
    End,
    /// The end of the latest request.
    Tip,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_and_models_do_not_share_sessions() {
        assert_ne!(Name::new("a", "s", "m"), Name::new("b", "s", "m"));
        assert_ne!(Name::new("", "s", "m"), Name::new("", "s", "n"));
        assert_ne!(Name::new("", "sm", ""), Name::new("", "s", "m"));
        let (a, b) = (Name::new("a", "", "m"), Name::new("b", "", "m"));
        assert_ne!(a.of_prefix(7), b.of_prefix(7));
        assert_ne!(a.of_prefix(7), a.of_prefix(8));
        assert_eq!(a.of_prefix(7), a.of_prefix(7));
    }
}
