//! The log of a request, from its beginning to its end.

use std::sync::Arc;
use std::time::SystemTime;

use super::access_log::Access;
use super::error_answer::CLIENT_GONE;
use super::inbound::{Coding, Inbound};
use super::snapshot::Snapshot;
use crate::budget::Budget;
use crate::logs::request_id::RequestId;
use crate::logs::request_log::{self, CapturedResponse, CurrentRequest, Policy};
use crate::logs::request_log::{LoggedRequest, RequestBody, ResponseCapture};

/// The least status that is a failure.
const FAILED: u16 = 400;
/// Bytes that a body may have once decoded, if it was not decoded to be answered: nobody has vouched for it.
const BODY: u64 = 1024 * 1024;

/// A request whose log is being kept.
pub struct RequestLog<'s> {
    snapshot: &'s Snapshot,
    policy: Policy,
    current: CurrentRequest,
}

impl<'s> RequestLog<'s> {
    #[inline(never)]
    pub fn begin(snapshot: &'s Snapshot, inbound: &Inbound, id: RequestId) -> Self {
        let Inbound { method, target, .. } = inbound;
        let upgrades = inbound.headers.get("upgrade");
        let upgrades = upgrades.is_some_and(|to| to.eq_ignore_ascii_case("websocket"));
        let policy = Policy::of(&snapshot.config.logs, method, target, upgrades);
        Self {
            snapshot,
            policy,
            current: request_log::enter(id, policy, &snapshot.log_folder),
        }
    }

    /// For what goes to the client.
    pub fn seen(&self) -> ResponseCapture {
        ResponseCapture::new(self.policy, Arc::clone(&self.snapshot.log_folder))
    }

    /// Writes the log, if there is to be one.
    #[inline(never)]
    pub fn end(self, inbound: Inbound, access: &Access, response: CapturedResponse) {
        let status = access.status();
        let is_wanted = match self.policy {
            // Whoever is refused at the door could fill the disk, or push out the files of others.
            _ if !access.is_admitted() => false,
            Policy::Off => false,
            // Whoever leaves early has not met a failure.
            Policy::ErrorsOnly => status >= FAILED && status != CLIENT_GONE,
            Policy::Full => true,
        };
        if is_wanted {
            self.write(inbound, access, response);
        }
    }

    #[inline(never)]
    fn write(self, mut inbound: Inbound, access: &Access, response: CapturedResponse) {
        // What it fails with is told in its place.
        let _ = inbound.decode(BODY, &Budget::unlimited());
        let headers: Vec<(&str, &str)> = inbound.headers.iter().collect();
        let is_told = response.status.is_none_or(|status| status >= FAILED);
        let failure = access.failure().filter(|_| !is_told);
        let request = LoggedRequest {
            id: access.id,
            method: &inbound.method,
            target: &inbound.target,
            headers: &headers,
            body: match inbound.coding {
                Coding::Broken(why) => RequestBody::Missing(why.to_string()),
                Coding::Released { bytes } => {
                    let what = "bytes were not kept once the answer had begun";
                    RequestBody::Missing(format!("{bytes} {what}"))
                }
                Coding::AsItCame | Coding::Undone => RequestBody::Plain(&inbound.body),
            },
            arrived: SystemTime::now()
                .checked_sub(inbound.arrived.elapsed())
                .unwrap_or_else(SystemTime::now),
            status: access.status(),
            failure: failure.as_deref(),
            upstream: self.current.upstream(),
            response,
        };
        let logs = &self.snapshot.config.logs;
        request_log::write(&self.snapshot.log_folder, logs, self.policy, request);
    }
}
