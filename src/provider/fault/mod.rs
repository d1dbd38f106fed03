//! What a failure says about the credential it came from: its class, how much of the credential it
//! concerns, and for how long (spec/routing.md 7.3 and 7.4, spec/providers.md 12).

mod anthropic;
mod general;
mod google;
pub mod hint;
mod openai;
mod windows;

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::failure::{Failure, FailureKind};
use super::headers::Headers;
use super::target::Kind;
pub use windows::Windows;

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

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn doubling(first: u64, last: u64) -> Pause {
    Pause::Ladder {
        first: seconds(first),
        last: seconds(last),
        beyond: seconds(last),
    }
}

/// 30 minutes, for what somebody has to mend by hand.
const HALF_HOUR: Pause = Pause::Fixed(seconds(30 * 60));
/// spec/routing.md 5.3.
const QUOTA_LADDER: Pause = Pause::Ladder {
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
    fn usual(self) -> Fault {
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
    /// What `failure` of an upstream of `kind`, asked for `model`, says.
    pub fn of(failure: &Failure, kind: Kind, model: &str, now: SystemTime) -> Self {
        match failure.kind {
            FailureKind::ClientGone => Class::ClientGone.usual(),
            // Another credential would not help, and this one has done nothing.
            FailureKind::Request | FailureKind::Memory => Class::Request.usual(),
            FailureKind::Unsupported => Class::Neutral.usual(),
            FailureKind::Connect | FailureKind::Timeout | FailureKind::Broken => {
                Class::Transient.usual()
            }
            FailureKind::Status => Refusal::new(failure, model, now).read(kind),
        }
    }

    fn hinted(self, hint: Option<Duration>) -> Self {
        Self {
            pause: hint.map_or(self.pause, Pause::Hint),
            ..self
        }
    }

    fn until_changed(self) -> Self {
        Self {
            pause: Pause::UntilChanged,
            ..self
        }
    }

    fn paused(self, pause: Pause) -> Self {
        Self { pause, ..self }
    }

    fn whole_credential(self) -> Self {
        Self {
            scope: Scope::Credential,
            ..self
        }
    }
}

/// An answer that is an error, taken apart.
struct Refusal<'a> {
    status: u16,
    headers: &'a Headers,
    /// In lower case, as far as it matters.
    text: String,
    json: Value,
    model: &'a str,
    /// What the headers that everybody has say.
    hint: Option<Duration>,
    now: SystemTime,
}

/// Bytes of an error's body in which words are looked for.
const TEXT: usize = 16 * 1024;

impl<'a> Refusal<'a> {
    fn new(failure: &'a Failure, model: &'a str, now: SystemTime) -> Self {
        let status = failure.status.unwrap_or(502);
        let start = failure.body.get(..TEXT).unwrap_or(&failure.body);
        let mut text = String::from_utf8_lossy(start).to_lowercase();
        if failure.body.is_empty() {
            text = failure.message.to_lowercase();
        }
        Self {
            status,
            headers: &failure.headers,
            text,
            json: serde_json::from_slice(&failure.body).unwrap_or_default(),
            model,
            hint: failure
                .retry_after
                .filter(|_| matches!(status, 429 | 503 | 529)),
            now,
        }
    }

    fn read(&self, kind: Kind) -> Fault {
        let special = match kind {
            Kind::Gemini | Kind::Vertex => self.google(),
            Kind::Claude => self.anthropic(),
            Kind::Codex => self.codex(),
            Kind::Compat => self.compatible(),
        };
        special.unwrap_or_else(|| self.general())
    }

    fn says(&self, words: &[&str]) -> bool {
        words.iter().any(|words| self.text.contains(words))
    }

    /// The object that describes the error.
    fn error(&self) -> &Value {
        crate::wire::event::error_object(match &self.json {
            Value::Array(items) => items.first().unwrap_or(&self.json),
            json => json,
        })
    }

    fn word(&self, key: &str) -> &str {
        self.error()
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name).map(str::trim)
    }
}

#[cfg(test)]
mod tests;
