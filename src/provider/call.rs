//! The one place that calls upstreams.

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

use super::call_failure;
use super::net::{self, CallError, Network, Origin, Settings, Stage};
use super::request::Request;
use super::target::{Action, Call};
use super::{claude, codex, compat, compressed, gemini, models, presented, vertex};
use crate::content_encoding::Coding;
use crate::credential::UpstreamKind;
use crate::exchange::{Interruption, Waiter};
use crate::failure::Headers;
use crate::failure::{ERROR_BODY, Failure, FailureKind};
use crate::json::Splice;
use crate::logs;
use crate::redaction::Redaction;

/// A pooled connection that breaks within this time has been closed by the upstream before it saw the
/// request, and the call is made once more on another one. Later, it may have been at work.
const STALE: Duration = Duration::from_secs(1);

/// All upstreams.
pub struct Upstream {
    network: Network,
}

/// An answer of an upstream: its head, and a body that is still to be read.
pub struct Answer {
    /// 200 to 299.
    pub status: u16,
    /// As they came, unfiltered; of a body that was compressed, without what they say of its coded form.
    pub headers: Headers,
    /// What it fails with is read by [`Failure::of_read`].
    pub body: Box<dyn Read>,
    /// Through which the body waits.
    pub waiter: Waiter,
    /// What the attempt presented: whatever of the answer turns out to be an error, and its headers, go on
    /// without it.
    pub redaction: Arc<Redaction>,
}

impl Upstream {
    pub fn new(settings: Settings) -> Self {
        Self {
            network: Network::new(settings),
        }
    }

    /// Trusts the authorities in a file (PEM) from now on, beside those built in and the system's. Connections
    /// are kept while its content is the same; a file that cannot be read changes nothing.
    pub fn trust(&self, file: Option<&Path>) {
        self.network.trust(file);
    }

    /// Closes connections that nobody uses any more, and forgets what nobody asks for. To be called every few
    /// seconds.
    pub fn sweep(&self, now: Instant) {
        self.network.sweep(now);
    }

    /// Calls an upstream and waits for the head of its answer. Ends at once when the client goes. An upstream that
    /// can only stream does so, whatever the client wants.
    ///
    /// # Errors
    /// Whatever keeps the client from getting an answer, error answers of the upstream included.
    pub fn call(&self, call: &Call) -> Result<Answer, Failure> {
        call.waiter.wake_after(None);
        let (status, headers, body, redaction) = self.ask(call)?;
        answered(status, headers, body, call.waiter, &redaction)
            .map_err(|failure| failure.redacted(&redaction))
    }

    /// Sends a request, a second time if the first met a connection that was closed already.
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

/// The status and the headers of an answer, its body, and what was presented for it.
type Asked = (u16, Headers, Box<dyn Read>, Arc<Redaction>);

/// A request as it goes out, and where to.
struct Prepared<'a> {
    origin: Arc<Origin>,
    head: Vec<u8>,
    body: Splice<'a>,
    /// What it presents.
    redaction: Arc<Redaction>,
}

impl Upstream {
    /// Out of line: its frame is not to lie below the call.
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
    /// The length of the body, bytes, if the upstream said it.
    pub fn length(&self) -> Option<u64> {
        match self.headers.get("transfer-encoding") {
            Some(_) => None,
            None => self.headers.get("content-length")?.parse().ok(),
        }
    }
}

/// The request that a call stands for.
fn request<'a>(call: &Call<'a>) -> Result<Request<'a>, Failure> {
    if let Action::Models(page) = call.action {
        return models::request(call, page);
    }
    match call.target.kind {
        UpstreamKind::Gemini => gemini::request(call),
        UpstreamKind::Vertex => vertex::request(call),
        UpstreamKind::Claude => claude::request(call),
        UpstreamKind::Codex => codex::request(call),
        UpstreamKind::Compat => compat::request(call),
    }
}

/// The headers as they go out to `uri`, with a body of `length` bytes.
fn sent(mut headers: Headers, uri: &Uri, length: usize) -> Headers {
    headers.replace(CONTENT_LENGTH, HeaderValue::from(length));
    // Whatever a credential's headers ask for: events are to come as they are made.
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

/// Whether a connection of the pool broke before anything came.
fn is_stale(CallError { error, stage }: &CallError) -> bool {
    let is_broken = matches!(Interruption::of(error), None | Some(Interruption::Reset));
    *stage == Stage::Reused && is_broken
}

/// The answer, or the failure that it is.
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
        Some(codings) => compressed::undone(&codings, body, waiter),
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
    // An error that cannot be read still has its status.
    let body = body.unwrap_or_else(|_| Box::new(io::empty()));
    let read = body.take(ERROR_BODY).read_to_end(&mut start);
    let mut is_cut = read.is_err() || start.len() as u64 == ERROR_BODY;
    if let Err(error) = read {
        let failure = Failure::of_read(&error);
        // Of an error that breaks off, the part that came still tells more than the break.
        if failure.kind == FailureKind::ClientGone {
            return Err(failure);
        }
    }
    if let Some(coding) = Coding::of_start(&start) {
        let mut plain = Vec::new();
        let coded = Box::new(start.as_slice());
        // What cannot be read of it is left.
        let read = coding
            .undone(coded)
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
