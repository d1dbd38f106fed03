//! Which credentials and models are blocked after failures, why, and until when.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::failure::{Class, Fault, Pause, Scope, Windows};
use crate::session::bindings::CredentialId;

/// How often a model is tried although all its credentials are out of quota for longer than this: vendors may
/// restore quota before the time that they gave.
pub const PROBE_INTERVAL: Duration = Duration::from_secs(30 * 60);

/// The most models of one credential whose failures are kept: clients can request any name of a vendor's family.
const MODELS: usize = 256;

/// Why a credential is skipped for a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    pub class: Class,
    /// When the failure that determined it happened.
    pub since: Instant,
    /// `None`: until the credential's configuration changes.
    pub until: Option<Instant>,
}

impl Block {
    fn is_running(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until > now)
    }

    /// Whether the block will still be in force after `time`.
    pub fn outlasts(&self, time: Duration, now: Instant) -> bool {
        // A time that cannot be represented is later than all others.
        let end = now.checked_add(time);
        self.until
            .is_none_or(|until| end.is_some_and(|end| until > end))
    }

    /// Orders blocks by severity: hard above soft, later above earlier.
    fn rank(&self) -> (bool, bool, Option<Instant>) {
        (!self.class.is_soft(), self.until.is_none(), self.until)
    }
}

/// The failures of one credential, or of one model there.
#[derive(Clone, Copy, Debug, Default)]
struct Record {
    block: Option<Block>,
    /// The class whose backoff is in progress, and the number of steps taken.
    ladder: Option<(Class, u32)>,
    probed: Option<Instant>,
}

impl Record {
    fn running(&self, now: Instant) -> Option<Block> {
        self.block.filter(|block| block.is_running(now))
    }

    fn fail(&mut self, fault: &Fault, now: Instant) {
        let steps = match self.ladder {
            Some((class, steps)) if class == fault.class => steps,
            _ => 0,
        };
        let until = match fault.pause {
            Pause::None => return,
            Pause::Fixed(time) | Pause::Hint(time) => now.checked_add(time),
            Pause::Ladder {
                first,
                last,
                beyond,
            } => {
                let time = first.saturating_mul(1 << steps.min(20));
                now.checked_add(if time > last { beyond } else { time })
            }
            Pause::UntilChanged => None,
        };
        let fresh = Block {
            class: fault.class,
            since: now,
            until,
        };
        if let Some(running) = self.running(now) {
            // One backoff step per block, however many parallel requests fail during it. A more severe class, or a
            // later time given by the upstream, replaces the block.
            let is_told = matches!(fault.pause, Pause::Hint(_) | Pause::UntilChanged);
            let says_more = is_told || running.class != fault.class;
            if says_more && fresh.rank() > running.rank() {
                self.block = Some(fresh);
            }
            return;
        }
        if let Pause::Ladder { .. } = fault.pause {
            self.ladder = Some((fault.class, steps.saturating_add(1)));
        }
        self.block = Some(fresh);
        self.probed = None;
    }

    /// Clears failures from before `began`, the start of a request that succeeded. A newer block stays.
    fn succeed(&mut self, began: Instant) {
        if self.block.is_none_or(|block| block.since <= began) {
            *self = Self::default();
        }
    }

    fn is_empty(&self) -> bool {
        self.block.is_none() && self.ladder.is_none()
    }
}

/// The health of one credential.
#[derive(Clone, Debug)]
struct Condition {
    whole: Record,
    models: Vec<(Arc<str>, Record)>,
    /// The remaining share of its quota, 0 to 1.
    headroom: f64,
}

impl Default for Condition {
    fn default() -> Self {
        Self {
            whole: Record::default(),
            models: Vec::new(),
            headroom: 1.0,
        }
    }
}

impl Condition {
    fn model(&mut self, model: &Arc<str>) -> Option<&mut Record> {
        let at = match self.models.iter().position(|(known, _)| known == model) {
            Some(at) => at,
            None => {
                if self.models.len() >= MODELS {
                    self.models.remove(0);
                }
                self.models.push((Arc::clone(model), Record::default()));
                self.models.len() - 1
            }
        };
        self.models.get_mut(at).map(|(_, record)| record)
    }
}

