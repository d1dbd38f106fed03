//! Logging of attempts: debug lines and sections of request logs.

use super::context::Generation;
use crate::config::ProxySetting;
use crate::failure::{Failure, FailureKind};
use crate::logs::request_log::{CallIdentity, upstream};
use crate::routing::{Candidate, UpstreamModel};
use crate::wire::problem::{self, ErrorStatus};

impl Generation<'_> {
    /// Logs the start of an attempt.
    pub(super) fn log_attempt(&self, candidate: &Candidate, upstream_model: &UpstreamModel) {
        let is_debugging = log::log_enabled!(log::Level::Debug);
        if is_debugging || upstream::is_logged() {
            self.with_call_identity(candidate, |presented| {
                upstream::attempt(presented);
                let proxy = presented.proxy.and_then(|url| url.split_once("://"));
                log::debug!(
                    "requesting {} from {} with {}, proxy {}",
                    upstream_model.name,
                    candidate.id(),
                    candidate.credential.masked_id(),
                    proxy.map_or("none", |(scheme, _)| scheme),
                );
            });
        }
    }

    /// Logs a failed attempt, before its answer or during it.
    #[inline(never)]
    #[cold]
    pub(super) fn log_failed_attempt(&self, candidate: &Candidate, failure: &Failure) {
        let has_called = match failure.kind {
            FailureKind::Connect
            | FailureKind::Timeout
            | FailureKind::Broken
            | FailureKind::Status => true,
            FailureKind::ClientGone
            | FailureKind::Unsupported
            | FailureKind::Request
            | FailureKind::NoToken { .. }
            | FailureKind::Memory => false,
        };
        if !has_called {
            return;
        }
        self.with_call_identity(candidate, |presented| {
            upstream::attempt(presented);
            let body = String::from_utf8_lossy(&failure.body);
            let said = match body.is_empty() {
                true => &failure.message,
                false => &*body,
            };
            upstream::failure(failure.status, said);
            if let Some(status) = failure.status {
                self.log_upstream_error(candidate, failure, status);
            }
        });
    }

    /// Logs an upstream's error: refused credentials as warnings, all errors at debug level.
    fn log_upstream_error(&self, candidate: &Candidate, failure: &Failure, status: u16) {
        let is_refused = matches!(status, 401..=403);
        if !is_refused && !log::log_enabled!(log::Level::Debug) {
            return;
        }
        let credential = &candidate.credential;
        let problem = problem::read_upstream(
            credential.dialect_for(self.operation.dialect),
            ErrorStatus::from_upstream(status),
            &failure.body,
            failure.headers.get("content-type"),
        );
        let said = self.without_client_key(&problem.message);
        log::debug!("{} answered {status}: {said}", candidate.id());
        if is_refused {
            log::warn!(
                "the upstream refused {}: {status} ({said}); check {}, or run `holdfast doctor`",
                credential.masked_id(),
                credential.place(&self.snapshot.config.file),
            );
        }
    }

    fn with_call_identity(&self, candidate: &Candidate, log: impl FnOnce(&CallIdentity<'_>)) {
        let credential = &candidate.credential;
        // Header values from the client are not secrets of the credential.
        let headers = credential.headers_for(&[]);
        let proxy = match (&credential.proxy, &self.snapshot.config.proxy_url) {
            (ProxySetting::Inherit, global) => global,
            (own, _) => own,
        };
        log(&CallIdentity {
            provider: credential.provider.key(),
            id: &credential.id,
            label: &credential.label,
            key: credential.key.as_ref(),
            headers: &headers,
            proxy: match proxy {
                ProxySetting::Url(url) => Some(url.reveal()),
                ProxySetting::Inherit | ProxySetting::Direct => None,
            },
        });
    }
}
