//! Cooldowns as text, so that they survive a restart (`save-cooldown-status`).

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::state::State;
use crate::failure::{Class, Fault, Pause, Scope};
use crate::session::store::Moment;

/// No cooldown is longer, so a later end means that a clock was set.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 3600);

/// A cooldown in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedCooldown {
    /// The id of the credential.
    pub credential: String,
    /// `None` for all models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The class of the failure.
    pub class: String,
    /// Its end, unix seconds.
    pub until: u64,
}

impl SavedCooldown {
    /// The cooldowns of a file; none if it has another format.
    pub fn all(json: &[u8]) -> Vec<Self> {
        serde_json::from_slice(json).unwrap_or_default()
    }
}

impl State {
    /// All cooldowns, as JSON. Those that wait for a change of the configuration are left out.
    pub fn cooldowns(&self, moment: Moment) -> Vec<u8> {
        let blocks = self.router.lock().health.running(moment.now);
        let rows = blocks.into_iter().filter_map(|(id, model, block)| {
            let rest = block.until?.checked_duration_since(moment.now)?;
            let until = (moment.wall + rest).duration_since(UNIX_EPOCH).ok()?;
            Some(SavedCooldown {
                credential: self.credential_ids.id(id)?.to_string(),
                model: model.map(|model| model.to_string()),
                class: block.class.name().to_owned(),
                until: until.as_secs_f64().round() as u64,
            })
        });
        let rows: Vec<SavedCooldown> = rows.collect();
        serde_json::to_vec(&rows).unwrap_or_default()
    }

    /// Restores the cooldowns of known credentials that are not over. Returns how many.
    ///
    /// # Errors
    /// When the text has another format.
    pub fn restore_cooldowns(
        &self,
        json: &[u8],
        is_known: impl Fn(&str) -> bool,
        moment: Moment,
    ) -> Result<usize, serde_json::Error> {
        let rows: Vec<SavedCooldown> = serde_json::from_slice(json)?;
        let mut count = 0;
        for row in rows {
            let until = UNIX_EPOCH.checked_add(Duration::from_secs(row.until));
            let rest = until.and_then(|until| until.duration_since(moment.wall).ok());
            let rest = rest.filter(|rest| !rest.is_zero() && *rest <= LONGEST);
            let (Some(rest), Some(class)) = (rest, Class::named(&row.class)) else {
                continue;
            };
            if !is_known(&row.credential) {
                continue;
            }
            let fault = Fault {
                class,
                scope: match row.model {
                    Some(_) => Scope::Model,
                    None => Scope::Credential,
                },
                pause: Pause::Hint(rest),
            };
            let model = Arc::from(row.model.unwrap_or_default());
            let id = self.credential_ids.number(&row.credential);
            let mut router = self.router.lock();
            router.health.fail(id, &model, &fault, moment.now);
            count += 1;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::time::{Instant, SystemTime};

    use super::*;

    fn state(now: Instant) -> State {
        State::new(NonZeroUsize::MIN, now)
    }

    #[test]
    fn cooldowns_go_on_after_a_restart() {
        let now = Instant::now();
        let wall = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        let before = state(now);
        let fail = |id: &str, model: &str, scope, pause| {
            let fault = Fault {
                class: Class::Quota,
                scope,
                pause,
            };
            let id = before.credential_ids.number(id);
            let mut router = before.router.lock();
            router.health.fail(id, &model.into(), &fault, now);
        };
        let seconds = Duration::from_secs;
        fail("a", "m", Scope::Model, Pause::Fixed(seconds(100)));
        fail("b", "m", Scope::Credential, Pause::Hint(seconds(3600)));
        fail("c", "m", Scope::Credential, Pause::UntilChanged);
        fail("gone", "m", Scope::Credential, Pause::Hint(seconds(3600)));
        let text = before.cooldowns(Moment { now, wall });

        let later = Moment {
            now: now + seconds(7),
            wall: wall + seconds(40),
        };
        let after = state(later.now);
        let restored = after.restore_cooldowns(&text, |id| id != "gone", later);
        assert_eq!(restored.unwrap(), 2);
        let rest = |id: &str, model: &str| {
            let id = after.credential_ids.number(id);
            let block = after.router.lock().health.block(id, model, later.now)?;
            assert_eq!(block.class, Class::Quota);
            Some(block.until.unwrap() - later.now)
        };
        assert_eq!(rest("a", "m"), Some(seconds(60)));
        assert_eq!(rest("a", "other"), None);
        assert_eq!(rest("b", "other"), Some(seconds(3560)));
        assert_eq!(rest("c", "m"), None);
        assert_eq!(rest("gone", "m"), None);
    }

    #[test]
    fn what_is_over_or_odd_is_dropped() {
        let moment = Moment {
            now: Instant::now(),
            wall: SystemTime::now(),
        };
        let now = moment.wall.duration_since(UNIX_EPOCH).unwrap().as_secs();
        let day = 24 * 3600;
        for (class, until, count) in [
            ("quota", now + day, 1),
            ("quota", now - 1, 0),
            ("quota", now, 0),
            ("quota", now + 40 * day, 0),
            ("quota", u64::MAX, 0),
            ("unheard", now + day, 0),
        ] {
            let row = format!(r#"[{{"credential":"a","class":"{class}","until":{until}}}]"#);
            let state = state(moment.now);
            let restored = state.restore_cooldowns(row.as_bytes(), |_| true, moment);
            assert_eq!(restored.unwrap(), count, "{row}");
        }
        for text in ["", "{}", r#"[{"credential":1}]"#] {
            let state = state(moment.now);
            let restored = state.restore_cooldowns(text.as_bytes(), |_| true, moment);
            assert!(restored.is_err(), "{text}");
        }
    }
}
