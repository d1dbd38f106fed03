//! Operations on stored answers: `/v1/responses/{id}` and below.

use std::io::{self, Cursor, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::access_log::Access;
use super::forwarded;
use super::inbound::Inbound;
use super::services::Services;
use super::snapshot::Snapshot;
use crate::credential::Credential;
use crate::exchange::Waiter;
use crate::failure::Failure;
use crate::http::client_key::Client;
use crate::http::fixed::EVENT_STREAM;
use crate::http::query::Query;
use crate::http::reply::Reply;
use crate::http::route::StoredOperation;
use crate::provider::{Action, Answer, Call, Stored, Target, Verb, url};
use crate::relay::{self, Rename};
use crate::session::name;
use crate::sse::MAX_EVENT;
use crate::stored::page::Page;
use crate::stored::{AtUpstream, Found};
use crate::wire::Dialect;
use crate::wire::problem::Problem;

/// The query parameters that are forwarded to the upstream. A client's key is never forwarded.
const FORWARDED_QUERY: [&str; 8] = [
    "include",
    "include[]",
    "stream",
    "starting_after",
    "include_obfuscation",
    "limit",
    "order",
    "after",
];

/// A request about a stored answer.
pub struct StoredRequest<'a> {
    pub client: Client<'a>,
    pub id: &'a str,
    pub operation: StoredOperation,
    pub query: Query<'a>,
}

impl Services {
    /// Answers from the store, or forwards the request to the upstream that stores the answer.
    #[inline(never)]
    pub fn serve_stored(
        &self,
        snapshot: &Snapshot,
        request: &StoredRequest<'_>,
        inbound: &Inbound,
        access: &Access,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let client = name::Client::new(match request.client {
            Client::Anonymous => "",
            Client::Known(key) => key.reveal(),
        });
        let reply = match self.stored.answer(client, request.id, Instant::now()) {
            Found::Here(answer) => self.local_answer(client, request, &answer),
            Found::AtUpstream(there) => {
                access.admit();
                let credentials = snapshot.catalog.credentials();
                match credentials.iter().find(|one| *one.id == *there.credential) {
                    Some(credential) => {
                        let answered = self
                            .call_upstream(snapshot, request, inbound, credential)
                            .and_then(|answer| self.renamed(request, &there, answer));
                        match answered {
                            Ok(answer) => {
                                self.forget(client, request, None);
                                return forwarded::relay(answer, inbound, access, out);
                            }
                            Err(failure) => {
                                self.forget(client, request, Some(&failure));
                                access.set_failure(&failure.message);
                                let error = forwarded::error(&failure, true)
                                    .ok_or(io::ErrorKind::BrokenPipe)?;
                                error.reply(Dialect::Responses)
                            }
                        }
                    }
                    // The credential was removed by a reload.
                    None => not_found(request.id),
                }
            }
            Found::Nowhere => not_found(request.id),
        };
        if let Some(why) = reply.failure() {
            access.set_failure(why);
        }
        let reply = reply.with_id(access.id);
        match inbound.method == "HEAD" {
            true => reply.head_only().write(out),
            false => reply.write(out),
        }
    }

    /// Forgets an answer that the upstream has deleted or no longer has.
    fn forget(&self, client: name::Client, request: &StoredRequest<'_>, failure: Option<&Failure>) {
        let is_gone = match (request.operation, failure) {
            (StoredOperation::Delete, None) => true,
            (StoredOperation::Answer | StoredOperation::Delete, Some(failure)) => {
                failure.status == Some(404)
            }
            _ => false,
        };
        if is_gone {
            self.stored.delete(client, request.id);
        }
    }

