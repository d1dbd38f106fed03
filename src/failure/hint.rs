//! Parses the retry times that upstreams give.

use std::time::{Duration, SystemTime};

use crate::time;

/// A later time is ignored.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 3600);

/// A time in the future, within the limit.
pub fn ahead(time: Duration) -> Option<Duration> {
    (!time.is_zero() && time <= LONGEST).then_some(time)
}

/// The time until `moment`; `None` if it is past or beyond the limit.
pub fn until(moment: SystemTime, now: SystemTime) -> Option<Duration> {
    ahead(moment.duration_since(now).ok()?)
}

/// A duration such as `1h16m0.6s`, `373.8ms`, `6m0s`.
pub fn duration(text: &str) -> Option<Duration> {
    ahead(time::duration(text.trim())?)
}

/// The duration after `after` or `retry in` in a lower-case sentence.
pub fn after(text: &str) -> Option<Duration> {
    ["after ", "retry in "]
        .iter()
        .find_map(|word| {
            let found = text.match_indices(word);
            found
                .filter_map(|(at, _)| {
                    let rest = text.get(at + word.len()..)?.trim_start();
                    let end = rest
                        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.'))
                        .unwrap_or(rest.len());
                    time::duration(rest.get(..end)?.trim_end_matches('.'))
                })
                .next()
        })
        .and_then(ahead)
}

/// The seconds in `after 5 seconds` in a lower-case sentence.
pub fn after_seconds(text: &str) -> Option<Duration> {
    let mut found = text.split("after ").skip(1);
    found.find_map(|rest| {
        let (number, unit) = rest.trim_start().split_once(' ')?;
        let number: f64 = number.parse().ok()?;
        let is_seconds = unit.starts_with("second");
        ahead(
            Duration::try_from_secs_f64(number)
                .ok()
                .filter(|_| is_seconds)?,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(duration(" 6m0s "), seconds(360));
        assert_eq!(duration("0s"), None);
        assert_eq!(duration("999h"), None);
        assert_eq!(after("will reset after 1h16m0s."), seconds(4560));
        assert_eq!(after("please retry in 20s"), seconds(20));
        assert_eq!(after("after all, try after 3s."), seconds(3));
        assert_eq!(after("after that"), None);
        assert_eq!(after_seconds("try again after 7 seconds."), seconds(7));
        assert_eq!(after_seconds("after all, after 1 second"), seconds(1));
        for text in [
            "after 7 minutes",
            "after seconds",
            "after -1 seconds",
            "after NaN seconds",
        ] {
            assert_eq!(after_seconds(text), None, "{text}");
        }
    }
}
