//! One attempt at an upstream. Requests are translated if the upstream has another dialect than the client.

mod call;
mod compaction;
pub mod context;
mod credits;
mod payload_rules;
mod quirks;
mod signatures;
mod token;
mod translation;

use context::{Attempt, OpenedAnswer, Opening};
use token::account;

use crate::failure::{Failure, FailureKind};
use crate::provider::{Action, Call, Target};
use crate::reasoning;
use crate::relay::{self, Opened};
use crate::tokens::Issued;
use crate::translate::Form;

impl Attempt<'_> {
    /// Sends the request to the candidate, and opens its answer.
    ///
    /// # Errors
    /// When the attempt fails.
    pub fn run(&self) -> Result<OpenedAnswer, Failure> {
        self.generation
            .log_attempt(self.candidate, self.upstream_model);
        match self.open_with_token() {
            Ok(opening) => Ok(OpenedAnswer {
                opening,
                dropped: self.dropped.take(),
            }),
            Err(failure) => {
                self.generation.log_failed_attempt(self.candidate, &failure);
                Err(failure)
            }
        }
    }

    fn open(&self, issued: Option<&Issued>) -> Result<Opening, Failure> {
        let generation = self.generation;
        let credential = &self.candidate.credential;
        let account = account(credential, issued);
        let own_headers = credential.headers_for(self.headers);
        let (dialect, upstream) = (generation.operation.dialect, self.upstream());
        let call = Call {
            target: Target {
                kind: self.kind(),
                key: match issued {
                    Some(issued) => Some(&issued.token),
                    None => credential.key.as_ref(),
                },
                account: account.as_deref(),
                ..Target::of(credential, &own_headers, &generation.snapshot.config)
            },
            model: &self.upstream_model.name,
            action: generation.operation.action,
            stream: self.request.stream,
            body: self.body,
            model_span: self.request.model_span,
            session: self.request.identity.primary.as_deref(),
            credits: self.may_spend_credits(),
            client_headers: self.headers,
            alt: generation.operation.alt.as_deref(),
            is_flavoured: false,
            is_translated: false,
            waiter: &generation.waiter,
        };
        if call.action == Action::Compact && upstream != dialect {
            return self.compact(&call);
        }
        if upstream != dialect && self.requests_compaction(&call) {
            return self.compact_in_response(&call);
        }
        let rules = self.rules(&call);
        let is_other = upstream != dialect || self.request.form != Form::Usual;
        if is_other || self.may_need_functions(call.body) {
            return self.translated(&call, &rules);
        }
        let is_unchanged = self.suffix.is_none()
            && !self.may_exceed_reasoning_limits(call.body)
            && !self.may_have_foreign_effort(call.body);
        let called = if is_unchanged {
            self.call_with_rules(&call, &rules)
        } else {
            let (model, support) = (call.model, self.reasoning_support());
            let body = reasoning::fitted(dialect, call.body, model, self.suffix, support)
                .map_err(|why| Failure::new(FailureKind::Request, why))?;
            let call = Call {
                body: &body,
                model_span: None,
                ..call
            };
            self.call_with_rules(&call, &rules)
        };
        let answer = match called {
            Err(failure) if self.lacks_endpoint(&failure) => {
                log::debug!(
                    "{} lacks this endpoint, the gateway does the work: {failure}",
                    self.candidate.id()
                );
                return match call.action {
                    Action::Count => self.estimate_tokens(&call),
                    _ => self.compact(&call),
                };
            }
            called => called?,
        };
        let expected = self.expected(dialect, call.action);
        let opened = if self.request.stream {
            relay::stream::open(answer, &expected)
        } else {
            let rename = self.request.rename(self.upstream_model);
            relay::whole::open(answer, &expected, rename)
                .map(Box::new)
                .map(Opened::Whole)
        };
        opened.map(Opening::Same)
    }
}
