//! The request that a thread is at work on. A worker has one at a time, and all it does meanwhile belongs to
//! it: the lines it logs bear its id, the upstreams it calls are written into its log.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::sync::Arc;

use super::keep::Keep;
use super::request_id::RequestId;
use super::upstream::Upstream;

thread_local! {
    static ID: Cell<Option<RequestId>> = const { Cell::new(None) };
    static UPSTREAM: RefCell<Option<Upstream>> = const { RefCell::new(None) };
}

/// A request under way. Dropping it ends it, also when its worker panics.
pub struct Entered(());

/// Begins request `id`, of which `keep` is to be written into `folder`.
pub fn enter(id: RequestId, keep: Keep, folder: &Arc<Path>) -> Entered {
    ID.set(Some(id));
    let upstream = match keep {
        Keep::Nothing => None,
        keep => Some(Upstream::new(keep, Arc::clone(folder))),
    };
    UPSTREAM.set(upstream);
    Entered(())
}

/// The id of this thread's request.
pub fn id() -> Option<RequestId> {
    ID.get()
}

impl Entered {
    /// What was kept of its upstreams.
    pub fn upstream(&self) -> Option<Upstream> {
        UPSTREAM.take()
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        ID.set(None);
        UPSTREAM.set(None);
    }
}

/// What is kept of the upstreams of this thread's request, if anything is.
pub(super) fn with<T>(look: impl FnOnce(&mut Upstream) -> T) -> Option<T> {
    UPSTREAM.with_borrow_mut(|upstream| upstream.as_mut().map(look))
}
