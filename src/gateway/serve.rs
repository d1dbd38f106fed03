//! Requests: admitted by their head, answered by the gateway itself or by an upstream.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::server::Server;
use crate::config::Secret;
use crate::exchange::{self, Admission, Head, Request, Waiter, Writer};
use crate::generation::access_log::Access;
use crate::generation::inbound::Inbound;
use crate::generation::request_log::RequestLog;
use crate::generation::snapshot::Snapshot;
use crate::generation::{Generation, Operation, gemini_cli, stored_answers};
use crate::http::admission::{self, Admitted};
use crate::http::client_key::Client;
use crate::http::fixed;
use crate::http::models::{self, ListShape};
use crate::http::reply::Reply;
use crate::http::route::{self, Resolved, Route};
use crate::logs::request_id::RequestId;
use crate::logs::request_log::{self, Policy, ResponseCapture};
use crate::wire::Dialect;
use crate::wire::problem::{ErrorStatus, Problem};

/// What the server found in the head of an admitted request.
pub struct Ticket {
    snapshot: Arc<Snapshot>,
    /// The client's key, if it presented one.
    client: Option<Secret>,
}

impl Server {
    /// Decides about a request by its head: answers it if it needs no upstream, refuses it, or admits it.
    pub fn admit(&self, head: &Head, peer: SocketAddr) -> Admission<Ticket> {
        let snapshot = self.snapshot.load_full();
        let is_head = head.method == "HEAD";
        let admitted = admission::admit(
            &admission::Head {
                method: &head.method,
                target: &head.target,
                headers: head.headers.iter(),
                peer,
                local: &self.local,
            },
            &snapshot.client_auth,
        );
        let Admitted { route, client, .. } = match admitted {
            Ok(admitted) => admitted,
            Err(answer) => return self.local(head, peer, is_head, |_| *answer),
        };
        let may_ask_cli = || {
            let is_enabled = snapshot.config.google.cli_endpoint;
            gemini_cli::is_allowed(peer, &head.headers, is_enabled)
        };
        let is_stored = matches!(route, Route::Stored { .. });
        if is_stored
            || route.is_generation()
            || (matches!(route, Route::GeminiCli { .. }) && may_ask_cli())
        {
            let client = match client {
                Client::Anonymous => None,
                Client::Known(key) => Some(key.clone()),
            };
            return Admission::Serve(Ticket { snapshot, client });
        }
        self.local(head, peer, is_head, |inbound| {
            from_memory(&snapshot, inbound, &route)
        })
    }

    /// Answers a request by its head alone.
    fn local(
        &self,
        head: &Head,
        peer: SocketAddr,
        is_head: bool,
        reply: impl FnOnce(&Inbound) -> Reply,
    ) -> Admission<Ticket> {
        let inbound = Inbound::from_head(head.clone(), peer);
        let seen = ResponseCapture::new(Policy::Off, Arc::clone(&self.log_folder));
        let id = RequestId::fresh();
        let _entered = request_log::enter(id, Policy::Off, &self.log_folder);
        let access = Access::new(id, seen);
        let reply = reply(&inbound).with_id(access.id);
        // Clients without a key can cause many of these.
        let told = match reply.status() {
            401 | 403 => self.refused.note(),
            _ => Some(1),
        };
        if let Some(count) = told {
            match (reply.failure(), count) {
                (Some(why), 1) => access.set_failure(why),
                (Some(why), _) => {
                    access.set_failure(&format!("{why} ({count} since the last line)"))
                }
                (None, _) => {}
            }
            access.close(&inbound, Some(reply.status()), true);
        }
        let reply = match is_head {
            true => reply.head_only(),
            false => reply,
        };
        Admission::Answer(reply.into_bytes())
    }

    /// The answer to a request that the edge refuses, in the dialect of its route if known.
    pub fn refuse(&self, status: u16, why: &str, head: Option<&Head>) -> Vec<u8> {
        let form = head.and_then(|head| match route::resolve(&head.method, &head.target) {
            Resolved::Serve { route, query } => {
                let dialect = route.dialect_for(|name| head.header(name));
                Some((dialect, route.answers_array(query)))
            }
            _ => None,
        });
        let (dialect, is_array) = form.unwrap_or((Dialect::Chat, false));
        let status = ErrorStatus::from_upstream(status);
        let problem = Problem {
            retry_after: (status == ErrorStatus::UNAVAILABLE).then_some(Duration::from_secs(1)),
            ..Problem::new(status, why)
        };
        let reply = Reply::problem(dialect, &problem);
        reply.in_array_if(is_array).into_bytes()
    }

