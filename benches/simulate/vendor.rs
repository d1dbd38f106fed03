//! Simulated upstreams: prompt caches as vendors document them, quotas and failures.

use std::collections::HashMap;

use holdfast::unversioned::session::prefix::Beginning;

use crate::random::Random;

/// How long a prompt stays cached after its last use (Anthropic: 5 minutes; OpenAI: 5 to 10).
const CACHED_FOR: f64 = 300.0;
/// Tokens below which nothing is cached (Anthropic, OpenAI).
const LEAST_CACHED: u64 = 1_024;
/// Requests that one credential serves at once; more wait.
const AT_ONCE: usize = 12;

/// One account at a vendor.
#[derive(Debug, Default)]
pub struct Account {
    /// Cached prefixes and their last use.
    cache: HashMap<u64, (u64, f64)>,
    /// The period in which it answers 503: from, to.
    outages: Vec<(f64, f64)>,
    /// The time from which its key is refused.
    revoked: Option<f64>,
    /// The token quota per window, and the length of a window.
    quota: Option<(u64, f64)>,
    window: (u64, u64),
    /// The end times of running requests.
    busy: Vec<f64>,
    pub served: u64,
    pub tokens: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Refusal {
    Overloaded,
    /// Seconds until the quota is renewed.
    OutOfQuota(f64),
    Unauthorized,
}

impl Account {
    pub fn with_failures(random: &mut Random, length: f64) -> Self {
        let mut account = Self::default();
        let mut at = random.exponential(1_800.0);
        while at < length {
            let lasts = random.exponential(45.0);
            account.outages.push((at, at + lasts));
            at += lasts + random.exponential(1_800.0);
        }
        account.quota = Some((30_000_000, 1_800.0));
        account
    }

    pub fn revoke(&mut self, at: f64) {
        self.revoked = Some(at);
    }

    /// Why a request would be refused.
    pub fn refusal(&self, now: f64) -> Option<Refusal> {
        if self.revoked.is_some_and(|at| now >= at) {
            return Some(Refusal::Unauthorized);
        }
        if self
            .outages
            .iter()
            .any(|(from, to)| (*from..*to).contains(&now))
        {
            return Some(Refusal::Overloaded);
        }
        let (most, length) = self.quota?;
        let window = (now / length) as u64;
        (self.window.0 == window && self.window.1 >= most)
            .then(|| Refusal::OutOfQuota((window + 1) as f64 * length - now))
    }

    /// The cached tokens of a prompt.
    pub fn cached(&self, prompt: &[Beginning], now: f64) -> u64 {
        let is_cached = |beginning: &&Beginning| {
            let known = self.cache.get(&beginning.hash);
            known.is_some_and(|(_, used)| now - used <= CACHED_FOR)
        };
        let longest = prompt.iter().rev().find(is_cached);
        longest.map_or(0, |beginning| beginning.size)
    }

    /// Serves a request. Returns the cached tokens, the time in the queue, and the total time.
    pub fn serve(&mut self, prompt: &[Beginning], output: u64, now: f64) -> (u64, f64, f64) {
        let cached = self.cached(prompt, now);
        let total = prompt.last().map_or(0, |last| last.size);
        for beginning in prompt {
            if beginning.size >= LEAST_CACHED {
                self.cache.insert(beginning.hash, (beginning.size, now));
            }
        }
        if let Some((_, length)) = self.quota {
            let window = (now / length) as u64;
            if self.window.0 != window {
                self.window = (window, 0);
            }
            // Cached tokens cost a tenth.
            self.window.1 += total - cached + cached / 10;
        }
        self.served += 1;
        self.tokens += total;
        self.busy.retain(|end| *end > now);
        let wait = match self.busy.len().checked_sub(AT_ONCE) {
            None => 0.0,
            Some(ahead) => {
                let mut ends = self.busy.clone();
                ends.sort_by(f64::total_cmp);
                ends[ahead] - now
            }
        };
        let work = 0.5 + (total - cached) as f64 / 10_000.0 + output as f64 / 80.0;
        self.busy.push(now + wait + work);
        (cached, wait, wait + work)
    }

    pub fn busy(&self, now: f64) -> usize {
        self.busy.iter().filter(|end| **end > now).count()
    }

    /// Removes expired entries.
    pub fn tidy(&mut self, now: f64) {
        self.cache.retain(|_, (_, used)| now - *used <= CACHED_FOR);
    }
}
