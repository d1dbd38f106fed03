//! Calls to the upstream.

use memchr::memmem;

use super::context::Attempt;
use crate::failure::{Failure, FailureKind};
use crate::provider::{Answer, Call};
use crate::relay::{self, ExpectedAnswer};
use crate::wire::signatures;
use crate::{logs, reasoning, translate};

impl Attempt<'_> {
    /// Calls the upstream. If it refuses the conversation's reasoning signatures, for example those of another credential,
    /// calls it again without them.
    pub fn call(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        if self.refuses_effort() && memmem::find(call.body, b"\"effort\"").is_some() {
            let body = reasoning::without_effort(call.body, call.model)
                .map_err(|why| Failure::new(FailureKind::Request, why))?;
            return self.called(&Call {
                body: &body,
                model_span: None,
                ..*call
            });
        }
        self.called(call)
    }

    fn called(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        let refusal = match self.generation.services.upstream.call(call) {
            Err(failure) if failure.status == Some(400) => failure,
            other => return other,
        };
        let dialect = call.target.kind.dialect();
        if !signatures::are_refused(dialect, &refusal.body) {
            return Err(refusal);
        }
        let Some(body) = signatures::without(dialect, call.body, call.model) else {
            return Err(refusal);
        };
        if let Some(signatures) = self.signatures.take() {
            signatures.forget_used();
        }
        log::info!("the upstream refused reasoning signatures, retrying without them: {refusal}");
        if logs::request_log::upstream::is_logged() {
            let said = String::from_utf8_lossy(&refusal.body);
            logs::request_log::upstream::failure(refusal.status, &said);
        }
        self.generation.services.upstream.call(&Call {
            body: &body,
            model_span: None,
            ..*call
        })
    }

    /// Lets the upstream count tokens.
    pub fn count_tokens(
        &self,
        call: &Call<'_>,
        expected: &ExpectedAnswer<'_>,
        body: &[u8],
    ) -> Result<u64, Failure> {
        let answer = self.generation.services.upstream.call(&Call {
            body,
            model_span: None,
            alt: None,
            ..*call
        })?;
        let whole = relay::whole::open_all(answer, expected)?;
        translate::counted(expected.dialect, whole.held()).ok_or_else(|| {
            Failure::new(
                FailureKind::Broken,
                "the upstream's answer has no token count",
            )
        })
    }
}