    fn local_answer(
        &self,
        client: name::Client,
        request: &StoredRequest<'_>,
        answer: &Arc<crate::stored::Answer>,
    ) -> Reply {
        let problem = |problem: &Problem| Reply::problem(Dialect::Responses, problem);
        match request.operation {
            StoredOperation::Answer if request.query.first("stream").as_deref() == Some("true") => {
                problem(&Problem {
                    param: Some("stream"),
                    ..Problem::invalid_request(
                        "A response that was not created with `background` cannot be streamed.",
                    )
                })
            }
            StoredOperation::Answer => self.within_budget(answer.object()),
            StoredOperation::InputItems => {
                let page = Page::read(|name| request.query.first(name));
                match page.and_then(|page| page.of(&answer.context)) {
                    Ok(list) => self.within_budget(list),
                    Err(why) => problem(&why),
                }
            }
            StoredOperation::Delete => {
                self.stored.delete(client, request.id);
                let deleted = serde_json::json!({"id": request.id, "object": "response",
                    "deleted": true});
                Reply::json(deleted.to_string().into_bytes())
            }
            StoredOperation::Cancel => problem(&Problem::synchronous_response()),
        }
    }

    /// A JSON answer if the memory budget allows it, else an error.
    fn within_budget(&self, body: String) -> Reply {
        match self.budget.has(body.len()) {
            true => Reply::json(body.into_bytes()),
            false => Reply::problem(
                Dialect::Responses,
                &Problem::overloaded(Duration::from_secs(1)),
            ),
        }
    }

    /// The upstream's answer with the client's name of the model. Streams are not changed.
    fn renamed(
        &self,
        request: &StoredRequest<'_>,
        there: &AtUpstream,
        answer: Answer,
    ) -> Result<Answer, Failure> {
        let is_events = answer
            .headers
            .get("content-type")
            .is_some_and(|kind| kind.starts_with(EVENT_STREAM));
        let (Some((upstream, client)), StoredOperation::Answer, false) =
            (&there.names, request.operation, is_events)
        else {
            return Ok(answer);
        };
        let expected = relay::ExpectedAnswer {
            dialect: Dialect::Responses,
            model: upstream,
            is_generation: false,
            event_bytes: MAX_EVENT,
            budget: &self.budget,
        };
        let (status, headers) = (answer.status, answer.headers.clone());
        let (waiter, redaction) = (answer.waiter.clone(), Arc::clone(&answer.redaction));
        let whole = relay::whole::open_all(answer, &expected)?;
        let rename = Rename { upstream, client };
        let renamed = rename.json(Dialect::Responses, whole.held());
        let body = renamed.unwrap_or_else(|| whole.held().to_vec());
        Ok(Answer {
            status,
            headers,
            body: Box::new(Cursor::new(body)),
            waiter,
            redaction,
        })
    }

    /// Calls the upstream that stores the answer, with the credential that created it.
    fn call_upstream(
        &self,
        snapshot: &Snapshot,
        request: &StoredRequest<'_>,
        inbound: &Inbound,
        credential: &Credential,
    ) -> Result<Answer, Failure> {
        let (verb, below) = match request.operation {
            StoredOperation::Answer => (Verb::Get, ""),
            StoredOperation::InputItems => (Verb::Get, "/input_items"),
            StoredOperation::Delete => (Verb::Delete, ""),
            StoredOperation::Cancel => (Verb::Post, "/cancel"),
        };
        let mut path = format!("{}{below}", url::value(request.id));
        let mut separator = '?';
        for name in FORWARDED_QUERY {
            for value in request.query.all(name) {
                path.push(separator);
                path.push_str(&format!("{}={}", url::value(name), url::value(&value)));
                separator = '&';
            }
        }
        let waiter = match &inbound.client {
            Some(client) => Waiter::of(Rc::clone(client)),
            None => Waiter::alone(),
        };
        let headers: Vec<(&str, &str)> = inbound.headers.iter().collect();
        let own_headers = credential.headers_for(&headers);
        self.upstream.call(&Call {
            target: Target::of(credential, &own_headers, &snapshot.config),
            model: "",
            action: Action::Stored(Stored { verb, path: &path }),
            stream: request.query.first("stream").as_deref() == Some("true"),
            body: b"",
            model_span: None,
            session: None,
            credits: false,
            client_headers: &headers,
            alt: None,
            is_flavoured: false,
            is_translated: false,
            waiter: &waiter,
        })
    }
}

fn not_found(id: &str) -> Reply {
    Reply::problem(Dialect::Responses, &Problem::response_not_found(id))
}
