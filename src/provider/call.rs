//! Calls upstreams.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderValue,
};
use http::{Method, Uri};

use super::credits::Credits;
use super::net::{self, CallError, Network, Origin, Settings, Stage};
use super::request::Request;
use super::target::{Action, Call};
use super::{
    antigravity, call_failure, claude, codex, compat, compressed, gemini, gemini_cli, iflow, kimi,
    presented, vertex, xai,
};
use crate::budget::Budget;
use crate::content_encoding::ContentEncoding;
use crate::credential::UpstreamKind;
use crate::exchange::{Interruption, Waiter};
use crate::failure::{ERROR_BODY, Failure, FailureKind, Headers};
use crate::json::Splice;
use crate::logs;
use crate::redaction::Redaction;

/// If a pooled connection breaks within this time, the upstream closed it before it received the request, and the call is
/// repeated on a new connection. After this time the upstream may have processed the request.
const STALE: Duration = Duration::from_secs(1);

/// All upstreams.
pub struct Upstream {
    pub(super) network: Network,
    pub(super) credits: Credits,
    /// For answers that are converted as a whole.
    pub(super) budget: Budget,
}

/// An answer of an upstream: its head, and a body to read.
pub struct Answer {
    /// 200 to 299.
    pub status: u16,
    /// The upstream's headers; without those about the encoding if the body was compressed.
    pub headers: Headers,
    /// Its errors are converted by [`Failure::of_read`].
    pub body: Box<dyn Read>,
    /// The waiter that the body uses.
    pub waiter: Waiter,
    /// The secrets of the attempt, which are removed from headers and from errors in the answer.
    pub redaction: Arc<Redaction>,
}

impl Upstream {
    pub fn new(settings: Settings) -> Self {
        Self {
            network: Network::new(settings),
            credits: Credits::default(),
            budget: Budget::unlimited(),
        }
    }

    /// Has answers that are held in memory count in `budget`.
    #[must_use]
    pub fn with_budget(self, budget: &Budget) -> Self {
        Self {
            budget: budget.clone(),
            ..self
        }
    }

    /// Sets a file (PEM) of trusted authorities, in addition to those built in and the system's. Connections are kept if
    /// its content is unchanged; a file that cannot be read changes nothing.
    pub fn trust(&self, file: Option<&Path>) {
        self.network.trust(file);
    }

    /// Forgets what is known about the credits of an account, because its file has changed.
    pub fn forget_credits(&self, file: &str) {
        self.credits.forget(file);
    }

    /// Closes idle connections and removes expired entries. Call it every few seconds.
    pub fn sweep(&self, now: Instant) {
        self.network.sweep(now);
    }

    /// Calls an upstream and waits for the head of its answer.
    ///
    /// # Errors
    /// Any failure of the call, including error answers.
    pub(super) fn call_once(&self, call: &Call) -> Result<Answer, Failure> {
        call.waiter.wake_after(None);
        let (status, headers, body, redaction) = self.ask(call)?;
        answered(status, headers, body, call.waiter, &redaction)
            .map_err(|failure| failure.redacted(&redaction))
    }

    /// Sends a request, again if the pooled connection was already closed.
    fn ask(&self, call: &Call) -> Result<Asked, Failure> {
        let mut is_fresh = false;
        loop {
            let started = Instant::now();
            let Prepared {
                origin,
                head,
                body,
                redaction,
            } = self.prepare(call, !is_fresh)?;
            let pieces: Vec<&[u8]> = body.pieces().collect();
            let asked = self
                .network
                .ask(&origin, &head, &pieces, call.waiter, is_fresh);
            let failed = match asked {
                Ok((status, headers, body)) => {
                    return Ok((status, headers, Box::new(body), redaction));
                }
                Err(failed) => failed,
            };
            if is_fresh || !is_stale(&failed) || started.elapsed() >= STALE {
                return Err(call_failure::of_call(&failed, &origin.host).redacted(&redaction));
            }
            is_fresh = true;
        }
    }
}

/// The status, headers and body of an answer, and the secrets of its request.
type Asked = (u16, Headers, Box<dyn Read>, Arc<Redaction>);

/// A request and its destination.
struct Prepared<'a> {
    origin: Arc<Origin>,
    head: Vec<u8>,
    body: Splice<'a>,
    /// Its secrets.
    redaction: Arc<Redaction>,
}

impl Upstream {
    /// Not inlined, so that its stack frame is freed before the call.
    #[inline(never)]
    fn prepare<'a>(&self, call: &Call<'a>, is_first: bool) -> Result<Prepared<'a>, Failure> {
        let request = request(call)?;
        let origin = self.network.origin(call.target.proxy, &request.uri);
        let origin = origin
            .ok_or_else(|| Failure::new(FailureKind::Connect, "the proxy URL cannot be used"))?;
        let redaction = presented::secrets(call, request.uri.query(), &origin);
        if is_first && logs::request_log::upstream::is_logged() {
            let url = request.uri.to_string();
            let headers = request.headers.iter();
            let method = call.method();
            logs::request_log::upstream::request(
                method.as_str(),
                &url,
                headers,
                &mut request.body.reader(),
            );
        }
        let Request { uri, headers, body } = request;
        let mut headers = sent(headers, &uri, body.len());
        let method = call.method();
        if method != Method::POST {
            headers.remove(&CONTENT_LENGTH);
            headers.remove(&CONTENT_TYPE);
        }
        Ok(Prepared {
            origin,
            head: net::request(method.as_str(), &uri, &headers),
            body,
            redaction,
        })
    }
}

