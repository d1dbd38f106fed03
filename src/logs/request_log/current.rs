//! The request that a thread works on. A worker has one at a time: the lines it logs carry its id, and the upstreams
//! it calls belong to its request log.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::sync::Arc;

use super::policy::Policy;
use super::upstream_log::UpstreamLog;
use crate::logs::request_id::RequestId;

thread_local! {
    static ID: Cell<Option<RequestId>> = const { Cell::new(None) };
    static UPSTREAM: RefCell<Option<UpstreamLog>> = const { RefCell::new(None) };
}

/// Makes a request the current one of this thread until it is dropped, also by a panic.
pub struct CurrentRequest(());

/// Begins request `id` on this thread. Its upstream calls are buffered in `folder` as `policy` says.
pub fn enter(id: RequestId, policy: Policy, folder: &Arc<Path>) -> CurrentRequest {
    ID.set(Some(id));
    UPSTREAM.set(match policy {
        Policy::Off => None,
        policy => Some(UpstreamLog::new(policy, Arc::clone(folder))),
    });
    CurrentRequest(())
}

/// The id of this thread's request.
pub fn id() -> Option<RequestId> {
    ID.get()
}

impl CurrentRequest {
    /// Takes out what was logged of its upstream calls.
    pub fn upstream(&self) -> Option<UpstreamLog> {
        UPSTREAM.take()
    }
}

impl Drop for CurrentRequest {
    fn drop(&mut self) {
        ID.set(None);
        UPSTREAM.set(None);
    }
}

/// Calls `action` with the upstream log of this thread's request, if there is one.
pub(super) fn with<T>(action: impl FnOnce(&mut UpstreamLog) -> T) -> Option<T> {
    UPSTREAM.with_borrow_mut(|upstream| upstream.as_mut().map(action))
}
