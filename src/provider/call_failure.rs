//! Failures before the head of an answer.

use std::io;

use super::net::{CallError, Stage};
use crate::exchange::Interruption;
use crate::failure::{Failure, FailureKind, kind_of};

/// The failure of a call to `host` that ended before the head of an answer.
pub fn of_call(CallError { error, stage }: &CallError, host: &str) -> Failure {
    let kind = match (Interruption::of(error), stage) {
        (Some(Interruption::ClientGone), _) => FailureKind::ClientGone,
        (_, Stage::Connecting) => FailureKind::Connect,
        (Some(interruption), _) => kind_of(interruption),
        // The deadline for the head, not a timeout of the system.
        (None, _) if error.kind() == io::ErrorKind::TimedOut && error.get_ref().is_some() => {
            FailureKind::Timeout
        }
        (None, _) => FailureKind::Broken,
    };
    let doing = match kind {
        FailureKind::Connect => "connecting to",
        _ => "waiting for",
    };
    Failure::new(kind, format!("{doing} {host}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_means_depends_on_how_far_the_call_has_come() {
        use FailureKind::{Broken, ClientGone, Connect, Timeout};
        let late = || {
            io::Error::new(
                io::ErrorKind::TimedOut,
                "the upstream did not answer in time",
            )
        };
        for (error, [reused, connecting, connected]) in [
            (late as fn() -> io::Error, [Timeout, Connect, Timeout]),
            (
                || io::Error::from_raw_os_error(libc::ETIMEDOUT),
                [Broken, Connect, Broken],
            ),
            (|| io::Error::other("x"), [Broken, Connect, Broken]),
            (
                || Interruption::ClientGone.into(),
                [ClientGone, ClientGone, ClientGone],
            ),
            (|| Interruption::Idle.into(), [Timeout, Connect, Timeout]),
            (|| Interruption::Reset.into(), [Broken, Connect, Broken]),
        ] {
            for (stage, kind) in [
                (Stage::Reused, reused),
                (Stage::Connecting, connecting),
                (Stage::Connected, connected),
            ] {
                let error = error();
                let failure = of_call(&CallError { error, stage }, "host");
                assert_eq!(failure.kind, kind, "{failure}");
            }
        }
    }
}