/// The health of all credentials. Empty for those that have never failed.
#[derive(Debug, Default)]
pub struct Health {
    of: Vec<Option<Box<Condition>>>,
}

impl Health {
    /// Whether a credential has no recorded failures. Cheap.
    #[inline]
    pub fn is_unblemished(&self, credential_id: CredentialId) -> bool {
        self.of
            .get(credential_id.index())
            .is_none_or(Option::is_none)
    }

    /// Why `model` of a credential is blocked; `None` if it is usable.
    pub fn block(&self, credential_id: CredentialId, model: &str, now: Instant) -> Option<Block> {
        let condition = self.of.get(credential_id.index())?.as_ref()?;
        let of_model = condition
            .models
            .iter()
            .find(|(known, _)| **known == *model)
            .and_then(|(_, record)| record.running(now));
        let of_all = condition.whole.running(now);
        [of_model, of_all]
            .into_iter()
            .flatten()
            .max_by_key(Block::rank)
    }

    /// All blocks in force: credential, model (`None` for all), block.
    pub fn running(&self, now: Instant) -> Vec<(CredentialId, Option<Arc<str>>, Block)> {
        let mut running = Vec::new();
        for (id, condition) in (0..).map(CredentialId).zip(&self.of) {
            let Some(condition) = condition else { continue };
            running.extend(condition.whole.running(now).map(|block| (id, None, block)));
            let models = condition.models.iter().filter_map(|(model, record)| {
                let block = record.running(now)?;
                Some((id, Some(Arc::clone(model)), block))
            });
            running.extend(models);
        }
        running
    }

    /// The remaining share of a credential's quota; 1 if unknown.
    pub fn headroom(&self, credential_id: CredentialId) -> f64 {
        match self.of.get(credential_id.index()) {
            Some(Some(condition)) => condition.headroom,
            _ => 1.0,
        }
    }

    pub fn fail(
        &mut self,
        credential_id: CredentialId,
        model: &Arc<str>,
        fault: &Fault,
        now: Instant,
    ) {
        if fault.pause == Pause::None {
            return;
        }
        let condition = self.condition(credential_id);
        match fault.scope {
            Scope::Credential => condition.whole.fail(fault, now),
            Scope::Model => {
                if let Some(record) = condition.model(model) {
                    record.fail(fault, now);
                }
            }
        }
    }

    /// Records the success of a request that began at `began`.
    pub fn succeed(&mut self, credential_id: CredentialId, model: &str, began: Instant) {
        let Some(Some(condition)) = self.of.get_mut(credential_id.index()) else {
            return;
        };
        condition.whole.succeed(began);
        for (known, record) in &mut condition.models {
            if **known == *model {
                record.succeed(began);
            }
        }
        self.tidy(credential_id);
    }

    /// Records the quota that an answer's headers report. `began` is the start of its request.
    pub fn note(
        &mut self,
        credential_id: CredentialId,
        windows: Windows,
        began: Instant,
        now: Instant,
    ) {
        let condition = self.condition(credential_id);
        condition.headroom = 1.0 - windows.used;
        match windows.exhausted {
            Some(time) => {
                let fault = Fault {
                    class: Class::Quota,
                    scope: Scope::Credential,
                    pause: Pause::Hint(time),
                };
                condition.whole.fail(&fault, now);
            }
            None => {
                let is_older_quota =
                    |block: Block| block.class == Class::Quota && block.since <= began;
                if condition.whole.block.is_some_and(is_older_quota) {
                    condition.whole = Record::default();
                }
            }
        }
        self.tidy(credential_id);
    }

    /// Whether a blocked model may be probed now; if so, the next probe is due after [`PROBE_INTERVAL`].
    pub fn probe(&mut self, credential_id: CredentialId, model: &str, now: Instant) -> bool {
        let Some(block) = self.block(credential_id, model, now) else {
            return false;
        };
        let Some(Some(condition)) = self.of.get_mut(credential_id.index()) else {
            return false;
        };
        let record = &mut condition.whole;
        let last = record.probed.unwrap_or(block.since).max(block.since);
        let is_due = now.saturating_duration_since(last) >= PROBE_INTERVAL;
        if is_due {
            record.probed = Some(now);
        }
        is_due
    }

