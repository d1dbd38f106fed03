//! The load of each credential by its sessions.

use std::time::{Duration, Instant};

/// A session counts half after this long without a request.
const HALF_LIFE: Duration = Duration::from_secs(10 * 60);
/// When weights have doubled this often, all are scaled back: long before a number overflows.
const RENEWAL: f64 = 500.0;

/// A credential, by the number that routing gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CredentialId(pub u32);

impl CredentialId {
    #[inline]
    pub fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// The sessions of each credential, each weighted by how recently it was used.
///
/// Instead of letting all weights fall with time, new uses weigh more, twice as much every [`HALF_LIFE`]: the
/// order is the same, and nothing has to be touched to age.
#[derive(Debug)]
pub struct Loads {
    sessions: Vec<u32>,
    /// Apart from the numbers: these are gone through for every new session.
    weights: Vec<f64>,
    /// When a use weighs 1.
    epoch: Instant,
}

impl Loads {
    pub fn new(now: Instant) -> Self {
        Self {
            sessions: Vec::new(),
            weights: Vec::new(),
            epoch: now,
        }
    }

    /// A session on `credential_id` was last used at `used`.
    pub fn add(&mut self, credential_id: CredentialId, used: Instant) {
        if self.half_lives(used) > RENEWAL {
            self.renew(used);
        }
        let weight = self.weight(used);
        let index = credential_id.index();
        if self.weights.len() <= index {
            self.sessions.resize(index + 1, 0);
            self.weights.resize(index + 1, 0.0);
        }
        if let (Some(sessions), Some(sum)) = self.of(credential_id) {
            *sessions += 1;
            *sum += weight;
        }
    }

    /// Takes back what [`Loads::add`] did.
    pub fn remove(&mut self, credential_id: CredentialId, used: Instant) {
        let weight = self.weight(used);
        if let (Some(sessions), Some(sum)) = self.of(credential_id) {
            *sessions = sessions.saturating_sub(1);
            // What rounding left of a sum must not outlive its sessions.
            *sum = match *sessions {
                0 => 0.0,
                _ => (*sum - weight).max(0.0),
            };
        }
    }

    fn of(&mut self, credential_id: CredentialId) -> (Option<&mut u32>, Option<&mut f64>) {
        let index = credential_id.index();
        (self.sessions.get_mut(index), self.weights.get_mut(index))
    }

    /// For comparison with others of the same moment.
    #[inline]
    pub fn weight_of(&self, credential_id: CredentialId) -> f64 {
        self.weights
            .get(credential_id.index())
            .copied()
            .unwrap_or(0.0)
    }

    /// What one session weighs that is used now.
    pub fn one(&self, now: Instant) -> f64 {
        self.weight(now)
    }

    pub fn sessions(&self, credential_id: CredentialId) -> u32 {
        self.sessions
            .get(credential_id.index())
            .copied()
            .unwrap_or(0)
    }

    fn weight(&self, used: Instant) -> f64 {
        // After a long time in which nothing was used it would be more than a number can be, until the next
        // renewal.
        self.half_lives(used).min(2.0 * RENEWAL).exp2()
    }

    /// Since the epoch; before it, less than 0.
    fn half_lives(&self, used: Instant) -> f64 {
        let (sign, age) = match used.checked_duration_since(self.epoch) {
            Some(age) => (1.0, age),
            None => (-1.0, self.epoch.saturating_duration_since(used)),
        };
        sign * age.as_secs_f64() / HALF_LIFE.as_secs_f64()
    }

    /// Moves the epoch to about `now`.
    fn renew(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.epoch);
        // A power of two, so that what is scaled and what is computed anew stay the same.
        let doublings = age.as_secs() / HALF_LIFE.as_secs();
        let scale = (-(doublings as f64)).exp2();
        for weight in &mut self.weights {
            *weight *= scale;
        }
        let passed = Duration::from_secs(doublings * HALF_LIFE.as_secs());
        self.epoch = self.epoch.checked_add(passed).unwrap_or(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: CredentialId = CredentialId(0);
    const B: CredentialId = CredentialId(1);

    #[test]
    fn recent_sessions_weigh_more() {
        let start = Instant::now();
        let mut loads = Loads::new(start);
        loads.add(A, start);
        loads.add(B, start + HALF_LIFE);
        let now = start + HALF_LIFE;
        assert!((loads.weight_of(A) / loads.one(now) - 0.5).abs() < 1e-9);
        assert!((loads.weight_of(B) / loads.one(now) - 1.0).abs() < 1e-9);
        assert_eq!((loads.sessions(A), loads.sessions(CredentialId(9))), (1, 0));
        loads.remove(A, start);
        assert_eq!(loads.weight_of(A), 0.0);
    }

    #[test]
    fn weeks_pass() {
        let start = Instant::now();
        let mut loads = Loads::new(start);
        let mut last = start;
        loads.add(A, last);
        for hour in 1..=24 * 60 {
            let now = start + Duration::from_secs(hour * 3600);
            loads.remove(A, last);
            loads.add(A, now);
            last = now;
            let weight = loads.weight_of(A) / loads.one(now);
            assert!((weight - 1.0).abs() < 1e-6, "{hour} {weight}");
        }
    }

    #[test]
    fn years_without_a_request_do_no_harm() {
        let start = Instant::now();
        let mut loads = Loads::new(start);
        loads.add(A, start);
        let now = start + Duration::from_secs(5 * 365 * 86_400);
        assert!(loads.one(now).is_finite());
        assert!(loads.weight_of(A) < loads.one(now));
        loads.add(B, now);
        let weight = loads.weight_of(B) / loads.one(now);
        assert!((weight - 1.0).abs() < 1e-6, "{weight}");
        loads.remove(A, start);
        loads.add(A, now);
        assert!((loads.weight_of(A) / loads.one(now) - 1.0).abs() < 1e-6);
        // And back.
        loads.add(A, start);
        loads.remove(A, now);
        assert!(loads.weight_of(A).is_finite());
        assert_eq!(loads.sessions(A), 1);
    }
}
