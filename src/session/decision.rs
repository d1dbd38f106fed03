//! How a request came to its credential.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing identifies the session, or affinity is off.
    Unbound,
    /// First request of a session.
    New,
    /// The session's own credential.
    Sticky,
    /// The session's credential cannot be used for the moment; a standby answers.
    Failover,
    /// Back on the session's own credential.
    Returned,
    /// The session's credential is lost to it; this is its new one.
    Moved,
}

impl Decision {
    pub fn name(self) -> &'static str {
        match self {
            Self::Unbound => "unbound",
            Self::New => "new",
            Self::Sticky => "sticky",
            Self::Failover => "failover",
            Self::Returned => "returned",
            Self::Moved => "moved",
        }
    }
}
