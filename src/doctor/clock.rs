//! Compares this machine's clock with those of the upstreams.

use std::time::{Duration, SystemTime};

use super::asking::Answered;
use super::{Finding, Status};

/// The accepted difference: answers take time, and `Date` has whole seconds.
const SKEW: Duration = Duration::from_secs(30);

/// Compares this machine's clock with those of the upstreams.
pub fn clock(answers: &[Answered]) -> Finding {
    let subject = "clock";
    let dates = answers.iter().filter_map(|answered| answered.dates);
    let ahead = |(theirs, ours): (SystemTime, SystemTime)| match ours.duration_since(theirs) {
        Ok(ahead) => i64::try_from(ahead.as_secs()).unwrap_or(i64::MAX),
        Err(behind) => -i64::try_from(behind.duration().as_secs()).unwrap_or(i64::MAX),
    };
    let mut skews: Vec<i64> = dates.map(ahead).collect();
    // The median: one upstream's clock may be wrong.
    skews.sort_unstable();
    let Some(&skew) = skews.get(skews.len() / 2) else {
        return Finding::new(Status::Skipped, subject, "no upstream sent a date");
    };
    let seconds = skew.unsigned_abs();
    if seconds <= SKEW.as_secs() {
        return Finding::new(Status::Ok, subject, "agrees with the upstreams");
    }
    let side = if skew > 0 { "ahead of" } else { "behind" };
    let message = format!("is {seconds} s {side} the clocks of the upstreams");
    Finding::new(Status::Error, subject, message).advised(
        "set the clock, for example with NTP (timedatectl set-ntp true): certificates and quotas depend on it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dated(skew: i64) -> Answered {
        let ours = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let by = Duration::from_secs(skew.unsigned_abs());
        let theirs = if skew > 0 { ours - by } else { ours + by };
        Answered {
            outcome: None,
            took: Duration::ZERO,
            dates: Some((theirs, ours)),
        }
    }

    #[test]
    fn the_clock_is_judged_by_most_upstreams() {
        for (skews, status, message) in [
            (&[][..], Status::Skipped, "no upstream sent a date"),
            (&[0, 2, -30], Status::Ok, "agrees with the upstreams"),
            (&[0, 90_000, 1], Status::Ok, "agrees with the upstreams"),
            (
                &[90],
                Status::Error,
                "is 90 s ahead of the clocks of the upstreams",
            ),
            (
                &[-90, -91, 0],
                Status::Error,
                "is 90 s behind the clocks of the upstreams",
            ),
        ] {
            let answers: Vec<Answered> = skews.iter().map(|skew| dated(*skew)).collect();
            let finding = clock(&answers);
            assert_eq!(
                (finding.status, &*finding.message),
                (status, message),
                "{skews:?}"
            );
        }
    }
}
