//! The request log of one request.

use std::sync::Arc;
use std::time::SystemTime;

use super::access_log::{Access, CLIENT_GONE};
use super::inbound::{BodyState, Inbound};
use super::snapshot::Snapshot;
use crate::budget::Budget;
use crate::logs::request_id::RequestId;
use crate::logs::request_log::{
    self, CapturedResponse, CurrentRequest, LoggedRequest, Policy, RequestBody, ResponseCapture,
};

/// The lowest status of an error.
const FAILED: u16 = 400;
/// The largest body that is decoded for the log alone, bytes.
const BODY: u64 = 1024 * 1024;

/// The request log of one request.
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

    /// The capture of the answer.
    pub fn seen(&self) -> ResponseCapture {
        ResponseCapture::new(self.policy, Arc::clone(&self.snapshot.log_folder))
    }

    /// Writes the log if the configuration asks for it.
    #[inline(never)]
    pub fn end(self, inbound: Inbound, access: &Access, response: CapturedResponse) {
        let status = access.status();
        let is_wanted = match self.policy {
            // Unauthenticated clients could fill the disk or displace other logs.
            _ if !access.is_admitted() => false,
            Policy::Off => false,
            // A client that disconnects is not a failure.
            Policy::ErrorsOnly => status >= FAILED && status != CLIENT_GONE,
            Policy::Full => true,
        };
        if is_wanted {
            self.write(inbound, access, response);
        }
    }

    #[inline(never)]
    fn write(self, mut inbound: Inbound, access: &Access, response: CapturedResponse) {
        // A decoding error is written in place of the body.
        let _ = inbound.decode(BODY, &Budget::unlimited());
        let headers: Vec<(&str, &str)> = inbound.headers.iter().collect();
        let has_error_status = response.status.is_none_or(|status| status >= FAILED);
        let failure = access.failure().filter(|_| !has_error_status);
        let request = LoggedRequest {
            id: access.id,
            method: &inbound.method,
            target: &inbound.target,
            headers: &headers,
            body: match inbound.body_state {
                BodyState::Undecodable(why) => RequestBody::Missing(why.to_string()),
                BodyState::Released { bytes } => {
                    let what = "bytes, released when the answer began";
                    RequestBody::Missing(format!("{bytes} {what}"))
                }
                BodyState::Received | BodyState::Decoded => RequestBody::Plain(&inbound.body),
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
