//! What a failed attempt means for the request: try another credential, or tell the client.

use crate::provider::{Failure, FailureKind};

/// What comes after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Another credential may succeed.
    Next,
    /// Every credential would answer the same, or nobody is left to answer to.
    Stop,
}

pub fn of(failure: &Failure) -> Verdict {
    match failure.kind {
        FailureKind::ClientGone | FailureKind::Unsupported | FailureKind::Request => Verdict::Stop,
        FailureKind::Connect | FailureKind::Timeout | FailureKind::Broken => Verdict::Next,
        FailureKind::Status => match failure.status {
            Some(401..=403 | 408 | 429 | 500..) => Verdict::Next,
            _ => Verdict::Stop,
        },
    }
}

/// Which of several failures is worth telling: the higher, the more useful
/// (spec/routing.md D 42).
pub fn rank(failure: &Failure) -> u8 {
    match (failure.kind, failure.status) {
        (FailureKind::ClientGone, _) => 5,
        (FailureKind::Status, Some(429)) => 3,
        (FailureKind::Status, Some(408 | 500..)) => 2,
        (FailureKind::Status, Some(401..=403)) => 1,
        (FailureKind::Status, _) => 4,
        _ => 0,
    }
}
