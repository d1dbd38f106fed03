//! A prompt cache as vendors describe theirs: what an account has sent before is known up to the longest prefix of
//! whole messages, for five minutes after its last use.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

/// How long a prefix is known without use (Anthropic, "Prompt caching": 5 minutes by default).
const LIFETIME: Duration = Duration::from_secs(5 * 60);
/// How many prefixes are known at once.
const CAPACITY: usize = 100_000;

#[derive(Debug, Default)]
pub struct PromptCache {
    /// By what was hashed up to the end of a message; with the time until which it is known.
    known: HashMap<u64, Instant>,
}

/// How much of a request was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Tokens in all.
    pub total: u64,
    /// Tokens of the longest known prefix.
    pub cached: u64,
}

/// An estimate: four bytes a token.
pub fn tokens(bytes: usize) -> u64 {
    bytes.div_ceil(4) as u64
}

impl PromptCache {
    /// Looks up a request of `account` for `model`, and remembers it.
    pub fn ask(&mut self, account: &str, model: &str, parts: &[String], now: Instant) -> Hit {
        let mut hasher = DefaultHasher::new();
        (account, model).hash(&mut hasher);
        let mut hit = Hit {
            total: 0,
            cached: 0,
        };
        let mut prefixes = Vec::with_capacity(parts.len());
        for part in parts {
            part.hash(&mut hasher);
            let prefix = hasher.finish();
            hit.total += tokens(part.len());
            if self.known.get(&prefix).is_some_and(|until| *until >= now) {
                hit.cached = hit.total;
            }
            prefixes.push(prefix);
        }
        if self.known.len() + prefixes.len() > CAPACITY {
            self.known.retain(|_, until| *until >= now);
        }
        if self.known.len() + prefixes.len() > CAPACITY {
            self.known.clear();
        }
        let until = now + LIFETIME;
        self.known
            .extend(prefixes.into_iter().map(|prefix| (prefix, until)));
        hit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn the_longest_prefix_counts() {
        let mut cache = PromptCache::default();
        let now = Instant::now();
        let first = parts(&["system..", "hello..."]);
        let second = parts(&["system..", "hello...", "hi......", "more...."]);
        let other = parts(&["system..", "goodbye."]);
        let hit = |total, cached| Hit { total, cached };
        assert_eq!(cache.ask("a", "m", &first, now), hit(4, 0));
        assert_eq!(cache.ask("a", "m", &second, now), hit(8, 4));
        assert_eq!(cache.ask("a", "m", &other, now), hit(4, 2));
        assert_eq!(cache.ask("b", "m", &second, now), hit(8, 0));
        assert_eq!(cache.ask("a", "n", &second, now), hit(8, 0));
    }

    #[test]
    fn it_forgets_after_five_minutes_without_use() {
        let mut cache = PromptCache::default();
        let start = Instant::now();
        let parts = parts(&["some text"]);
        cache.ask("a", "m", &parts, start);
        assert_eq!(cache.ask("a", "m", &parts, start + LIFETIME).cached, 3);
        assert_eq!(cache.ask("a", "m", &parts, start + LIFETIME * 2).cached, 3);
        let late = start + LIFETIME * 3 + Duration::from_nanos(1);
        assert_eq!(cache.ask("a", "m", &parts, late).cached, 0);
    }
}
