//! Trying an upstream's hosts in turn, in a few passes.

use std::time::Duration;

use crate::failure::{AntigravityLimit, Failure, FailureKind};

/// How often all hosts are tried. Then another credential is.
const PASSES: u32 = 3;
/// A longer time is not waited for here: another credential may serve meanwhile.
const SHORT: Duration = Duration::from_secs(3);
/// Waited in addition to the time that the upstream asks for.
const MARGIN: Duration = Duration::from_millis(800);

/// What follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// All hosts again after this time.
    Pass(Duration),
    /// The next host; after the last one all again, after this time if there is one.
    Host(Option<Duration>),
    Nothing,
}

/// Asks host after host until one answers. `pause` waits, and says whether the client is still there.
pub fn try_all<T>(
    hosts: &[&str],
    mut ask: impl FnMut(&str) -> Result<T, Failure>,
    mut pause: impl FnMut(Duration) -> bool,
) -> Result<T, Failure> {
    for pass in 1.. {
        let mut failed = None;
        for host in hosts {
            let failure = match ask(host) {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let next = next(&failure, pass);
            failed = Some((failure, next));
            if !matches!(next, Next::Host(_)) {
                break;
            }
        }
        let Some((failure, next)) = failed else { break };
        match next {
            Next::Pass(time) | Next::Host(Some(time)) if pass < PASSES && pause(time) => {}
            _ => return Err(failure),
        }
    }
    Err(Failure::new(FailureKind::Connect, "there is no host"))
}

fn next(failure: &Failure, pass: u32) -> Next {
    let growing = |step: u64, most: u64| {
        let time = Duration::from_millis(step).saturating_mul(pass);
        Next::Host(Some(time.min(Duration::from_secs(most))))
    };
    match (failure.kind, failure.status) {
        (FailureKind::Connect | FailureKind::Broken, _) => Next::Host(None),
        (FailureKind::Status, Some(429)) => match failure.antigravity_limit() {
            AntigravityLimit::Short(delay) if delay < SHORT => Next::Pass(delay + MARGIN),
            AntigravityLimit::Short(_) | AntigravityLimit::Exhausted(_) => Next::Host(None),
            AntigravityLimit::Soft(Some(delay)) if delay >= SHORT => Next::Host(None),
            AntigravityLimit::Soft(_) => growing(500, 3),
        },
        (FailureKind::Status, Some(503)) if failure.has_no_capacity() => growing(250, 2),
        _ => Next::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::failure::Headers;

    fn status(status: u16, body: &str) -> Failure {
        let body = body.as_bytes().to_vec();
        Failure::of_status(status, Headers::default(), body, SystemTime::now())
    }

    const SHORT_LIMIT: &str = r#"{"error":{"code":429,"details":[{"@type":"x/google.rpc.ErrorInfo","reason":"RATE_LIMIT_EXCEEDED","metadata":{"quotaResetDelay":"1.5s"}}]}}"#;
    const LONGER_LIMIT: &str = r#"{"error":{"code":429,"details":[{"@type":"x/google.rpc.ErrorInfo","reason":"RATE_LIMIT_EXCEEDED","metadata":{"quotaResetDelay":"30s"}}]}}"#;
    const LATER: &str = r#"{"error":{"code":429,"details":[{"@type":"x/google.rpc.RetryInfo","retryDelay":"60s"}]}}"#;
    const EXHAUSTED: &str =
        r#"{"error":{"code":429,"message":"QUOTA_EXHAUSTED","status":"RESOURCE_EXHAUSTED"}}"#;
    const NO_CAPACITY: &str = r#"{"error":{"code":503,"message":"No capacity available for m"}}"#;

    /// The hosts that are asked and the times that are waited, in milliseconds, if every answer is the same failure.
    fn tried(failure: &Failure) -> (String, Vec<u128>) {
        let (mut asked, mut waited) = (String::new(), Vec::new());
        let tried = try_all::<()>(
            &["a", "b", "c"],
            |host| {
                asked.push_str(host);
                Err(failure.clone())
            },
            |time| {
                waited.push(time.as_millis());
                true
            },
        );
        assert_eq!(tried.unwrap_err().status, failure.status);
        (asked, waited)
    }

    #[test]
    fn failures_decide_what_is_tried_next() {
        for (failure, asked, waited) in [
            (status(429, SHORT_LIMIT), "aaa", vec![2300, 2300]),
            (status(429, LONGER_LIMIT), "abc", vec![]),
            (status(429, EXHAUSTED), "abc", vec![]),
            (status(429, LATER), "abc", vec![]),
            (status(429, "{}"), "abcabcabc", vec![500, 1000]),
            (status(503, NO_CAPACITY), "abcabcabc", vec![250, 500]),
            (status(503, "{}"), "a", vec![]),
            (status(400, "{}"), "a", vec![]),
            (status(401, "{}"), "a", vec![]),
            (Failure::new(FailureKind::Connect, "x"), "abc", vec![]),
            (Failure::new(FailureKind::Broken, "x"), "abc", vec![]),
            // It has taken long enough.
            (Failure::new(FailureKind::Timeout, "x"), "a", vec![]),
            (Failure::new(FailureKind::ClientGone, "x"), "a", vec![]),
            (Failure::request("x"), "a", vec![]),
        ] {
            assert_eq!(
                tried(&failure),
                (asked.to_owned(), waited),
                "{:?} {:?}",
                failure.kind,
                failure.status
            );
        }
    }

    #[test]
    fn waiting_ends_with_the_client() {
        let mut asked = 0;
        let tried = try_all::<()>(
            &["a"],
            |_| {
                asked += 1;
                Err(status(429, "{}"))
            },
            |_| false,
        );
        assert_eq!(tried.unwrap_err().status, Some(429));
        assert_eq!(asked, 1);
    }

    #[test]
    fn the_first_answer_counts() {
        let answered = try_all(
            &["a", "b"],
            |host| match host {
                "a" => Err(status(429, "{}")),
                host => Ok(host.to_owned()),
            },
            |_| panic!("no wait between hosts"),
        );
        assert_eq!(answered.unwrap(), "b");
    }
}
