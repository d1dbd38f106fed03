//! Spending the credits of an account, which cost money.

use super::context::Attempt;
use crate::credential::Provider;

impl Attempt<'_> {
    /// Whether the account's credits may be spent: that is configured, and no other credential of the same priority can
    /// serve the model without them.
    pub fn may_spend_credits(&self) -> bool {
        let own = &self.candidate.credential;
        own.provider == Provider::Antigravity
            && self.generation.snapshot.config.google.antigravity_credits
            && !(self.has_free_peer)()
    }
}
