//! Payload rules of an attempt.

use std::borrow::Cow;

use super::context::Attempt;
use crate::credential::UpstreamKind;
use crate::failure::{Failure, FailureKind};
use crate::generation::payload_rules::protocol;
use crate::payload::{self, Path, Protocol, Request, Selected};
use crate::provider::{Action, Answer, Call, codex};
use crate::wire::Dialect;
use crate::wire::model_name::ModelName;
use crate::{json, reasoning};

impl Attempt<'_> {
    /// The rules that match the attempt.
    pub fn rules(&self, call: &Call<'_>) -> Selected<'_> {
        let rules = &self.generation.snapshot.config.payload;
        if rules.is_empty() || call.action == Action::Count || call.draws() {
            return Selected::default();
        }
        let name = ModelName::split(&self.request.model);
        rules.select(&Request {
            names: &[&self.upstream_model.name, name.base, name.full],
            protocol: protocol(call.target.kind, call.action),
            from: match self.generation.operation.dialect {
                Dialect::Chat => Protocol::OpenAi,
                Dialect::Responses => Protocol::OpenAiResponse,
                Dialect::Messages => Protocol::Claude,
                Dialect::Gemini => Protocol::Gemini,
            },
            headers: call.client_headers,
        })
    }

    /// Applies the rules to the body, and calls the upstream.
    #[inline(never)]
    pub fn call_with_rules(
        &self,
        call: &Call<'_>,
        rules: &Selected<'_>,
    ) -> Result<Answer, Failure> {
        if rules.is_empty() {
            return self.call(call);
        }
        let sent = prepared(call)?;
        let changed = match rules.apply(&sent) {
            Cow::Borrowed(_) => return self.call(call),
            Cow::Owned(changed) => changed,
        };
        let refused = |why| Failure::new(FailureKind::Request, why);
        match call.target.kind {
            // The model is part of the path, so rules cannot change it.
            UpstreamKind::Gemini
            | UpstreamKind::Vertex
            | UpstreamKind::GeminiCli
            | UpstreamKind::Antigravity => {
                let members = json::members(&changed).unwrap_or_default();
                let model = members.iter().find(|member| member.key == "model");
                self.call(&Call {
                    body: &changed,
                    model_span: model.map(|member| member.value),
                    ..*call
                })
            }
            UpstreamKind::Codex | UpstreamKind::Xai => self.call(&Call {
                body: &with(changed, "model", &quoted(call.model)),
                model_span: None,
                is_flavoured: true,
                ..*call
            }),
            UpstreamKind::Claude | UpstreamKind::KimiMessages => {
                let model = model(&changed, call);
                let fitted = reasoning::refitted(Dialect::Messages, &sent, &changed, &model);
                let body = fitted.map_err(refused)?.unwrap_or(changed);
                self.call(&Call {
                    body: &body,
                    model: &model,
                    model_span: None,
                    ..*call
                })
            }
            UpstreamKind::Kimi | UpstreamKind::Iflow | UpstreamKind::Compat => {
                let model = model(&changed, call);
                let mut body = changed;
                // Reasoning limits and the suffix of the model's name take precedence over the rules.
                let is_bound = self.suffix.is_some() || self.may_exceed_reasoning_limits(&body);
                if is_bound && call.action == Action::Generate {
                    let support = self.reasoning_support();
                    body = reasoning::fitted(Dialect::Chat, &body, &model, self.suffix, support)
                        .map_err(refused)?;
                }
                if call.stream && self.generation.operation.dialect != Dialect::Chat {
                    // The translation needs the usage.
                    body = with(body, "stream_options.include_usage", "true");
                }
                self.call(&Call {
                    body: &body,
                    model: &model,
                    model_span: None,
                    ..*call
                })
            }
        }
    }
}

/// The body as sent without rules, which is the input of the rules.
fn prepared<'a>(call: &Call<'a>) -> Result<Cow<'a, [u8]>, Failure> {
    match (call.target.kind, call.model_span) {
        (UpstreamKind::Codex, _) if call.action == Action::Generate => {
            codex::flavour(call).map(Cow::Owned)
        }
        (kind, Some(_)) if kind.dialect() != Dialect::Gemini => {
            let body = call.body.to_vec();
            Ok(Cow::Owned(with(body, "model", &quoted(call.model))))
        }
        _ => Ok(Cow::Borrowed(call.body)),
    }
}

/// The model that a body names.
fn model<'a>(body: &[u8], call: &Call<'a>) -> Cow<'a, str> {
    let path = Path::parse("model").ok();
    let text = std::str::from_utf8(body).unwrap_or_default();
    let value = path.and_then(|path| payload::get(text, &path));
    let name = value.and_then(|value| serde_json::from_str::<String>(&value).ok());
    name.map_or(Cow::Borrowed(call.model), Cow::Owned)
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The body with `value` at `path`.
fn with(body: Vec<u8>, path: &str, value: &str) -> Vec<u8> {
    let path = Path::parse(path).ok();
    let text = std::str::from_utf8(&body).ok();
    let changed = path
        .zip(text)
        .and_then(|(path, text)| payload::set(text, &path, value));
    changed.map_or(body, String::into_bytes)
}
