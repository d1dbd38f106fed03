//! Calls whose answers are converted to the form of their dialect, or that are repeated with another host.

use std::io::{self, Cursor, Read};
use std::time::Instant;

use http::header::CONTENT_LENGTH;

use super::antigravity;
use super::call::{Answer, Upstream};
use super::envelope::Unwrapped;
use super::hosts;
use super::target::{Action, Call};
use super::{gemini_cli, imagen};
use crate::budget::Budget;
use crate::credential::UpstreamKind;
use crate::failure::{AntigravityLimit, Failure, FailureKind};
use crate::translate;

/// The most bytes of a number of tokens.
const COUNT: u64 = 64 * 1024;

impl Upstream {
    /// Calls an upstream and waits for the head of its answer. Ends at once when the client disconnects. An upstream that
    /// can only stream does so even if the client wants one body.
    ///
    /// # Errors
    /// Any failure of the call, including error answers.
    pub fn call(&self, call: &Call) -> Result<Answer, Failure> {
        match (call.target.kind, call.action) {
            (UpstreamKind::GeminiCli, Action::Generate) => self.call_once(call).map(unwrapped),
            (UpstreamKind::GeminiCli, Action::Count) => self.call_once(call)?.counted(call),
            (UpstreamKind::Antigravity, Action::Generate) => self.call_hosts(call).map(unwrapped),
            (UpstreamKind::Antigravity, Action::Count) => self.call_hosts(call),
            _ if call.draws() => self.call_once(call)?.converted(&self.budget),
            _ => self.call_once(call),
        }
    }

    /// Calls Antigravity's hosts until one answers.
    fn call_hosts(&self, call: &Call) -> Result<Answer, Failure> {
        let hosts: &[&str] = match call.target.base_url {
            "" | gemini_cli::BASE => &antigravity::HOSTS,
            _ => &[call.target.base_url],
        };
        hosts::try_all(
            hosts,
            |host| {
                let mut call = *call;
                call.target.base_url = host;
                self.call_with_credits(&call)
            },
            |time| call.waiter.pause(time),
        )
    }

    /// Calls one host, with the account's credits if its quota is used up and they may be spent.
    fn call_with_credits(&self, call: &Call) -> Result<Answer, Failure> {
        let free = Call {
            credits: false,
            ..*call
        };
        let may_pay = call.credits && call.action == Action::Generate;
        let Some(account) = call.target.account.filter(|_| may_pay) else {
            return self.call_once(&free);
        };
        let credits = &self.credits;
        if !credits.are_on(account, Instant::now()) {
            return self.call_once(&free);
        }
        if credits.are_preferred(account, call.model, Instant::now()) {
            let failure = match self.call_once(call) {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let is_empty = failure.lacks_credits();
            if is_empty || matches!(failure.antigravity_limit(), AntigravityLimit::Exhausted(_)) {
                credits.refused(account, is_empty, Instant::now());
            }
            return match is_empty {
                true => self.call_once(&free),
                false => Err(failure),
            };
        }
        let failure = match self.call_once(&free) {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        let AntigravityLimit::Exhausted(delay) = failure.antigravity_limit() else {
            return Err(failure);
        };
        if failure.lacks_credits() {
            credits.refused(account, true, Instant::now());
            return Err(failure);
        }
        match self.call_once(call) {
            Ok(answer) => {
                credits.accepted(account, call.model, delay, Instant::now());
                Ok(answer)
            }
            Err(paid) if paid.kind == FailureKind::ClientGone => Err(paid),
            Err(paid) => {
                credits.refused(account, paid.lacks_credits(), Instant::now());
                Err(failure)
            }
        }
    }
}

/// The answer without its envelope.
fn unwrapped(mut answer: Answer) -> Answer {
    let body = std::mem::replace(&mut answer.body, Box::new(io::empty()));
    answer.with(Box::new(Unwrapped::new(body)))
}

impl Answer {
    /// The answer with another body.
    fn with(mut self, body: Box<dyn Read>) -> Self {
        self.headers.remove(&CONTENT_LENGTH);
        Self { body, ..self }
    }

    /// The pictures as an answer of Gemini.
    fn converted(mut self, budget: &Budget) -> Result<Self, Failure> {
        let body = std::mem::replace(&mut self.body, Box::new(io::empty()));
        let converted = imagen::converted(body, budget);
        let body = converted.map_err(|failure| failure.redacted(&self.redaction))?;
        Ok(self.with(Box::new(body)))
    }

    /// The number of tokens, with an estimate of what the upstream does not count.
    fn counted(mut self, call: &Call) -> Result<Self, Failure> {
        let more = gemini_cli::uncounted(call);
        if more == 0 {
            return Ok(self);
        }
        let body = std::mem::replace(&mut self.body, Box::new(io::empty()));
        let mut read = Vec::new();
        let whole = body.take(COUNT).read_to_end(&mut read);
        whole.map_err(|error| Failure::of_read(&error))?;
        let dialect = call.target.kind.dialect();
        let body = match translate::counted(dialect, &read) {
            Some(tokens) => translate::count_answer(dialect, tokens.saturating_add(more)),
            None => read,
        };
        Ok(self.with(Box::new(Cursor::new(body))))
    }
}
