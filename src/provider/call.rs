//! The one place that calls upstreams.

use std::io::{self, Cursor, Read};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use ureq::http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HeaderValue};
use ureq::http::{Method, Response};
use ureq::{Agent, SendBody};

use super::agent::{Agents, Settings};
use super::failure::{ERROR_BODY, Failure, FailureKind};
use super::headers::Headers;
use super::progress::{self, Progress};
use super::request::Request;
use super::target::{Action, Call, Kind};
use super::{claude, codex, compat, compressed, gemini, vertex};
use crate::coding::Coding;
use crate::logs;

/// A pooled connection that breaks within this time has been closed by the upstream before it saw the
/// request, and the call is made once more on another one. Later, it may have been at work.
const STALE: Duration = Duration::from_secs(1);

/// All upstreams.
pub struct Upstream {
    agents: Agents,
    event_bytes: usize,
}

/// An answer of an upstream: its head, and a body that is still to be read.
pub struct Answer {
    /// 200 to 299.
    pub status: u16,
    /// As they came, unfiltered; of a body that was compressed, without what they say of its coded form.
    pub headers: Headers,
    /// What it fails with is read by [`Failure::of_read`].
    pub body: Box<dyn Read + Send>,
}

impl Upstream {
    pub fn new(settings: Settings) -> Self {
        Self {
            event_bytes: settings.event_bytes,
            agents: Agents::new(settings),
        }
    }

    /// Trusts the authorities in a file (PEM) from now on, beside those built in and the system's. Connections
    /// are kept while its content is the same; a file that cannot be read changes nothing.
    pub fn trust(&self, file: Option<&Path>) {
        self.agents.trust(file);
    }

    /// Calls an upstream and waits for the head of its answer, or for all of it if the upstream can only
    /// stream and the client does not want that. Ends within a second when the client goes
    /// ([`super::watch`]).
    ///
    /// # Errors
    /// Whatever keeps the client from getting an answer, error answers of the upstream included.
    pub fn call(&self, call: &Call) -> Result<Answer, Failure> {
        let request = match call.target.kind {
            Kind::Gemini => gemini::request(call),
            Kind::Vertex => vertex::request(call),
            Kind::Claude => claude::request(call),
            Kind::Codex => codex::request(call),
            Kind::Compat => compat::request(call),
        }?;
        let agent = self.agents.pick(call.target.proxy, &request.uri);
        let agent = agent
            .ok_or_else(|| Failure::new(FailureKind::Connect, "the proxy URL cannot be used"))?;
        if logs::upstream::is_kept() {
            let url = request.uri.to_string();
            let headers = request.headers.iter();
            logs::upstream::request("POST", &url, headers, &mut request.body.reader());
        }
        let answer = answered(send(&agent, &request)?)?;
        let collects = call.target.kind == Kind::Codex && call.action == Action::Generate;
        match collects && !call.stream {
            true => self.collected(answer),
            false => Ok(answer),
        }
    }

    fn collected(&self, answer: Answer) -> Result<Answer, Failure> {
        let body = codex::collect(answer.body, self.event_bytes)?;
        let mut headers = answer.headers;
        headers.describe_json(body.len());
        Ok(Answer {
            body: Box::new(Cursor::new(body)),
            headers,
            ..answer
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

/// Sends a request, a second time if the first met a connection that was closed already.
fn send(agent: &Agent, request: &Request) -> Result<Response<ureq::Body>, Failure> {
    let mut is_first = true;
    loop {
        let started = Instant::now();
        progress::begin();
        let error = match run(agent, request) {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        let host = request.uri.host().unwrap_or_default();
        let failure = Failure::of_call(&error, progress::current(), host);
        let is_stale = failure.kind == FailureKind::Broken
            && progress::current() == Progress::Reused
            && started.elapsed() < STALE;
        if !(is_first && is_stale) {
            return Err(failure);
        }
        is_first = false;
    }
}

fn run(agent: &Agent, request: &Request) -> Result<Response<ureq::Body>, ureq::Error> {
    let mut reader = request.body.reader();
    let mut outgoing = ureq::http::Request::new(SendBody::from_reader(&mut reader));
    *outgoing.method_mut() = Method::POST;
    *outgoing.uri_mut() = request.uri.clone();
    let mut headers = request.headers.clone().into_map();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(request.body.len()));
    // Whatever a credential's headers ask for: events are to come as they are made.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    *outgoing.headers_mut() = headers;
    agent.run(outgoing)
}

/// The answer, or the failure that it is.
fn answered(response: Response<ureq::Body>) -> Result<Answer, Failure> {
    let (head, body) = response.into_parts();
    let status = head.status.as_u16();
    let mut headers = Headers::from(head.headers);
    let body: Box<dyn Read + Send> = Box::new(body.into_reader());
    let body = match headers.take_codings() {
        None => Ok(body),
        Some(codings) => compressed::undone(&codings, body),
    };
    if head.status.is_success() {
        let body = logs::upstream::answer(status, headers.iter(), body?);
        return Ok(Answer {
            status,
            headers,
            body,
        });
    }
    let mut start = Vec::new();
    // An error that cannot be read still has its status.
    let body = body.unwrap_or_else(|_| Box::new(io::empty()));
    if let Err(error) = body.take(ERROR_BODY).read_to_end(&mut start) {
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
        let _ = coding
            .undone(coded)
            .take(ERROR_BODY)
            .read_to_end(&mut plain);
        start = plain;
    }
    Err(Failure::of_status(
        status,
        headers,
        start,
        SystemTime::now(),
    ))
}
