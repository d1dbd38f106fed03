//! The gateway's own answers, each sent with one write.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use super::fixed::{Fixed, JSON, RELAYED_JSON};
use super::head::{Framing, Head};
use crate::logs::request_id::RequestId;
use crate::wire::Dialect;
use crate::wire::problem::{self, Problem};

/// The `Retry-After` of a 429 without one. Without the header clients retry at once, or never.
fn default_retry_after(status: u16) -> Option<Duration> {
    (status == 429).then_some(Duration::from_secs(5))
}

/// A whole answer.
pub struct Reply {
    status: u16,
    content_type: Option<&'static str>,
    location: Option<String>,
    retry_after: Option<Duration>,
    request_id: Option<RequestId>,
    body: Vec<u8>,
    /// An additional header.
    header: Option<(&'static str, &'static str)>,
    has_cors: bool,
    /// The error message for logs.
    failure: Option<String>,
    /// Whether the body is left out: the answer to HEAD.
    head_only: bool,
}

impl Reply {
    fn new(status: u16, content_type: Option<&'static str>, body: Vec<u8>) -> Self {
        Self {
            status,
            content_type,
            location: None,
            retry_after: None,
            request_id: None,
            body,
            header: None,
            has_cors: true,
            failure: None,
            head_only: false,
        }
    }

    pub fn fixed(fixed: Fixed) -> Self {
        Self {
            failure: fixed.failure(),
            ..Self::new(
                fixed.status,
                Some(fixed.content_type),
                fixed.body.as_bytes().to_vec(),
            )
        }
    }

    pub fn json(body: Vec<u8>) -> Self {
        Self::new(200, Some(JSON), body)
    }

    pub fn preflight() -> Self {
        Self::new(204, None, Vec::new())
    }

    pub fn redirect(status: u16, location: String) -> Self {
        Self {
            location: Some(location),
            ..Self::new(status, None, Vec::new())
        }
    }

    /// An error in the client's dialect.
    pub fn problem(dialect: Dialect, problem: &Problem) -> Self {
        let status = problem.status_in(dialect).code();
        Self {
            retry_after: problem.retry_after.or(default_retry_after(status)),
            failure: Some(problem.message.clone()),
            ..Self::new(
                status,
                Some(RELAYED_JSON),
                problem::render(dialect, problem),
            )
        }
    }

    /// An error for a client of unknown dialect.
    pub fn plain_problem(problem: &Problem) -> Self {
        let body = serde_json::json!({"error": problem.message});
        Self::new(
            problem.status.code(),
            Some(JSON),
            body.to_string().into_bytes(),
        )
    }

    /// An upstream's error with the upstream's body.
    pub fn upstream_error(status: u16, retry_after: Option<Duration>, body: Vec<u8>) -> Self {
        Self {
            retry_after: retry_after.or(default_retry_after(status)),
            ..Self::new(status, Some(RELAYED_JSON), body)
        }
    }

    /// Wraps the body in a JSON array if the successful answer would be one.
    pub fn in_array_if(mut self, is_array: bool) -> Self {
        if is_array {
            self.body.insert(0, b'[');
            self.body.push(b']');
        }
        self
    }

    pub fn with_id(self, id: RequestId) -> Self {
        Self {
            request_id: Some(id),
            ..self
        }
    }

    pub fn with_header(self, name: &'static str, value: &'static str) -> Self {
        Self {
            header: Some((name, value)),
            ..self
        }
    }

    /// Leaves out the CORS headers.
    pub fn without_cors(self) -> Self {
        Self {
            has_cors: false,
            ..self
        }
    }

    pub fn head_only(self) -> Self {
        Self {
            head_only: true,
            ..self
        }
    }

    /// The error message for logs.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    pub fn into_body(self) -> Vec<u8> {
        self.body
    }

    pub fn status(&self) -> u16 {
        self.status
    }

    /// Head and body as sent.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes([])
    }

    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        self.write_with(out, [])
    }

    fn bytes<'h>(&self, passed_on: impl IntoIterator<Item = (&'h str, &'h str)>) -> Vec<u8> {
        let head = Head {
            status: self.status,
            framing: match self.status {
                204 => Framing::None,
                _ => Framing::Length(self.body.len() as u64),
            },
            content_type: self.content_type,
            request_id: self.request_id,
            retry_after: self.retry_after,
            location: self.location.as_deref(),
            has_cors: self.has_cors,
        };
        let mut bytes = Vec::with_capacity(512 + self.body.len());
        let headers = self.header.into_iter().chain(passed_on);
        head.write(&mut bytes, SystemTime::now(), headers);
        if !self.head_only {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }

    /// Writes the answer with headers of the upstream.
    pub fn write_with<'h>(
        &self,
        out: &mut dyn Write,
        passed_on: impl IntoIterator<Item = (&'h str, &'h str)>,
    ) -> io::Result<()> {
        let bytes = self.bytes(passed_on);
        out.write_all(&bytes)?;
        out.flush()
    }
}
