//! The one place that calls upstreams.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderValue};
use http::{HeaderMap, Response};

use super::failure::{ERROR_BODY, Failure, FailureKind};
use super::headers::Headers;
use super::net::{CallError, Network, Origin, Settings, Stage};
use super::request::Request;
use super::target::{Call, Kind, Verb};
use super::{claude, codex, compat, compressed, gemini, presented, vertex};
use crate::coding::Coding;
use crate::exchange::{Interruption, Waiter};
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
        let (response, body, redaction) = self.ask(call)?;
        answered(response, body, call.waiter, &redaction)
            .map_err(|failure| failure.redacted(&redaction))
    }

    /// Sends a request, a second time if the first met a connection that was closed already.
    fn ask(&self, call: &Call) -> Result<Asked, Failure> {
        let mut is_fresh = false;
        loop {
            let started = Instant::now();
            let Prepared {
                origin,
                outgoing,
                body,
                redaction,
            } = self.prepare(call, !is_fresh)?;
            let pieces: Vec<&[u8]> = body.pieces().collect();
            let asked = self
                .network
                .ask(&origin, *outgoing, &pieces, call.waiter, is_fresh);
            let failed = match asked {
                Ok((response, body)) => return Ok((response, Box::new(body), redaction)),
                Err(failed) => failed,
            };
            if is_fresh || !is_stale(&failed) || started.elapsed() >= STALE {
                return Err(Failure::of_call(&failed, &origin.host).redacted(&redaction));
            }
            is_fresh = true;
        }
    }
}

/// The head of an answer, its body, and what was presented for it.
type Asked = (Response<()>, Box<dyn Read>, Arc<Redaction>);

/// A request as it goes out, and where to.
struct Prepared<'a> {
    origin: Arc<Origin>,
    outgoing: Box<http::Request<()>>,
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
        if is_first && logs::upstream::is_kept() {
            let url = request.uri.to_string();
            let headers = request.headers.iter();
            let method = call.method();
            logs::upstream::request(method.as_str(), &url, headers, &mut request.body.reader());
        }
        let Request { uri, headers, body } = request;
        let mut outgoing = Box::new(http::Request::new(()));
        *outgoing.method_mut() = call.method();
        *outgoing.uri_mut() = uri;
        *outgoing.headers_mut() = sent(headers, body.len());
        if call.stored.is_some_and(|stored| stored.verb != Verb::Post) {
            outgoing.headers_mut().remove(CONTENT_LENGTH);
            outgoing.headers_mut().remove(CONTENT_TYPE);
        }
        Ok(Prepared {
            origin,
            outgoing,
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
    match call.target.kind {
        Kind::Gemini => gemini::request(call),
        Kind::Vertex => vertex::request(call),
        Kind::Claude => claude::request(call),
        Kind::Codex => codex::request(call),
        Kind::Compat => compat::request(call),
    }
}

/// The headers as they go out, with a body of `length` bytes.
fn sent(headers: Headers, length: usize) -> HeaderMap {
    let mut headers = headers.into_map();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    // Whatever a credential's headers ask for: events are to come as they are made.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    // The body is sent at once.
    headers.remove(EXPECT);
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
    response: Response<()>,
    body: Box<dyn Read>,
    waiter: &Waiter,
    redaction: &Arc<Redaction>,
) -> Result<Answer, Failure> {
    let (head, ()) = response.into_parts();
    let status = head.status.as_u16();
    let mut headers = Headers::from(head.headers);
    let body = match headers.take_codings() {
        None => Ok(body),
        Some(codings) => compressed::undone(&codings, body, waiter),
    };
    if head.status.is_success() {
        let body = logs::upstream::answer(status, headers.iter(), body?);
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
