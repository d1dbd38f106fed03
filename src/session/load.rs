//! How much each credential has to do with its sessions.

use std::time::{Duration, Instant};

use super::bindings::Holder;

/// A session counts half after this long without a request.
const HALF_LIFE: Duration = Duration::from_secs(10 * 60);
/// When weights have doubled this often, all are scaled back: long before a number overflows.
const RENEWAL: f64 = 500.0;

/// The sessions of each credential, each weighted by how recently it was used.
///
/// Instead of letting all weights fall with time, new uses weigh more, twice as much every [`HALF_LIFE`]: the
/// order is the same, and nothing has to be touched to age.
#[derive(Debug)]
pub struct Loads {
    of: Vec<Load>,
    /// When a use weighs 1.
    epoch: Instant,
}

#[derive(Clone, Copy, Debug, Default)]
struct Load {
    sessions: u32,
    weight: f64,
}

impl Loads {
    pub fn new(now: Instant) -> Self {
        Self {
            of: Vec::new(),
            epoch: now,
        }
    }

    /// A session of `holder` was last used at `used`.
    pub fn add(&mut self, holder: Holder, used: Instant) {
        let mut weight = self.weight(used);
        if weight.log2() > RENEWAL {
            self.renew();
            weight = self.weight(used);
        }
        let index = holder.index();
        if self.of.len() <= index {
            self.of.resize(index + 1, Load::default());
        }
        if let Some(load) = self.of.get_mut(index) {
            load.sessions += 1;
            load.weight += weight;
        }
    }

    /// Takes back what [`Loads::add`] did.
    pub fn remove(&mut self, holder: Holder, used: Instant) {
        let weight = self.weight(used);
        if let Some(load) = self.of.get_mut(holder.index()) {
            load.sessions = load.sessions.saturating_sub(1);
            // What rounding left of a sum must not outlive its sessions.
            load.weight = match load.sessions {
                0 => 0.0,
                _ => (load.weight - weight).max(0.0),
            };
        }
    }

    /// For comparison with others of the same moment.
    pub fn weight_of(&self, holder: Holder) -> f64 {
        self.of.get(holder.index()).map_or(0.0, |load| load.weight)
    }

    /// What one session weighs that is used now.
    pub fn one(&self, now: Instant) -> f64 {
        self.weight(now)
    }

    pub fn sessions(&self, holder: Holder) -> u32 {
        self.of.get(holder.index()).map_or(0, |load| load.sessions)
    }

    fn weight(&self, used: Instant) -> f64 {
        let (sign, age) = match used.checked_duration_since(self.epoch) {
            Some(age) => (1.0, age),
            None => (-1.0, self.epoch.saturating_duration_since(used)),
        };
        (sign * age.as_secs_f64() / HALF_LIFE.as_secs_f64()).exp2()
    }

    fn renew(&mut self) {
        // A power of two, so that what is scaled and what is computed anew stay the same.
        let doublings = 256;
        for load in &mut self.of {
            load.weight *= (-f64::from(doublings)).exp2();
        }
        self.epoch += HALF_LIFE * doublings;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Holder = Holder(0);
    const B: Holder = Holder(1);

    #[test]
    fn recent_sessions_weigh_more() {
        let start = Instant::now();
        let mut loads = Loads::new(start);
        loads.add(A, start);
        loads.add(B, start + HALF_LIFE);
        let now = start + HALF_LIFE;
        assert!((loads.weight_of(A) / loads.one(now) - 0.5).abs() < 1e-9);
        assert!((loads.weight_of(B) / loads.one(now) - 1.0).abs() < 1e-9);
        assert_eq!((loads.sessions(A), loads.sessions(Holder(9))), (1, 0));
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
}
