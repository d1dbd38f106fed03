//! When tokens are renewed.

use std::time::{Duration, SystemTime};

use crate::credential::Channel;
use crate::credential::file::Tokens;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// The longest random time that a renewal comes early.
const MOST_SPREAD: Duration = Duration::from_secs(15 * 60);
/// A token that expires sooner than this is not used for another request.
const MARGIN: Duration = Duration::from_secs(60);
/// The least time between two renewals in the background.
pub const LEAST_PAUSE: Duration = Duration::from_secs(30);
/// Overdue renewals at startup are spread over this time.
pub const START: Duration = Duration::from_secs(30);

/// How long before its expiry a token is renewed, at most.
fn lead(channel: Channel, tokens: &Tokens) -> Duration {
    match channel {
        Channel::Claude => 4 * HOUR,
        Channel::Codex => 5 * 24 * HOUR,
        Channel::Iflow if tokens.refresh.is_none() => 48 * HOUR,
        Channel::Iflow => 24 * HOUR,
        Channel::Kimi | Channel::GeminiCli | Channel::Antigravity | Channel::Vertex => 5 * MINUTE,
    }
}

/// Whether tokens are renewed only while requests use them. Google's refresh tokens do not change and do not expire soon.
pub fn is_on_demand(channel: Channel) -> bool {
    matches!(
        channel,
        Channel::GeminiCli | Channel::Antigravity | Channel::Vertex
    )
}

/// How long the token lives in all, if the file says when it was issued.
pub fn life(tokens: &Tokens) -> Option<Duration> {
    let life = tokens.expiry?.duration_since(tokens.last_refresh?).ok()?;
    (!life.is_zero()).then_some(life)
}

/// When to renew the tokens, by the file's own schedule or the channel's. `chance` is from 0 to 1, drawn once per token.
pub fn due(channel: Channel, tokens: &Tokens, now: SystemTime, chance: f64) -> SystemTime {
    let before = |time: SystemTime, span| time.checked_sub(span).unwrap_or(SystemTime::UNIX_EPOCH);
    if let Some(interval) = tokens.interval {
        let by_age = match tokens.last_refresh {
            Some(last) => last.checked_add(interval),
            None => Some(now),
        };
        // Not more often than by half of the token's life.
        let interval = life(tokens).map_or(interval, |life| interval.min(life / 2));
        let by_expiry = tokens.expiry.map(|expiry| before(expiry, interval));
        return by_age.into_iter().chain(by_expiry).min().unwrap_or(now);
    }
    let lead = lead(channel, tokens);
    match (tokens.expiry, tokens.last_refresh) {
        (Some(expiry), _) => {
            // A token that lives shorter than the lead would be renewed all the time.
            let lead = life(tokens).map_or(lead, |life| lead.min(life / 2));
            let spread = (lead / 10).min(MOST_SPREAD).mul_f64(chance.clamp(0.0, 1.0));
            before(before(expiry, lead), spread)
        }
        (None, Some(last)) => last.checked_add(lead).unwrap_or(now),
        (None, None) => now,
    }
}

/// How long before its expiry a token is no longer used.
pub fn margin(life: Option<Duration>) -> Duration {
    life.map_or(MARGIN, |life| MARGIN.min(life / 4))
}

/// The pause after so many failures, without the random part.
pub fn backoff(failures: u32, told: Option<Duration>) -> Duration {
    if let Some(told) = told {
        return told.clamp(Duration::from_secs(5), 5 * MINUTE);
    }
    match failures {
        0 | 1 => Duration::from_secs(30),
        2 => MINUTE,
        3 => 2 * MINUTE,
        4 => 4 * MINUTE,
        _ => 5 * MINUTE,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn tokens(issued: Option<u64>, expiry: Option<u64>) -> Tokens {
        Tokens {
            last_refresh: issued.map(at),
            expiry: expiry.map(at),
            ..Tokens::default()
        }
    }

    #[test]
    fn tokens_are_renewed_before_they_expire() {
        let now = at(1_000_000);
        for (channel, issued, expiry, expected) in [
            // Eight hours, renewed four hours before.
            (Channel::Claude, None, Some(2_000_000), 2_000_000 - 14_400),
            (Channel::Claude, Some(1_000_000), Some(1_028_800), 1_014_400),
            // A minute, renewed after half of it.
            (Channel::Claude, Some(1_000_000), Some(1_000_060), 1_000_030),
            (Channel::Kimi, Some(1_000_000), Some(1_000_900), 1_000_600),
            (Channel::Codex, Some(500_000), None, 932_000),
            (Channel::Codex, None, None, 1_000_000),
        ] {
            let due = due(channel, &tokens(issued, expiry), now, 0.0);
            assert_eq!(due, at(expected), "{channel:?} {issued:?} {expiry:?}");
        }
    }

    #[test]
    fn a_file_has_its_own_schedule() {
        let now = at(1_000_000);
        let own = |issued, expiry| Tokens {
            interval: Some(Duration::from_secs(100)),
            ..tokens(issued, expiry)
        };
        for (issued, expiry, expected) in [
            (None, None, 1_000_000),
            (Some(999_990), None, 1_000_090),
            (Some(999_990), Some(1_000_150), 1_000_070),
            (None, Some(2_000_000), 1_000_000),
            // It lives shorter than the interval.
            (Some(999_990), Some(1_000_050), 1_000_020),
        ] {
            let due = due(Channel::Codex, &own(issued, expiry), now, 1.0);
            assert_eq!(due, at(expected), "{issued:?} {expiry:?}");
        }
    }

    #[test]
    fn failures_are_repeated_later_and_later() {
        let seconds: Vec<u64> = (0..8).map(|n| backoff(n, None).as_secs()).collect();
        assert_eq!(seconds, [30, 30, 60, 120, 240, 300, 300, 300]);
        for (told, expected) in [(1, 5), (77, 77), (9999, 300)] {
            let told = Some(Duration::from_secs(told));
            assert_eq!(backoff(9, told).as_secs(), expected);
        }
    }

    proptest! {
        #[test]
        fn a_renewal_comes_within_the_life_of_a_token(
            life in 1_u64..10_000_000,
            chance in 0.0..1.0,
            channel in prop::sample::select(Channel::ALL.to_vec()),
        ) {
            let tokens = tokens(Some(1_000_000), Some(1_000_000 + life));
            let due = due(channel, &tokens, at(0), chance);
            prop_assert!(due < at(1_000_000 + life));
            // Half of its life, less the random part.
            let earliest = Duration::from_secs_f64(life as f64 * 0.44);
            prop_assert!(due >= at(1_000_000) + earliest);
            prop_assert!(margin(Some(Duration::from_secs(life))) <= Duration::from_secs(life) / 4);
        }
    }
}
