//! Records of the calls of token endpoints.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::vendor::Vendor;

/// One call of a token endpoint.
#[derive(Clone, Debug)]
pub struct TokenCall {
    pub vendor: Vendor,
    pub grant: String,
    pub client: String,
    /// The mail address of the account; empty if the grant is unknown.
    pub account: String,
    pub at: Instant,
    /// `None` while it is under way.
    pub status: Option<u16>,
}

#[derive(Default)]
pub struct TokenCalls {
    kept: Mutex<Kept>,
    changed: Condvar,
}

#[derive(Default)]
struct Kept {
    calls: Vec<TokenCall>,
    under_way: usize,
    most_at_once: usize,
}

impl TokenCalls {
    /// Returns the number by which its end is told.
    pub fn begin(&self, call: TokenCall) -> usize {
        let mut kept = self.kept.lock();
        kept.calls.push(call);
        kept.under_way += 1;
        kept.most_at_once = kept.most_at_once.max(kept.under_way);
        self.changed.notify_all();
        kept.calls.len() - 1
    }

    pub fn end(&self, number: usize, status: u16) {
        let mut kept = self.kept.lock();
        kept.under_way -= 1;
        if let Some(call) = kept.calls.get_mut(number) {
            call.status = Some(status);
        }
        self.changed.notify_all();
    }

    pub fn all(&self) -> Vec<TokenCall> {
        self.kept.lock().calls.clone()
    }

    pub fn most_at_once(&self) -> usize {
        self.kept.lock().most_at_once
    }

    pub fn wait_for(&self, patience: Duration, wanted: impl Fn(&[TokenCall]) -> bool) -> bool {
        let deadline = Instant::now() + patience;
        let mut kept = self.kept.lock();
        loop {
            if wanted(&kept.calls) {
                return true;
            }
            if self.changed.wait_until(&mut kept, deadline).timed_out() {
                return wanted(&kept.calls);
            }
        }
    }
}
