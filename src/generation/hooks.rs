//! Hooks for programs that embed the gateway: filter and observe requests.

#![deny(missing_docs)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::session::decision::Decision;
use crate::wire::Dialect;
use crate::wire::usage::Usage;

/// A request before routing.
///
/// Its client is authenticated and its body is decoded.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    /// The dialect of the client.
    pub dialect: Dialect,
    /// The model as the client named it.
    pub model: &'a str,
    /// Whether the client asks for a stream.
    pub stream: bool,
    /// The session id as found in the request.
    pub session: Option<&'a str>,
    /// The address of the client.
    pub peer: SocketAddr,
    /// The headers of the request, without the client's credentials.
    pub headers: &'a [(&'a str, &'a str)],
    /// The JSON body for upstreams, before translation.
    pub body: &'a [u8],
}

/// Why a filter refuses a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The HTTP status of the answer, 400 to 599; another number stands for 403.
    pub status: u16,
    /// Shown to the client, in the error format of its dialect.
    pub message: String,
}

/// Called for every request to a model, before routing, on the thread that serves the request. Lists of models and stored
/// answers are served without it.
pub type Filter = Arc<dyn Fn(&Incoming<'_>) -> Result<(), Denied> + Send + Sync>;

/// One finished request.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// The dialect of the client.
    pub dialect: Dialect,
    /// The model as the client named it.
    pub model: &'a str,
    /// The session id as found in the request.
    pub session: Option<&'a str>,
    /// The credential that answered.
    pub credential: Option<&'a str>,
    /// How the credential was chosen.
    pub decision: Decision,
    /// Upstream calls made.
    pub attempts: usize,
    /// The status that the client received; 499 if it disconnected before the answer.
    pub status: u16,
    /// The tokens that the answer reports.
    pub usage: Option<Usage>,
    /// From the arrival of the whole request to the last byte of the answer.
    pub elapsed: Duration,
}

/// Called for every finished request, on the thread that served it.
pub type Observer = Arc<dyn Fn(&Report<'_>) + Send + Sync>;
