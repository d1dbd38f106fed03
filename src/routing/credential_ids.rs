//! Numbers for credentials, so that what is kept about them can be found without comparing texts.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::session::bindings::CredentialId;

/// An id keeps its number for as long as the process lives, across reloads.
#[derive(Debug, Default)]
pub struct CredentialIds(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    numbers: HashMap<Arc<str>, CredentialId>,
    ids: Vec<Arc<str>>,
}

impl CredentialIds {
    pub fn number(&self, id: &str) -> CredentialId {
        let mut known = self.0.lock();
        if let Some(credential_id) = known.numbers.get(id) {
            return *credential_id;
        }
        let credential_id = CredentialId(u32::try_from(known.ids.len()).unwrap_or(u32::MAX));
        let id: Arc<str> = Arc::from(id);
        known.ids.push(Arc::clone(&id));
        known.numbers.insert(id, credential_id);
        credential_id
    }

    pub fn id(&self, credential_id: CredentialId) -> Option<Arc<str>> {
        self.0.lock().ids.get(credential_id.index()).cloned()
    }
}
