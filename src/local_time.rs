//! How far local time is ahead of UTC.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use tz::TimeZone;

/// The rules of a place: when its clocks are how far ahead of UTC. What cannot be read is UTC.
#[derive(Clone, Debug)]
pub struct Zone(Option<TimeZone>);

impl Zone {
    /// That of this program: `TZ`, else the system's. Read once.
    pub fn here() -> &'static Self {
        static HERE: OnceLock<Zone> = OnceLock::new();
        HERE.get_or_init(|| {
            let named = std::env::var("TZ").ok().filter(|name| !name.is_empty());
            Self(match named {
                Some(name) => TimeZone::from_posix_tz(&name).ok(),
                None => TimeZone::local().ok(),
            })
        })
    }

    /// How far its clocks are ahead of UTC at a time since 1970, in seconds.
    pub fn offset(&self, time: SystemTime) -> Option<i32> {
        let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
        let zone = self.0.as_ref()?;
        let kind = zone.find_local_time_type(i64::try_from(seconds).ok()?);
        Some(kind.ok()?.ut_offset())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn clocks_change_in_summer() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let rules = TimeZone::from_posix_tz("CET-1CEST,M3.5.0,M10.5.0/3");
        let berlin = Zone(Some(rules.unwrap()));
        assert_eq!(berlin.offset(at(1_766_520_844)), Some(3600));
        assert_eq!(berlin.offset(at(1_750_000_000)), Some(7200));
        assert_eq!(Zone(None).offset(at(0)), None);
    }
}
