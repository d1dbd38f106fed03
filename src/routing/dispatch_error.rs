//! A request that nobody could serve: which failure is worth telling, and when to come back.

use std::time::{Duration, Instant};

use super::router::{RouteRequest, Router};
use crate::failure::{Class, Failure, Fault};

#[derive(Debug, Default)]
pub struct DispatchError {
    /// Upstream calls made.
    pub attempts: usize,
    /// How many credentials were themselves refused, as not accepted, unpaid or not allowed.
    pub refused: usize,
    /// The failure most worth telling; `None` when no call was made.
    pub failure: Option<Failure>,
    /// What that failure is.
    pub class: Option<Class>,
    rank: u8,
    pub availability: Availability,
}

impl DispatchError {
    pub(super) fn add(&mut self, failure: Failure, fault: &Fault) {
        if is_refusal(fault.class) {
            self.refused += 1;
        }
        let rank = rank(&failure, fault.class);
        let is_better = match &self.failure {
            None => true,
            Some(_) if rank != self.rank => rank > self.rank,
            Some(known) if failure.status == Some(429) => failure.retry_after < known.retry_after,
            Some(_) => true,
        };
        if is_better {
            self.rank = rank;
            self.class = Some(fault.class);
            self.failure = Some(failure);
        }
    }

    /// Whether the failure to tell is about a credential of ours.
    pub fn is_refusal(&self) -> bool {
        self.class.is_some_and(is_refusal)
    }
}

fn is_refusal(class: Class) -> bool {
    matches!(
        class,
        Class::Credential | Class::Payment | Class::Permission
    )
}

/// Which of several failures is worth telling: the higher, the more useful (spec/routing.md D 42).
fn rank(failure: &Failure, class: Class) -> u8 {
    match (class, failure.status) {
        (Class::ClientGone, _) => 9,
        (Class::Request, _) => 8,
        (Class::Permission, _) => 4,
        (Class::Payment, _) => 3,
        (Class::Credential, _) => 2,
        (_, Some(429)) => 7,
        (_, Some(408 | 500..)) => 6,
        (_, Some(_)) => 5,
        (_, None) => 1,
    }
}

/// Who could be asked once more, and when.
#[derive(Debug, Default)]
pub struct Availability {
    /// How many candidates the model has.
    pub candidates: usize,
    /// How many of them are blocked, by class, the worst class first.
    pub blocked: Vec<(Class, usize)>,
    /// Until the first of them can be used again; `None` when somebody can be, or nobody ever.
    pub earliest: Option<Duration>,
    /// The kinds of upstream, each once.
    pub providers: Vec<String>,
}

impl Availability {
    pub(super) fn of(router: &Router, request: &RouteRequest<'_>, now: Instant) -> Self {
        let mut availability = Self::default();
        let mut earliest: Option<Instant> = None;
        for candidate in request.candidates().iter().filter(|c| request.serves(c)) {
            availability.candidates += 1;
            let provider = candidate.credential.provider.key();
            if !availability.providers.iter().any(|known| known == provider) {
                availability.providers.push(provider.to_owned());
            }
            let Some(block) = router.block(candidate, now) else {
                continue;
            };
            let known = availability
                .blocked
                .iter_mut()
                .find(|(class, _)| *class == block.class);
            match known {
                Some((_, count)) => *count += 1,
                None => availability.blocked.push((block.class, 1)),
            }
            if let Some(until) = block.until
                && earliest.is_none_or(|known| until < known)
            {
                earliest = Some(until);
            }
        }
        availability
            .blocked
            .sort_by_key(|(class, _)| std::cmp::Reverse(*class));
        let blocked: usize = availability.blocked.iter().map(|(_, count)| count).sum();
        if blocked == availability.candidates {
            availability.earliest = earliest.map(|at| at.saturating_duration_since(now));
        }
        availability
    }

    /// Whether all are blocked, at least one of them because its quota is used up.
    pub fn is_out_of_quota(&self) -> bool {
        self.is_complete() && self.blocked.iter().any(|(class, _)| *class == Class::Quota)
    }

    /// Whether all are blocked, and none for anything but that nobody has paid.
    pub fn is_unpaid(&self) -> bool {
        self.is_complete()
            && self
                .blocked
                .iter()
                .all(|(class, _)| *class == Class::Payment)
    }

    /// Whether all are blocked, and for more than a passing illness.
    pub fn is_complete(&self) -> bool {
        let blocked: usize = self.blocked.iter().map(|(_, count)| count).sum();
        self.candidates > 0 && blocked == self.candidates
    }

    /// `3 candidates: 2 quota, 1 credential`.
    pub fn describe(&self) -> String {
        let classes: Vec<String> = self
            .blocked
            .iter()
            .map(|(class, count)| format!("{count} {}", class.name()))
            .collect();
        let plural = if self.candidates == 1 { "" } else { "s" };
        format!(
            "{} candidate{plural}: {}",
            self.candidates,
            classes.join(", ")
        )
    }
}