    /// Answers an admitted request and logs it.
    ///
    /// # Errors
    /// When the answer is incomplete: the client disconnected, or the upstream interrupted it.
    pub fn serve(
        &self,
        ticket: Ticket,
        request: Request,
        client: Rc<dyn exchange::Client>,
    ) -> io::Result<()> {
        let Ticket {
            snapshot,
            client: key,
        } = ticket;
        let mut writer = Writer(Rc::clone(&client));
        let mut inbound = Inbound::of(request, client);
        let id = RequestId::fresh();
        let recording = RequestLog::begin(&snapshot, &inbound, id);
        let access = Access::new(id, recording.seen());
        let mut out = access.seen.tee(&mut writer);
        let answered = catch_unwind(AssertUnwindSafe(|| {
            let client = key.as_ref().map_or(Client::Anonymous, Client::Known);
            self.answer(&snapshot, client, &mut inbound, &access, &mut out)
        }));
        let answered = answered.unwrap_or_else(|_| {
            log::error!("a request handler panicked");
            Err(io::ErrorKind::Other.into())
        });
        let sent = access.seen.take();
        access.close(&inbound, sent.status, answered.is_ok());
        recording.end(inbound, &access, sent);
        answered
    }

    fn answer(
        &self,
        snapshot: &Snapshot,
        client: Client<'_>,
        inbound: &mut Inbound,
        access: &Access,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let target = inbound.target.clone();
        let Resolved::Serve { route, query } = route::resolve(&inbound.method, &target) else {
            return Reply::fixed(fixed::NOT_FOUND).with_id(access.id).write(out);
        };
        if let Route::Stored { id, operation } = &route {
            let asked = stored_answers::StoredRequest {
                client,
                id,
                operation: *operation,
                query,
            };
            return self
                .services
                .serve_stored(snapshot, &asked, inbound, access, out);
        }
        if let Route::GeminiCli { method: None } = route {
            return self
                .services
                .forward_cli_request(snapshot, inbound, access, out);
        }
        if !route.is_generation() && !matches!(route, Route::GeminiCli { .. }) {
            let reply = from_memory(snapshot, inbound, &route);
            if let Some(why) = reply.failure() {
                access.set_failure(why);
            }
            return reply.with_id(access.id).write(out);
        }
        access.admit();
        let operation = match &route {
            Route::GeminiCli {
                method: Some(method),
            } => match self.services.open_cli_request(inbound, *method) {
                Ok(operation) => operation,
                Err(problem) => {
                    access.set_failure(&problem.message);
                    return Reply::problem(route.dialect(), &problem)
                        .with_id(access.id)
                        .write(out);
                }
            },
            route => Operation::of(route, query),
        };
        let generation = Generation {
            services: &self.services,
            snapshot,
            client,
            access,
            operation,
            waiter: match &inbound.client {
                Some(client) => Waiter::of(Rc::clone(client)),
                None => Waiter::alone(),
            },
        };
        generation.serve(inbound, out)
    }
}

/// Answers without an upstream. Not inlined, so that it does not enlarge the stack of each stream.
#[inline(never)]
fn from_memory(snapshot: &Snapshot, inbound: &Inbound, route: &Route<'_>) -> Reply {
    let dialect = route.dialect_for(|name| inbound.headers.get(name));
    let unknown = |id| {
        let near = models::nearest(&snapshot.listed, id);
        Reply::problem(dialect, &Problem::unknown_model(id, &near))
    };
    let listed = &snapshot.listed;
    match route {
        Route::Root => Reply::fixed(fixed::ROOT),
        Route::Health => Reply::fixed(fixed::HEALTH),
        Route::Models => Reply::json(models::list(shape(inbound), listed)),
        Route::Model(id) => match models::single(shape(inbound), listed, id) {
            Some(body) => Reply::json(body),
            None => unknown(id),
        },
        Route::GeminiModels => Reply::json(models::gemini_list(listed)),
        Route::GeminiModel(name) => match models::gemini_single(listed, name) {
            Some(body) => Reply::json(body),
            None => unknown(name.strip_prefix("models/").unwrap_or(name)),
        },
        Route::UnknownGeminiMethod { path } => {
            Reply::problem(dialect, &Problem::unknown_method(path))
        }
        Route::GeminiCli { .. } => gemini_cli::refusal(snapshot.config.google.cli_endpoint),
        // Answered by upstreams.
        Route::ChatCompletions
        | Route::Completions
        | Route::Messages
        | Route::CountTokens
        | Route::Responses
        | Route::Compact
        | Route::InputTokens
        | Route::Stored { .. }
        | Route::Gemini { .. } => Reply::fixed(fixed::NOT_FOUND),
    }
}

fn shape(inbound: &Inbound) -> ListShape {
    ListShape::for_client(|name| inbound.headers.get(name))
}
