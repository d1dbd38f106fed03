//! Calls of a vendor's authorization server during a sign-in.

use std::time::Duration;

use http::Method;
use serde_json::Value;

use super::client::Client;
use super::endpoints::Endpoints;
use super::token::Refusal;
use crate::credential::Channel;
use crate::failure::{Failure, FailureKind, Headers};
use crate::provider::call::Upstream;
use crate::provider::fetch::{Fetch, Fetched};
use crate::provider::target::ProxySetting;

/// For one request.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// A vendor's authorization server, and the client that asks it.
pub struct Service<'a> {
    pub upstream: &'a Upstream,
    pub channel: Channel,
    pub client: Client,
    pub endpoints: Endpoints,
    pub proxy: ProxySetting<'a>,
}

impl Service<'_> {
    pub(super) fn get(&self, url: &str, headers: Headers) -> Result<Fetched, Refusal> {
        self.send(Method::GET, url, None, headers)
    }

    pub(super) fn post(
        &self,
        url: &str,
        body: (&'static str, Vec<u8>),
        headers: Headers,
    ) -> Result<Fetched, Refusal> {
        self.send(Method::POST, url, Some(body), headers)
    }

    fn send(
        &self,
        method: Method,
        url: &str,
        body: Option<(&'static str, Vec<u8>)>,
        headers: Headers,
    ) -> Result<Fetched, Refusal> {
        let fetch = Fetch {
            method,
            url,
            body,
            headers,
            proxy: self.proxy,
            time_limit: TIME_LIMIT,
        };
        self.upstream.fetch(fetch).map_err(Refusal::Failed)
    }
}

/// A body in JSON.
pub fn json_body(value: &Value) -> (&'static str, Vec<u8>) {
    ("application/json", value.to_string().into_bytes())
}

/// The JSON of an answer with a status of success.
pub fn json_of(answer: &Fetched, what: &str) -> Result<Value, Refusal> {
    match answer.status {
        200..=299 => Ok(serde_json::from_slice(&answer.body).unwrap_or_default()),
        status => Err(Refusal::Failed(Failure {
            status: Some(status),
            ..Failure::new(
                FailureKind::Status,
                format!("the request for {what} was answered with {status}"),
            )
        })),
    }
}

/// A failure that is told as `message`.
pub fn failed(message: impl Into<String>) -> Refusal {
    Refusal::Failed(Failure::new(FailureKind::Broken, message))
}
