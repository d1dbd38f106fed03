//! The log of a request, from its beginning to its end.

use std::sync::Arc;
use std::time::SystemTime;

use super::access_log::Access;
use super::access_log::CLIENT_GONE;
use super::inbound::{BodyState, Inbound};
use super::snapshot::Snapshot;
use crate::budget::Budget;
use crate::logs::current::{self, Entered};
use crate::logs::record::{self, Body, Record};
use crate::logs::request_id::RequestId;
use crate::logs::{Keep, Seen, Sent};

/// The least status that is a failure.
const FAILED: u16 = 400;
/// Bytes that a body may have once decoded, if it was not decoded to be answered: nobody has vouched for it.
const BODY: u64 = 1024 * 1024;

/// A request whose log is being kept.
pub struct RequestLog<'s> {
    snapshot: &'s Snapshot,
    keep: Keep,
    entered: Entered,
}

impl<'s> RequestLog<'s> {
    #[inline(never)]
    pub fn begin(snapshot: &'s Snapshot, inbound: &Inbound, id: RequestId) -> Self {
        let Inbound { method, target, .. } = inbound;
        let upgrades = inbound.headers.get("upgrade");
        let upgrades = upgrades.is_some_and(|to| to.eq_ignore_ascii_case("websocket"));
        let keep = Keep::of(&snapshot.config.logs, method, target, upgrades);
        Self {
            snapshot,
            keep,
            entered: current::enter(id, keep, &snapshot.log_folder),
        }
    }

    /// For what goes to the client.
    pub fn seen(&self) -> Seen {
        Seen::new(self.keep, Arc::clone(&self.snapshot.log_folder))
    }

    /// Writes the log, if there is to be one.
    #[inline(never)]
    pub fn end(self, inbound: Inbound, access: &Access, sent: Sent) {
        let status = access.status();
        let is_wanted = match self.keep {
            // Whoever is refused at the door could fill the disk, or push out the files of others.
            _ if !access.is_admitted() => false,
            Keep::Nothing => false,
            // Whoever leaves early has not met a failure.
            Keep::Failures => status >= FAILED && status != CLIENT_GONE,
            Keep::Everything => true,
        };
        if is_wanted {
            self.write(inbound, access, sent);
        }
    }

    #[inline(never)]
    fn write(self, mut inbound: Inbound, access: &Access, sent: Sent) {
        // What it fails with is told in its place.
        let _ = inbound.decode(BODY, &Budget::unlimited());
        let headers: Vec<(&str, &str)> = inbound.headers.iter().collect();
        let is_told = sent.status.is_none_or(|status| status >= FAILED);
        let failure = access.failure().filter(|_| !is_told);
        let record = Record {
            id: access.id,
            method: &inbound.method,
            target: &inbound.target,
            headers: &headers,
            body: match inbound.body_state {
                BodyState::Undecodable(why) => Body::Undecodable(why.to_string()),
                BodyState::Released { bytes } => {
                    let what = "bytes were not kept once the answer had begun";
                    Body::Undecodable(format!("{bytes} {what}"))
                }
                BodyState::Received | BodyState::Decoded => Body::Plain(&inbound.body),
            },
            arrived: SystemTime::now()
                .checked_sub(inbound.arrived.elapsed())
                .unwrap_or_else(SystemTime::now),
            status: access.status(),
            failure: failure.as_deref(),
            upstream: self.entered.upstream(),
            sent,
        };
        let logs = &self.snapshot.config.logs;
        record::write(&self.snapshot.log_folder, logs, self.keep, record);
    }
}