    /// Removes the health of credentials for which `exists` is false.
    pub fn retain(&mut self, exists: impl Fn(CredentialId) -> bool) {
        for (credential_id, condition) in (0..).map(CredentialId).zip(&mut self.of) {
            if !exists(credential_id) {
                *condition = None;
            }
        }
    }

    /// Records that a credential's configuration changed. This ends blocks that wait for a change and, if its models
    /// changed, clears the health of each model.
    pub fn changed(&mut self, credential_id: CredentialId, has_other_models: bool) {
        let Some(Some(condition)) = self.of.get_mut(credential_id.index()) else {
            return;
        };
        let waits = |record: &Record| record.block.is_some_and(|block| block.until.is_none());
        if waits(&condition.whole) {
            condition.whole = Record::default();
        }
        condition
            .models
            .retain(|(_, record)| !has_other_models && !waits(record));
    }

    /// Records that a credential has a new token: what the old one was refused for is over. What was refused after that
    /// stays.
    pub fn renewed(&mut self, credential_id: CredentialId, at: Instant) {
        let Some(Some(condition)) = self.of.get_mut(credential_id.index()) else {
            return;
        };
        let is_refused = |record: &Record| {
            record
                .block
                .is_some_and(|block| block.class == Class::Credential && block.since <= at)
        };
        if is_refused(&condition.whole) {
            condition.whole = Record::default();
        }
        condition.models.retain(|(_, record)| !is_refused(record));
    }

    fn condition(&mut self, credential_id: CredentialId) -> &mut Condition {
        let index = credential_id.index();
        if self.of.len() <= index {
            self.of.resize(index + 1, None);
        }
        // The vector was resized above.
        #[allow(clippy::indexing_slicing)]
        self.of[index].get_or_insert_default()
    }

