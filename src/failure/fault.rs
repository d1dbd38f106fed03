//! What a failure means for the credential: its class, its scope and its duration.

use std::time::Duration;

/// The class of a failure. Later classes are more severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// The client disconnected.
    ClientGone,
    /// The request is at fault and would fail with every credential.
    Request,
    /// The failure says nothing about the credential.
    Neutral,
    /// The upstream, or the connection to it, has a temporary failure.
    Transient,
    /// The upstream answered with a browser challenge.
    Challenge,
    /// The model is at capacity for all customers.
    Capacity,
    /// The credential's quota or rate limit is exhausted.
    Quota,
    /// The credential does not have the model.
    Model,
    /// The credential lacks a permission.
    Permission,
    /// The account lacks payment.
    Payment,
    /// The credential is invalid.
    Credential,
}

/// What a failure blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Model,
    Credential,
}

/// How long a failure blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Not at all.
    None,
    /// A fixed time.
    Fixed(Duration),
    /// A time that doubles with each failure until a success. Steps above `last` become `beyond`.
    Ladder {
        first: Duration,
        last: Duration,
        beyond: Duration,
    },
    /// The time given by the upstream.
    Hint(Duration),
    /// Until the credential's configuration changes.
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

/// 30 minutes, for failures that an operator has to fix.
const HALF_HOUR: Pause = Pause::Fixed(seconds(30 * 60));
/// The backoff for an exhausted quota without a retry time: doubling from a second, then half-hourly.
pub(super) const QUOTA_LADDER: Pause = Pause::Ladder {
    first: seconds(1),
    last: seconds(1024),
    beyond: seconds(1800),
};

impl Class {
    const ALL: [Self; 11] = [
        Self::ClientGone,
        Self::Request,
        Self::Neutral,
        Self::Transient,
        Self::Challenge,
        Self::Capacity,
        Self::Quota,
        Self::Model,
        Self::Permission,
        Self::Payment,
        Self::Credential,
    ];

    /// The class of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// Its name in logs and messages.
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

    /// Whether a session leaves the credential for good, because only an operator can fix the failure.
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Credential | Self::Payment | Self::Permission | Self::Model
        )
    }

    /// Whether a credential with this failure is still tried when no other is left.
    pub fn is_soft(self) -> bool {
        matches!(self, Self::Transient | Self::Challenge | Self::Capacity)
    }

    /// Whether retrying with the same credential in the same request can succeed.
    pub fn may_pass(self) -> bool {
        self.is_soft() || matches!(self, Self::Quota | Self::Permission)
    }

    /// The default scope and duration of this class.
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
