//! Requests to an upstream of another dialect.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::context::{Attempt, Opening};
use super::quirks;
use super::signatures::ClientSignatures;
use crate::credential::UpstreamKind;
use crate::failure::{Failure, FailureKind, Headers};
use crate::payload::Selected;
use crate::provider::{Action, Call};
use crate::relay::{self, Opened, Translation};
use crate::translate::neutral::Untranslatable;
use crate::translate::signature_cache::SignatureCache;
use crate::translate::{self, Form, Stream, TranslationInput};
use crate::wire::problem::{self, Problem};

impl Attempt<'_> {
    /// Not inlined, to keep the stack of workers small.
    #[inline(never)]
    pub fn translated(&self, call: &Call<'_>, rules: &Selected<'_>) -> Result<Opening, Failure> {
        let upstream = self.upstream();
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let seed = format!("{}{}", self.generation.access.id, now.as_nanos());
        let input = self.translation_input(call, self.suffix, &seed);
        // Both bodies exist at the same time.
        let needed = translate::memory_needed(upstream, call.body.len());
        let mut reservation = self.generation.reserve(needed)?;
        let cache = self.signature_cache(self.request.form);
        let (kind, base_url) = (call.target.kind, call.target.base_url);
        let known = quirks::known(kind, base_url, &self.upstream_model.name);
        let translated = translate::request_with(&input, cache, known);
        let mut translated = translated.map_err(|why| self.untranslatable(&why))?;
        if !translated.dropped.is_empty() {
            let dropped = translated.dropped.join(", ");
            log::debug!("dropped for a {} upstream: {dropped}", upstream.name());
        }
        if !translated.reworded.is_empty() {
            let reworded = translated.reworded.join(", ");
            log::debug!(
                "converted to text for a {} upstream: {reworded}",
                upstream.name()
            );
        }
        self.dropped.set(std::mem::take(&mut translated.dropped));
        if self.generation.is_referable(self.request.form) {
            let stored = if self.request.is_stored {
                "true"
            } else {
                "false"
            };
            translated.context.repeat("store", stored);
            if let Some(previous) = &self.request.previous {
                let previous = json!(previous).to_string();
                translated.context.repeat("previous_response_id", &previous);
            }
        }
        // Cannot fail: it shrinks.
        let _ = reservation.resize(translated.body.capacity());
        let expected = self.expected(upstream, call.action);
        if call.action == Action::Count {
            let body = translate::to_count(upstream, &self.upstream_model.name, &translated.body);
            let counted = body.map(|body| self.count_tokens(call, &expected, &body));
            return match counted {
                Some(Err(failure)) if !self.lacks_endpoint(&failure) => Err(failure),
                Some(Ok(tokens)) => Ok(self.count_answer(tokens)),
                None | Some(Err(_)) => self.estimate_tokens(call),
            };
        }
        let outgoing = Call {
            body: &translated.body,
            model_span: None,
            alt: None,
            is_translated: true,
            ..*call
        };
        let answer = self.call_with_rules(&outgoing, rules)?;
        drop(translated.body);
        drop(reservation);
        if !call.stream {
            let whole = relay::translation::whole(answer, translated.context, &expected)?;
            return Ok(Opening::Same(Opened::Whole(Box::new(whole))));
        }
        let opened = relay::stream::open(answer, &expected)?;
        let stream = Stream::new(translated.context, self.generation.operation.is_array);
        let translation = Translation::new(opened, stream, &self.generation.services.budget);
        match translation.failure() {
            Some(failure) => Err(failure),
            None => Ok(Opening::Translated(Box::new(translation))),
        }
    }

    /// The input of the translation.
    pub fn translation_input<'a>(
        &'a self,
        call: &Call<'a>,
        suffix: Option<&'a str>,
        seed: &'a str,
    ) -> TranslationInput<'a> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        TranslationInput {
            client: self.generation.operation.dialect,
            form: self.request.form,
            upstream: self.upstream(),
            body: call.body,
            model: self.request.shown_model(self.upstream_model),
            upstream_model: &self.upstream_model.name,
            stream: call.stream,
            suffix,
            support: self.reasoning_support(),
            seed,
            now: now.as_secs(),
        }
    }

    /// The cache of reasoning signatures. Completions have no place for signatures, and for Antigravity it can be switched
    /// off (`antigravity-signature-cache-enabled`).
    fn signature_cache(&self, form: Form) -> Option<Arc<dyn SignatureCache>> {
        let google = &self.generation.snapshot.config.google;
        let is_off = self.kind() == UpstreamKind::Antigravity && !google.signature_cache;
        if form == Form::Completions || is_off {
            return None;
        }
        let signatures = Arc::new(ClientSignatures::new(
            &self.generation.services.signatures,
            self.generation.client_key(),
        ));
        self.signatures.set(Some(Arc::clone(&signatures)));
        Some(signatures)
    }

    /// An untranslatable request is an error of the client, in the client's dialect.
    pub fn untranslatable(&self, why: &Untranslatable) -> Failure {
        let Some(code) = why.code else {
            return Failure::new(FailureKind::Request, why.to_string());
        };
        let details = json!({"error_code": code, "unsupported": [why.path]});
        let problem = Problem {
            details: BTreeMap::from([("details", details)]),
            ..Problem::invalid_request(why.to_string())
        };
        let body = problem::render(self.generation.operation.dialect, &problem);
        Failure::of_status(400, Headers::default(), body, SystemTime::now())
    }
}
