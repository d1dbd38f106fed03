//! A credential that already has part of what a new session needs.

use crate::session::bindings::CredentialId;

#[derive(Clone, Copy, Debug)]
pub struct Near {
    pub credential_id: CredentialId,
    /// How many sessions more than elsewhere are still worth it.
    pub slack: f64,
}
