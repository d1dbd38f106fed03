//! The error of a request that no credential could serve: the failure to report and the time to retry.

use std::time::{Duration, Instant};

use super::route_request::RouteRequest;
use super::router::Router;
use crate::failure::{Class, Failure, Fault};

/// A request that no credential could serve.
#[derive(Debug, Default)]
pub struct DispatchError {
    /// Upstream calls made.
    pub attempts: usize,
    /// Credentials that were rejected: invalid, unpaid or without permission.
    pub refused: usize,
    /// The most informative failure; `None` if no call was made.
    pub failure: Option<Failure>,
    /// The class of that failure.
    pub class: Option<Class>,
    rank: u8,
    /// The state of the candidates afterwards.
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

    /// Whether the failure is a rejected credential.
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

/// How informative a failure is to the client. A fault in the request comes first, because retrying is useless, then
/// 429, because it says when to retry; failures of credentials come last, because the client cannot fix them.
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

/// Which candidates are blocked, and until when.
#[derive(Debug, Default)]
pub struct Availability {
    /// The number of candidates.
    pub candidates: usize,
    /// The number of blocked candidates by class, the most severe class first.
    pub blocked: Vec<(Class, usize)>,
    /// The time until the first of them is usable; `None` if one is usable now or none will be.
    pub earliest: Option<Duration>,
    /// The kinds of upstream, without duplicates.
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

    /// Whether all are blocked, at least one because of its quota.
    pub fn is_out_of_quota(&self) -> bool {
        self.is_complete() && self.blocked.iter().any(|(class, _)| *class == Class::Quota)
    }

    /// Whether all are blocked for lack of payment.
    pub fn is_unpaid(&self) -> bool {
        self.is_complete()
            && self
                .blocked
                .iter()
                .all(|(class, _)| *class == Class::Payment)
    }

    /// Whether all are blocked.
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