impl Answer {
    /// The length of the body in bytes, if the upstream sent it.
    pub fn length(&self) -> Option<u64> {
        match self.headers.get("transfer-encoding") {
            Some(_) => None,
            None => self.headers.get("content-length")?.parse().ok(),
        }
    }
}

/// The request for a call.
fn request<'a>(call: &Call<'a>) -> Result<Request<'a>, Failure> {
    if let Action::Models(page) = call.action {
        return models_request(call, page);
    }
    match call.target.kind {
        UpstreamKind::Gemini => gemini::request(call),
        UpstreamKind::Vertex => vertex::request(call),
        UpstreamKind::Claude => claude::request(call),
        UpstreamKind::Codex => codex::request(call),
        UpstreamKind::GeminiCli => gemini_cli::request(call),
        UpstreamKind::Antigravity => antigravity::request(call),
        UpstreamKind::Kimi | UpstreamKind::KimiMessages => kimi::request(call),
        UpstreamKind::Iflow => iflow::request(call),
        UpstreamKind::Xai => xai::request(call),
        UpstreamKind::Compat => compat::request(call),
    }
}

/// The request for a page of the list of models.
fn models_request<'a>(call: &Call<'a>, page: &str) -> Result<Request<'a>, Failure> {
    match call.target.kind {
        UpstreamKind::Gemini => gemini::models(call, page),
        UpstreamKind::Claude => claude::models(call, page),
        UpstreamKind::Codex => codex::models(call),
        UpstreamKind::Compat => compat::models(call),
        UpstreamKind::Xai => xai::models(call),
        UpstreamKind::Kimi | UpstreamKind::KimiMessages => kimi::models(call),
        UpstreamKind::GeminiCli => gemini_cli::models(call),
        UpstreamKind::Antigravity => antigravity::models(call),
        UpstreamKind::Vertex | UpstreamKind::Iflow => Err(call.action.unsupported()),
    }
}

/// The headers of a request to `uri` with a body of `length` bytes.
pub(super) fn sent(mut headers: Headers, uri: &Uri, length: usize) -> Headers {
    headers.replace(CONTENT_LENGTH, HeaderValue::from(length));
    // Overrides a credential's headers, because compression would delay events.
    headers.put(ACCEPT_ENCODING, "identity");
    // The body is sent at once.
    headers.remove(&EXPECT);
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if let Some((login, _)) = authority.rsplit_once('@')
        && !headers.has(&AUTHORIZATION)
    {
        let end = if login.contains(':') { "" } else { ":" };
        let login = BASE64_STANDARD.encode(format!("{login}{end}"));
        headers.set_secret(AUTHORIZATION, format!("Basic {login}"));
    }
    headers
}

/// Whether a pooled connection broke before the first byte of an answer.
fn is_stale(CallError { error, stage }: &CallError) -> bool {
    let is_broken = matches!(Interruption::of(error), None | Some(Interruption::Reset));
    *stage == Stage::Reused && is_broken
}

/// The answer, or the failure if it is an error.
#[inline(never)]
fn answered(
    status: u16,
    mut headers: Headers,
    body: Box<dyn Read>,
    waiter: &Waiter,
    redaction: &Arc<Redaction>,
) -> Result<Answer, Failure> {
    let body = match headers.take_codings() {
        None => Ok(body),
        Some(encodings) => compressed::undone(&encodings, body, waiter),
    };
    if (200..300).contains(&status) {
        let body = logs::request_log::upstream::response(status, headers.iter(), body?);
        return Ok(Answer {
            status,
            headers,
            body,
            waiter: waiter.clone(),
            redaction: Arc::clone(redaction),
        });
    }
    let mut start = Vec::new();
    // An error with an unreadable body still has its status.
    let body = body.unwrap_or_else(|_| Box::new(io::empty()));
    let read = body.take(ERROR_BODY).read_to_end(&mut start);
    let mut is_cut = read.is_err() || start.len() as u64 == ERROR_BODY;
    if let Err(error) = read {
        let failure = Failure::of_read(&error);
        // The part of an interrupted error body is more informative than the interruption.
        if failure.kind == FailureKind::ClientGone {
            return Err(failure);
        }
    }
    if let Some(encoding) = ContentEncoding::detect(&start) {
        let mut plain = Vec::new();
        let coded = Box::new(start.as_slice());
        // The rest is not read.
        let read = encoding
            .decoder(coded)
            .take(ERROR_BODY)
            .read_to_end(&mut plain);
        start = plain;
        is_cut |= read.is_err() || start.len() as u64 == ERROR_BODY;
    }
    if is_cut {
        redaction.trim_cut(&mut start);
    }
    Err(Failure::of_status(
        status,
        headers,
        start,
        SystemTime::now(),
    ))
}
