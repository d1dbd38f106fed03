//! Usage statistics (`usage-statistics-enabled`), recorded when attempts end.

use std::time::{Instant, SystemTime};

use super::context::Generation;
use crate::provider::Action;
use crate::routing::{Candidate, UpstreamModel};
use crate::translate::Form;
use crate::usage::{Attempt, Tokens};
use crate::wire::Dialect;
use crate::wire::usage::Usage;

/// The start of an attempt.
#[derive(Clone, Copy)]
pub struct AttemptStart {
    wall: SystemTime,
    at: Instant,
}

impl AttemptStart {
    pub fn now() -> Self {
        Self {
            wall: SystemTime::now(),
            at: Instant::now(),
        }
    }
}

impl Generation<'_> {
    /// Whether the request is recorded. Counting tokens is not.
    pub(super) fn is_recorded(&self) -> bool {
        self.snapshot.config.usage.enabled && self.operation.action != Action::Count
    }

    /// Records a finished attempt.
    pub(super) fn record_attempt(
        &self,
        candidate: &Candidate,
        upstream_model: &UpstreamModel,
        began: AttemptStart,
        usage: Option<Usage>,
        failed: bool,
    ) {
        let credential = &candidate.credential;
        let tokens =
            usage.map(|usage| Tokens::of(credential.dialect_for(self.operation.dialect), usage));
        let key = self.client_key();
        self.services.usage.record(Attempt {
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

    /// The API name for anonymous clients. It does not contain the model, so that the number of names is limited.
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