    fn tidy(&mut self, credential_id: CredentialId) {
        let Some(slot) = self.of.get_mut(credential_id.index()) else {
            return;
        };
        if let Some(condition) = slot {
            condition.models.retain(|(_, record)| !record.is_empty());
            let is_unblemished = condition.models.is_empty()
                && condition.whole.is_empty()
                && condition.headroom >= 1.0;
            if is_unblemished {
                *slot = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: CredentialId = CredentialId(3);

    fn fault(class: Class, pause: Pause) -> Fault {
        let scope = match class {
            Class::Credential | Class::Payment => Scope::Credential,
            _ => Scope::Model,
        };
        Fault {
            class,
            scope,
            pause,
        }
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn ladder() -> Pause {
        Pause::Ladder {
            first: seconds(1),
            last: seconds(1024),
            beyond: seconds(1800),
        }
    }

    struct Bench {
        health: Health,
        model: Arc<str>,
        start: Instant,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                health: Health::default(),
                model: Arc::from("m"),
                start: Instant::now(),
            }
        }

        fn fail(&mut self, class: Class, pause: Pause, at: u64) {
            let fault = fault(class, pause);
            self.health
                .fail(A, &self.model, &fault, self.start + seconds(at));
        }

        /// The class of the block and its end, in seconds after the start.
        fn block(&self, at: u64) -> Option<(Class, Option<u64>)> {
            let block = self.health.block(A, "m", self.start + seconds(at))?;
            let until = block.until.map(|until| (until - self.start).as_secs());
            Some((block.class, until))
        }
    }

    #[test]
    fn the_ladder_is_climbed_once_per_window() {
        let mut bench = Bench::new();
        for _ in 0..20 {
            bench.fail(Class::Quota, ladder(), 0);
        }
        assert_eq!(bench.block(0), Some((Class::Quota, Some(1))));
        let mut at = 1;
        for step in 1..=10 {
            assert_eq!(bench.block(at), None);
            bench.fail(Class::Quota, ladder(), at);
            assert_eq!(
                bench.block(at),
                Some((Class::Quota, Some(at + (1 << step))))
            );
            at += 1 << step;
        }
        for _ in 0..30 {
            bench.fail(Class::Quota, ladder(), at);
            assert_eq!(bench.block(at), Some((Class::Quota, Some(at + 1800))));
            at += 1800;
        }
        bench.health.succeed(A, "m", bench.start + seconds(at));
        assert!(bench.health.is_unblemished(A));
        bench.fail(Class::Quota, ladder(), at);
        assert_eq!(bench.block(at), Some((Class::Quota, Some(at + 1))));
    }

    #[test]
    fn a_later_hint_extends_and_an_earlier_one_does_not_shorten() {
        let mut bench = Bench::new();
        bench.fail(Class::Quota, Pause::Hint(seconds(100)), 0);
        bench.fail(Class::Quota, Pause::Hint(seconds(50)), 10);
        assert_eq!(bench.block(10), Some((Class::Quota, Some(100))));
        bench.fail(Class::Quota, Pause::Hint(seconds(200)), 10);
        assert_eq!(bench.block(10), Some((Class::Quota, Some(210))));
    }

    #[test]
    fn worse_outranks_longer() {
        let mut bench = Bench::new();
        bench.fail(Class::Quota, Pause::Hint(seconds(10)), 0);
        bench.fail(Class::Transient, Pause::Fixed(seconds(60)), 0);
        assert_eq!(bench.block(0), Some((Class::Quota, Some(10))));
        bench.fail(Class::Credential, Pause::UntilChanged, 0);
        assert_eq!(bench.block(0), Some((Class::Credential, None)));
        bench.health.changed(A, false);
        assert_eq!(bench.block(0), Some((Class::Quota, Some(10))));
    }

    #[test]
    fn other_models_are_not_blamed_for_the_old_ones() {
        let mut bench = Bench::new();
        bench.fail(Class::Transient, Pause::Fixed(seconds(60)), 0);
        bench.health.changed(A, false);
        assert_eq!(bench.block(0), Some((Class::Transient, Some(60))));
        bench.health.changed(A, true);
        assert_eq!(bench.block(0), None);
    }

    #[test]
    fn a_success_clears_only_what_came_before_its_request() {
        let mut bench = Bench::new();
        bench.fail(Class::Transient, Pause::Fixed(seconds(60)), 10);
        bench.health.succeed(A, "m", bench.start + seconds(9));
        assert!(bench.block(11).is_some());
        bench.health.succeed(A, "other", bench.start + seconds(10));
        assert!(bench.block(11).is_some());
        bench.health.succeed(A, "m", bench.start + seconds(10));
        assert_eq!(bench.block(11), None);
    }

    #[test]
    fn a_credentials_fault_is_every_models() {
        let mut bench = Bench::new();
        bench.fail(Class::Payment, Pause::Fixed(seconds(60)), 0);
        let block = bench.health.block(A, "another", bench.start);
        assert_eq!(block.map(|block| block.class), Some(Class::Payment));
        assert_eq!(bench.health.block(CredentialId(2), "m", bench.start), None);
    }

    #[test]
    fn windows_block_and_clear() {
        let mut bench = Bench::new();
        let full = Windows {
            exhausted: Some(seconds(100)),
            used: 1.0,
        };
        let at = |n| bench.start + seconds(n);
        let (start, later) = (at(0), at(5));
        bench.health.note(A, full, start, start);
        assert_eq!(bench.block(1), Some((Class::Quota, Some(100))));
        assert_eq!(bench.health.headroom(A), 0.0);
        let free = Windows {
            exhausted: None,
            used: 0.25,
        };
        bench.health.note(A, free, later, later);
        assert_eq!(bench.block(6), None);
        assert_eq!(bench.health.headroom(A), 0.75);
    }

    #[test]
    fn a_long_block_is_probed_now_and_then() {
        let mut bench = Bench::new();
        bench.fail(Class::Quota, Pause::Hint(seconds(24 * 3600)), 0);
        let mut probe = |at| bench.health.probe(A, "m", bench.start + seconds(at));
        assert!(!probe(60));
        assert!(probe(1800));
        assert!(!probe(1801));
        assert!(probe(3600));
    }
}
