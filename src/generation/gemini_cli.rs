//! Gemini CLI's endpoint, `/v1internal:*`. It needs no client key, so it only serves programs on this host.
//!
//! Requests for models are taken out of their envelope and served like any other; what else Gemini CLI asks of Google is
//! passed on to Google.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde::de::IgnoredAny;

use super::access_log::Access;
use super::forwarded;
use super::inbound::Inbound;
use super::operation::Operation;
use super::services::Services;
use super::snapshot::Snapshot;
use crate::credential::{Credential, Provider, UpstreamKind};
use crate::exchange::{Headers, Waiter};
use crate::failure::FailureKind;
use crate::http::anonymous;
use crate::http::fixed::{CLI_DISABLED, CLI_NOT_LOCAL};
use crate::http::reply::Reply;
use crate::http::route::GeminiMethod;
use crate::json::{self, Member, Span};
use crate::provider::{Action, Call, Target};
use crate::tokens::Issued;
use crate::wire::Dialect;
use crate::wire::problem::Problem;

/// Whether the endpoint serves a request.
pub fn is_allowed(peer: SocketAddr, headers: &Headers, is_enabled: bool) -> bool {
    is_enabled && anonymous::is_from_local_program(peer, headers.iter())
}

/// The answer to a request that the endpoint does not serve.
pub fn refusal(is_enabled: bool) -> Reply {
    Reply::fixed(match is_enabled {
        false => CLI_DISABLED,
        true => CLI_NOT_LOCAL,
    })
}

impl Services {
    /// Takes a request out of its envelope, `{"model":…,"project":…,"request":{…}}`.
    ///
    /// # Errors
    /// When it has none, or names no model.
    pub fn open_cli_request(
        &self,
        inbound: &mut Inbound,
        method: GeminiMethod,
    ) -> Result<Operation<'static>, Box<Problem>> {
        inbound
            .decode(self.body_limit, &self.budget)
            .map_err(|error| error.problem())?;
        let (model, Span { start, end }) = opened(&inbound.body, method)?;
        inbound.body.truncate(end);
        inbound.body.drain(..start);
        Ok(Operation::of_gemini_cli(model, method))
    }

    /// Passes a request on to Google, with a credential of Gemini CLI if there is one, else with the client's own.
    ///
    /// # Errors
    /// When the answer is incomplete.
    #[inline(never)]
    pub fn forward_cli_request(
        &self,
        snapshot: &Snapshot,
        inbound: &mut Inbound,
        access: &Access,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        access.admit();
        let refused = |problem: &Problem, out: &mut dyn Write| {
            access.set_failure(&problem.message);
            Reply::problem(Dialect::Gemini, problem)
                .with_id(access.id)
                .write(out)
        };
        if let Err(error) = inbound.decode(self.body_limit, &self.budget) {
            return refused(&error.problem(), out);
        }
        let path = forwarded_path(&inbound.target);
        let waiter = match &inbound.client {
            Some(client) => Waiter::of(Rc::clone(client)),
            None => Waiter::alone(),
        };
        let credential = self.cli_credential(snapshot, &waiter);
        let client_headers: Vec<(&str, &str)> = inbound.headers.iter().collect();
        let own_headers = credential
            .as_ref()
            .map(|own| own.credential.headers_for(&client_headers));
        let own_headers = own_headers.unwrap_or_default();
        let call = |issued: Option<&Issued>| {
            let target = match &credential {
                Some(own) => Target {
                    key: issued.map(|issued| &issued.token),
                    ..Target::of(own.credential, &own_headers, &snapshot.config)
                },
                None => Target::without_credential(UpstreamKind::GeminiCli, &snapshot.config),
            };
            self.upstream.call(&Call {
                action: Action::Forward(&path),
                body: &inbound.body,
                client_headers: &client_headers,
                ..Call::of_models(target, "", &waiter)
            })
        };
        let answered = match &credential {
            None => call(None),
            Some(own) => call(Some(&own.issued)).or_else(|failure| {
                let renewed = match failure.status {
                    Some(401) => self.tokens.instead_of(own.file, &own.issued, &waiter),
                    _ => Ok(None),
                };
                match renewed {
                    Ok(Some(renewed)) => call(Some(&renewed)),
                    _ => Err(failure),
                }
            }),
        };
        match answered {
            Ok(answer) => forwarded::relay(answer, inbound, access, out),
            Err(failure) => {
                access.set_failure(&failure.message);
                let error = forwarded::error(&failure, credential.is_some());
                let error = error.ok_or(io::ErrorKind::BrokenPipe)?;
                error.reply(Dialect::Gemini).with_id(access.id).write(out)
            }
        }
    }
}

/// A credential file of Gemini CLI with a token to use.
struct CliCredential<'s> {
    credential: &'s Credential,
    file: &'s str,
    issued: Arc<Issued>,
}

