//! Numbers for credentials, so that what is kept about them can be found without comparing texts.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::session::bindings::Holder;

/// An id keeps its number for as long as the process lives, across reloads.
#[derive(Debug, Default)]
pub struct Holders(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    numbers: HashMap<Arc<str>, Holder>,
    ids: Vec<Arc<str>>,
}

impl Holders {
    pub fn number(&self, id: &str) -> Holder {
        let mut known = self.0.lock();
        if let Some(holder) = known.numbers.get(id) {
            return *holder;
        }
        let holder = Holder(u32::try_from(known.ids.len()).unwrap_or(u32::MAX));
        let id: Arc<str> = Arc::from(id);
        known.ids.push(Arc::clone(&id));
        known.numbers.insert(id, holder);
        holder
    }

    pub fn id(&self, holder: Holder) -> Option<Arc<str>> {
        self.0.lock().ids.get(holder.index()).cloned()
    }
}
