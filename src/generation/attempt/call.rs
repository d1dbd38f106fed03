//! Calls of the upstream.

use super::context::Attempt;
use crate::failure::{Failure, FailureKind};
use crate::logs;
use crate::provider::{Answer, Call};
use crate::relay::{self, ExpectedAnswer};
use crate::translate;
use crate::wire::signatures;

impl Attempt<'_> {
    /// Calls the upstream; once more without what the conversation carries of another credential, if that is
    /// what it is refused for.
    pub fn call(&self, call: &Call<'_>) -> Result<Answer, Failure> {
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
            signatures.forget_returned();
        }
        log::info!("asked again without what it signatures: {refusal}");
        if logs::upstream::is_kept() {
            let said = String::from_utf8_lossy(&refusal.body);
            logs::upstream::failure(refusal.status, &said);
        }
        self.generation.services.upstream.call(&Call {
            body: &body,
            model_span: None,
            ..*call
        })
    }

    /// Has the upstream count.
    pub fn count_tokens(
        &self,
        call: &Call<'_>,
        asked: &ExpectedAnswer<'_>,
        body: &[u8],
    ) -> Result<u64, Failure> {
        let answer = self.generation.services.upstream.call(&Call {
            body,
            model_span: None,
            alt: None,
            ..*call
        })?;
        let whole = relay::whole::open_all(answer, asked)?;
        translate::counted(asked.dialect, whole.held()).ok_or_else(|| {
            Failure::new(
                FailureKind::Broken,
                "the upstream did not say how many tokens",
            )
        })
    }
}
