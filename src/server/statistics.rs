//! What requests have cost, for the usage statistics: recorded as attempts end, kept in a file where one is
//! configured (`usage-statistics-enabled`, `usage-statistics-file`).

use std::fs;
use std::io;
use std::time::{Duration, Instant, SystemTime};

use super::Server;
use super::generation::Generation;
use super::remembered::{LARGEST, read};
use crate::atomic_file::replace;
use crate::dialect::Dialect;
use crate::dialect::translate::Form;
use crate::dialect::usage::Usage;
use crate::provider::Action;
use crate::routing::{Candidate, UpstreamModel};
use crate::usage::{Attempt, Names, Requests, Snapshot, Tokens};

/// How often they are written down. At their largest they are some 25 MB, and a router's flash wears.
pub const WRITE_INTERVAL: Duration = Duration::from_secs(600);

/// When an attempt began, by both clocks.
#[derive(Clone, Copy)]
pub struct Began {
    wall: SystemTime,
    at: Instant,
}

impl Began {
    pub fn now() -> Self {
        Self {
            wall: SystemTime::now(),
            at: Instant::now(),
        }
    }
}

impl Generation<'_> {
    /// Whether it is recorded. Counting is not (`spec/config.md` 6.4).
    pub(super) fn is_recorded(&self) -> bool {
        self.snapshot.config.usage.enabled && self.operation.action != Action::Count
    }

    /// An attempt is over.
    pub(super) fn record(
        &self,
        candidate: &Candidate,
        upstream_model: &UpstreamModel,
        began: Began,
        usage: Option<Usage>,
        failed: bool,
    ) {
        let credential = &candidate.credential;
        let tokens = usage.map(|usage| Tokens::of(credential.dialect(), usage));
        let key = self.client_name();
        self.server.usage.record(Attempt {
            api: match key {
                "" => self.route_name(),
                key => key,
            },
            model: &upstream_model.name,
            source: &credential.account(),
            auth_index: &credential.auth_index,
            began: began.wall,
            latency: began.at.elapsed(),
            tokens: tokens.unwrap_or_default(),
            failed,
        });
    }

    /// What stands for clients without a key. Not the path as it came: there must not be one for every spelling of a
    /// model.
    fn route_name(&self) -> &'static str {
        let operation = &self.operation;
        match (operation.dialect, operation.action) {
            (Dialect::Chat, _) if operation.form == Form::Completions => "POST /v1/completions",
            (Dialect::Chat, _) => "POST /v1/chat/completions",
            (Dialect::Messages, _) => "POST /v1/messages",
            (Dialect::Responses, Action::Compact) => "POST /v1/responses/compact",
            (Dialect::Responses, Action::Count) => "POST /v1/responses/input_tokens",
            (Dialect::Responses, _) => "POST /v1/responses",
            (Dialect::Gemini, _) => match operation.streams_by_path() {
                true => "POST /v1beta/models/{model}:streamGenerateContent",
                false => "POST /v1beta/models/{model}:generateContent",
            },
        }
    }
}

impl Server {
    pub fn usage(&self) -> Snapshot {
        self.usage.snapshot(Names::Masked)
    }

    pub fn requests(&self) -> Requests {
        self.usage.requests()
    }

    /// Takes up the statistics that a file kept. One that cannot be read is put aside, so that nothing is written
    /// over it.
    pub fn restore_usage(&self) {
        let snapshot = self.snapshot.load();
        let Some(path) = &snapshot.config.usage.file else {
            return;
        };
        let restored = match read(path, LARGEST) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => Err(error),
            Ok(json) => self.usage.restore(&json).map_err(io::Error::other),
        };
        if let Err(error) = restored {
            let mut aside = path.as_os_str().to_owned();
            aside.push(".bad");
            log::warn!("{}: the statistics begin anew: {error}", path.display());
            if let Err(error) = fs::rename(path, aside) {
                log::warn!("{}: cannot be put aside: {error}", path.display());
            }
        }
    }

    /// Writes the statistics down, if there are new ones.
    pub fn write_usage(&self) {
        let snapshot = self.snapshot.load();
        let Some(path) = &snapshot.config.usage.file else {
            return;
        };
        let _writing = self.written.usage.lock();
        let Some(json) = self.usage.save(SystemTime::now()) else {
            return;
        };
        if let Err(error) = replace(path, &json) {
            self.usage.unsaved();
            log::warn!("{}: statistics are not kept: {error}", path.display());
        }
    }
}
