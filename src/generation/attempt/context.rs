//! The context of one attempt: a request, and the credential and model that it is sent to.

use std::cell::Cell;
use std::sync::Arc;

use memchr::memmem;

use super::signatures::ClientSignatures;
use crate::credential::UpstreamKind;
use crate::failure::Headers;
use crate::generation::context::Generation;
use crate::generation::parsed_request::ParsedRequest;
use crate::provider::Action;
use crate::reasoning::{self, ReasoningSupport};
use crate::redaction::Redaction;
use crate::relay::{ExpectedAnswer, Opened, Translation};
use crate::routing::{Candidate, UpstreamModel};
use crate::sse::MAX_EVENT;
use crate::wire::Dialect;

pub struct Attempt<'a> {
    pub generation: &'a Generation<'a>,
    pub candidate: &'a Candidate,
    pub upstream_model: &'a UpstreamModel,
    /// Whether another credential of the same priority could serve the request.
    pub has_free_peer: &'a dyn Fn() -> bool,
    pub request: &'a ParsedRequest<'a>,
    /// The body before translation and other changes.
    pub body: &'a [u8],
    /// The client's headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// The reasoning suffix of the model's name, or the configured one.
    pub suffix: Option<&'a str>,
    /// The cached reasoning signatures that the request uses.
    pub signatures: Cell<Option<Arc<ClientSignatures>>>,
    /// The types of tools that were left out of the request.
    pub dropped: Cell<Vec<String>>,
}

/// An answer that has begun, before anything is written to the client.
pub struct OpenedAnswer {
    pub opening: Opening,
    /// The types of tools that were left out of the request.
    pub dropped: Vec<String>,
}

pub enum Opening {
    /// In the upstream's dialect.
    Same(Opened),
    /// Translated from another dialect, event by event.
    Translated(Box<Translation>),
}

impl OpenedAnswer {
    /// The upstream's headers, unfiltered.
    pub fn headers(&self) -> &Headers {
        match &self.opening {
            Opening::Same(Opened::Events(primed)) => &primed.headers,
            Opening::Same(Opened::Whole(whole)) => &whole.headers,
            Opening::Translated(translation) => translation.headers(),
        }
    }

    /// The secrets that the attempt sent, to be redacted from the answer.
    pub fn redaction(&self) -> Arc<Redaction> {
        match &self.opening {
            Opening::Same(Opened::Events(primed)) => Arc::clone(&primed.redaction),
            Opening::Same(Opened::Whole(whole)) => Arc::clone(&whole.redaction),
            Opening::Translated(translation) => Arc::clone(translation.redaction()),
        }
    }
}

impl<'a> Attempt<'a> {
    /// The kind of the upstream, for the dialect of the client. Kimi counts tokens in Messages only.
    pub fn kind(&self) -> UpstreamKind {
        let provider = &self.candidate.credential.provider;
        let operation = &self.generation.operation;
        match UpstreamKind::for_client(provider, operation.dialect) {
            UpstreamKind::Kimi if operation.action == Action::Count => UpstreamKind::KimiMessages,
            kind => kind,
        }
    }

    /// The dialect of the upstream.
    pub fn upstream(&self) -> Dialect {
        self.kind().dialect()
    }

    /// The description of the expected answer in `dialect` to `action`.
    pub fn expected(&self, dialect: Dialect, action: Action) -> ExpectedAnswer<'a> {
        ExpectedAnswer {
            dialect,
            model: &self.upstream_model.name,
            is_generation: action == Action::Generate,
            event_bytes: MAX_EVENT,
            budget: &self.generation.services.budget,
        }
    }

    /// The reasoning that the model supports. The configuration takes precedence over the model's name.
    pub fn reasoning_support(&self) -> Option<&'a ReasoningSupport> {
        let configured = self.upstream_model.reasoning.as_deref();
        configured.or_else(|| reasoning::support(&self.upstream_model.name))
    }

    /// Whether a body may have tools that xAI takes only as functions.
    pub fn may_need_functions(&self, body: &[u8]) -> bool {
        const OTHERS: [&str; 3] = ["\"custom\"", "\"custom_tool_call", "\"namespace\""];
        let has = |text: &str| memmem::find(body, text.as_bytes()).is_some();
        self.kind() == UpstreamKind::Xai && OTHERS.into_iter().any(has)
    }

    /// Whether the model takes no effort: at xAI those that have no levels refuse one.
    pub fn refuses_effort(&self) -> bool {
        let support = self.reasoning_support();
        let levels = support.and_then(|support| support.thinking.as_ref());
        let has_levels = levels.is_some_and(|thinking| !thinking.levels.is_empty());
        self.kind() == UpstreamKind::Xai && !has_levels
    }

    /// Whether a body may have OpenAI's reasoning setting for a model of Kimi or iFlow that has its own.
    pub fn may_have_foreign_effort(&self, body: &[u8]) -> bool {
        let is_theirs = matches!(self.kind(), UpstreamKind::Kimi | UpstreamKind::Iflow);
        let support = self.reasoning_support();
        let has_own = support.is_some_and(|support| support.switch.is_some());
        is_theirs && has_own && memmem::find(body, b"\"reasoning").is_some()
    }

    /// Whether a body may request more reasoning than the configuration allows for its model.
    pub fn may_exceed_reasoning_limits(&self, body: &[u8]) -> bool {
        let has = |key: &str| memmem::find(body, key.as_bytes()).is_some();
        self.upstream_model.reasoning.is_some() && (has("\"reasoning") || has("\"thinking\""))
    }
}
