//! What a failure says about the credential it came from: its class, how much of the credential it concerns, and for
//! how long.

use std::time::Duration;

/// What kind of failure it is, and with it who is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Nobody is left to answer to.
    ClientGone,
    /// The request would fail with every credential.
    Request,
    /// Says nothing about the credential.
    Neutral,
    /// The upstream, or the way to it, is ill for the moment.
    Transient,
    /// A page for browsers stands in the way.
    Challenge,
    /// The model is out of room for everybody.
    Capacity,
    /// The credential has used up what it may.
    Quota,
    /// The model is not there for this credential.
    Model,
    /// The credential may not do this.
    Permission,
    /// The account has not paid.
    Payment,
    /// The credential is not accepted.
    Credential,
}

/// How much of a credential a failure concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Model,
    Credential,
}

/// For how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Not at all.
    None,
    /// Always the same.
    Fixed(Duration),
    /// Doubling from failure to failure until a success; `beyond` follows the last step of at most `last`.
    Ladder {
        first: Duration,
        last: Duration,
        beyond: Duration,
    },
    /// What the upstream says.
    Hint(Duration),
    /// Until the credential is another one.
    UntilChanged,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub class: Class,
    pub scope: Scope,
    pub pause: Pause,
}

pub(super) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) const fn doubling(first: u64, last: u64) -> Pause {
    Pause::Ladder {
        first: seconds(first),
        last: seconds(last),
        beyond: seconds(last),
    }
}

/// 30 minutes, for what somebody has to mend by hand.
const HALF_HOUR: Pause = Pause::Fixed(seconds(30 * 60));
/// spec/routing.md 5.3.
pub(super) const QUOTA_LADDER: Pause = Pause::Ladder {
    first: seconds(1),
    last: seconds(1024),
    beyond: seconds(1800),
};

impl Class {
    /// The word for it in logs and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientGone => "client gone",
            Self::Request => "request",
            Self::Neutral => "neutral",
            Self::Transient => "transient",
            Self::Challenge => "challenge",
            Self::Capacity => "capacity",
            Self::Quota => "quota",
            Self::Model => "model",
            Self::Permission => "permission",
            Self::Payment => "payment",
            Self::Credential => "credential",
        }
    }

    /// Whether another credential may succeed.
    pub fn moves_on(self) -> bool {
        !matches!(self, Self::ClientGone | Self::Request)
    }

    /// Whether the conversation has no reason to come back to this credential (spec/routing.md 7.2).
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Credential | Self::Payment | Self::Permission | Self::Model
        )
    }

    /// Whether a block of this class is passed over when there is nothing better (spec/routing.md D 28).
    pub fn is_soft(self) -> bool {
        matches!(self, Self::Transient | Self::Challenge | Self::Capacity)
    }

    /// Whether trying the same credential again in the same request can help (spec/routing.md 7.8).
    pub fn may_pass(self) -> bool {
        self.is_soft() || matches!(self, Self::Quota | Self::Permission)
    }

    /// How long a failure of this class usually keeps a credential away.
    pub(super) fn usual(self) -> Fault {
        let (scope, pause) = match self {
            Self::ClientGone | Self::Request | Self::Neutral => (Scope::Model, Pause::None),
            Self::Transient | Self::Capacity => (Scope::Model, Pause::Fixed(seconds(60))),
            Self::Challenge => (Scope::Model, doubling(10, 1800)),
            Self::Quota => (Scope::Model, QUOTA_LADDER),
            Self::Model => (Scope::Model, doubling(10 * 60, 12 * 3600)),
            Self::Permission => (Scope::Model, HALF_HOUR),
            Self::Payment | Self::Credential => (Scope::Credential, HALF_HOUR),
        };
        Fault {
            class: self,
            scope,
            pause,
        }
    }
}

impl Fault {
    pub(super) fn hinted(self, hint: Option<Duration>) -> Self {
        Self {
            pause: hint.map_or(self.pause, Pause::Hint),
            ..self
        }
    }

    pub(super) fn until_changed(self) -> Self {
        Self {
            pause: Pause::UntilChanged,
            ..self
        }
    }

    pub(super) fn paused(self, pause: Pause) -> Self {
        Self { pause, ..self }
    }

    pub(super) fn whole_credential(self) -> Self {
        Self {
            scope: Scope::Credential,
            ..self
        }
    }
}
