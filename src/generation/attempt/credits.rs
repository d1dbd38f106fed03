//! Spending the credits of an account, which cost money.

use std::time::Instant;

use super::context::Attempt;
use crate::credential::Provider;

impl Attempt<'_> {
    /// Whether the account's credits may be spent: that is configured, and no other credential of the same priority can
    /// serve the model without them.
    pub fn may_spend_credits(&self) -> bool {
        let own = &self.candidate.credential;
        if own.provider != Provider::Antigravity
            || !self.generation.snapshot.config.google.antigravity_credits
        {
            return false;
        }
        let now = Instant::now();
        let mut others = self
            .entry
            .candidates()
            .iter()
            .filter(|other| other.credential_id != self.candidate.credential_id)
            .filter(|other| other.credential.priority == own.priority);
        self.generation
            .services
            .routing
            .with(|router| !others.any(|other| router.block(other, now).is_none()))
    }
}
