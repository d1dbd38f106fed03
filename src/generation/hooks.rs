//! What a program that embeds the gateway can see of requests, and refuse.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::session::decision::Decision;
use crate::wire::Dialect;
use crate::wire::usage::Usage;

/// A request that is about to be sent to an upstream.
///
/// Its client is known and its body is whole and decoded.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    pub dialect: Dialect,
    /// The model as the client named it.
    pub model: &'a str,
    /// Whether the client asks for a stream.
    pub stream: bool,
    /// The session id as found in the request.
    pub session: Option<&'a str>,
    pub peer: SocketAddr,
    /// The headers of the request, without credentials of the client.
    pub headers: &'a [(&'a str, &'a str)],
    /// The JSON that upstreams will get, before it is translated.
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

/// Is asked about every request before a credential is chosen, on the thread that serves the request.
pub type Filter = Arc<dyn Fn(&Incoming<'_>) -> Result<(), Denied> + Send + Sync>;

/// One finished request.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    pub dialect: Dialect,
    /// The model as the client named it.
    pub model: &'a str,
    /// The session id as found in the request.
    pub session: Option<&'a str>,
    /// The credential that answered.
    pub credential: Option<&'a str>,
    pub decision: Decision,
    /// Upstream calls made.
    pub attempts: usize,
    /// The status the client received; 499 if it left before there was an answer.
    pub status: u16,
    pub usage: Option<Usage>,
    /// From the arrival of the whole request to the last byte of the answer.
    pub elapsed: Duration,
}

/// Is told of every finished request, on the thread that served it.
pub type Observer = Arc<dyn Fn(&Report<'_>) + Send + Sync>;