impl Services {
    /// The first credential of Gemini CLI whose token is current. If there is none, the first one that can be renewed, which
    /// is waited for.
    fn cli_credential<'s>(
        &self,
        snapshot: &'s Snapshot,
        waiter: &Waiter,
    ) -> Option<CliCredential<'s>> {
        let at_once = Waiter::alone();
        at_once.hurry(Some(Duration::ZERO));
        let mut renewing = None;
        let credentials = snapshot.catalog.credentials().iter();
        for credential in credentials.filter(|one| one.provider == Provider::GeminiCli) {
            let Some(account) = &credential.account else {
                continue;
            };
            let file = &*account.file;
            match self.tokens.issued(file, &at_once) {
                Ok(issued) => {
                    return Some(CliCredential {
                        credential,
                        file,
                        issued,
                    });
                }
                // Its renewal has begun, and was not waited for.
                Err(failure) if failure.kind == FailureKind::ClientGone => {
                    renewing.get_or_insert((credential, file));
                }
                Err(_) => {}
            }
        }
        let (credential, file) = renewing?;
        let issued = self.tokens.issued(file, waiter).ok()?;
        Some(CliCredential {
            credential,
            file,
            issued,
        })
    }
}

/// The method and the query of a target, without a key of the client's.
fn forwarded_path(target: &str) -> String {
    let path = target.split_once("/v1internal:");
    let path = path.map_or("", |(_, path)| path);
    let (method, query) = path.split_once('?').unwrap_or((path, ""));
    let is_key = |pair: &&str| pair.starts_with("key=") || pair.starts_with("auth_token=");
    let query: Vec<&str> = query.split('&').filter(|pair| !is_key(pair)).collect();
    match query.join("&").as_str() {
        "" => method.to_owned(),
        query => format!("{method}?{query}"),
    }
}

/// The model of a request, and where the request is in its envelope. Requests for counting have the model inside.
fn opened(body: &[u8], method: GeminiMethod) -> Result<(String, Span), Box<Problem>> {
    let members =
        json::members(body).map_err(|why| match serde_json::from_slice::<IgnoredAny>(body) {
            Ok(_) => Problem::invalid_request("Invalid request: the body is not a JSON object"),
            Err(_) => Problem::malformed_json(why),
        })?;
    let named = |members: &[Member<'_>], name: &str| {
        let member = members.iter().find(|member| member.key == name)?;
        Some(member.value)
    };
    let request = named(&members, "request").ok_or_else(|| Problem {
        param: Some("request"),
        ..Problem::invalid_request("Invalid request: the body has no \"request\"")
    })?;
    let inner = body.get(request.start..request.end).unwrap_or_default();
    let inside = json::members(inner).map_err(|_| Problem {
        param: Some("request"),
        ..Problem::invalid_request("Invalid request: \"request\" is not a JSON object")
    })?;
    let text = |body: &[u8], span: Span| {
        let text = body.get(span.start..span.end)?;
        serde_json::from_slice::<String>(text).ok()
    };
    let model = named(&members, "model").and_then(|span| text(body, span));
    let model = match method {
        GeminiMethod::CountTokens => {
            model.or_else(|| named(&inside, "model").and_then(|span| text(inner, span)))
        }
        GeminiMethod::GenerateContent | GeminiMethod::StreamGenerateContent => model,
    };
    let model = model.filter(|model| !model.trim().is_empty());
    let model = model.ok_or_else(Problem::missing_model)?;
    let bare = model.strip_prefix("models/").unwrap_or(&model);
    Ok((bare.to_owned(), request))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_not_passed_on() {
        for (target, expected) in [
            ("/v1internal:a", "a"),
            ("/v1internal:a?", "a"),
            ("/v1internal:a?key=k", "a"),
            (
                "/v1internal:a?x=1&key=k&y=/v1internal:b&auth_token=t",
                "a?x=1&y=/v1internal:b",
            ),
            ("http://127.0.0.1:1/v1internal:a?x", "a?x"),
        ] {
            assert_eq!(forwarded_path(target), expected, "{target}");
        }
    }

    #[test]
    fn requests_are_taken_out_of_their_envelope() {
        use GeminiMethod::{CountTokens, GenerateContent};
        for (body, method, expected) in [
            (
                r#"{"model":"m","project":"p","request":{"contents":[]},"x":1}"#,
                GenerateContent,
                Some(("m", r#"{"contents":[]}"#)),
            ),
            (
                r#"{"request":{"model":"models/m","contents":[]}}"#,
                CountTokens,
                Some(("m", r#"{"model":"models/m","contents":[]}"#)),
            ),
            (r#"{"request":{"model":"m"}}"#, GenerateContent, None),
            (r#"{"model":"m"}"#, GenerateContent, None),
            (r#"{"model":" ","request":{}}"#, GenerateContent, None),
            (r#"{"model":1,"request":{}}"#, GenerateContent, None),
            (r#"{"model":"m","request":[]}"#, GenerateContent, None),
            ("[]", GenerateContent, None),
            ("", GenerateContent, None),
        ] {
            let found = opened(body.as_bytes(), method).ok();
            let found = found
                .as_ref()
                .map(|(model, span)| (model.as_str(), &body[span.start..span.end]));
            assert_eq!(found, expected, "{body}");
        }
    }
}
