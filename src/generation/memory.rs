//! Memory for a request that becomes larger on its way.

use std::time::{Duration, Instant, SystemTime};

use super::context::Generation;
use crate::budget::{Exhausted, Reservation};
use crate::failure::{Failure, FailureKind, Headers};
use crate::wire::problem::{self, Problem};

/// How often it is tried again to take memory.
const RETRY: Duration = Duration::from_millis(20);

impl Generation<'_> {
    /// Takes memory for a translation, or waits for it as long as a request waits for a worker.
    pub(super) fn reserve(&self, bytes: usize) -> Result<Reservation, Failure> {
        let budget = &self.services.budget;
        if bytes > budget.limit() {
            let problem = Problem::too_large_to_translate();
            let body = problem::render(self.operation.dialect, &problem);
            let now = SystemTime::now();
            return Err(Failure::of_status(
                problem.status.code(),
                Headers::default(),
                body,
                now,
            ));
        }
        let limit = Instant::now() + self.snapshot.config.limits.queue_timeout;
        loop {
            match budget.reserve(bytes) {
                Ok(reservation) => return Ok(reservation),
                Err(Exhausted) if Instant::now() >= limit => return Err(Failure::no_memory()),
                Err(Exhausted) if self.waiter.pause(RETRY) => {}
                Err(Exhausted) => {
                    let message = "the client has hung up";
                    return Err(Failure::new(FailureKind::ClientGone, message));
                }
            }
        }
    }
}
