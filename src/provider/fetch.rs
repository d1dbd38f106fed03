//! Small requests beside those of clients: token endpoints, accounts, quotas.

use std::io::Read;
use std::time::Duration;

use http::header::{ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::{Method, Uri};

use super::call::{Upstream, sent};
use super::headers::PRODUCT;
use super::target::ProxySetting;
use super::{call_failure, compressed, net};
use crate::exchange::Waiter;
use crate::failure::{Failure, FailureKind, Headers};

/// The most bytes of an answer.
const LARGEST: u64 = 1 << 20;

/// A request. It may have secrets, so it is not shown.
#[derive(Clone)]
pub struct Fetch<'a> {
    pub method: Method,
    pub url: &'a str,
    /// Its content type and content.
    pub body: Option<(&'static str, Vec<u8>)>,
    /// Added to the usual ones.
    pub headers: Headers,
    pub proxy: ProxySetting<'a>,
    /// For all of it.
    pub time_limit: Duration,
}

/// An answer, whatever its status.
pub struct Fetched {
    pub status: u16,
    pub headers: Headers,
    /// At most 1 MiB.
    pub body: Vec<u8>,
}

impl Upstream {
    /// Sends a request and reads all of its answer. It is sent on a new connection, once, because a refresh token may be
    /// valid only once. Redirects are not followed.
    ///
    /// # Errors
    /// When there is no whole answer, or the URL is neither `https` nor of this host. The error does not repeat the
    /// request.
    pub fn fetch(&self, fetch: Fetch<'_>) -> Result<Fetched, Failure> {
        let uri: Uri = fetch
            .url
            .parse()
            .ok()
            .filter(is_safe)
            .ok_or_else(|| Failure::new(FailureKind::Connect, "the URL is not an https URL"))?;
        let origin = self
            .network
            .origin(fetch.proxy, &uri)
            .ok_or_else(|| Failure::new(FailureKind::Connect, "the proxy URL cannot be used"))?;
        let waiter = Waiter::alone();
        waiter.hurry(Some(fetch.time_limit));
        let mut headers = fetch.headers;
        headers.put(ACCEPT, "application/json");
        if !headers.has(&USER_AGENT) {
            headers.put(USER_AGENT, PRODUCT);
        }
        let body = match fetch.body {
            Some((kind, body)) => {
                headers.put(CONTENT_TYPE, kind);
                body
            }
            None => Vec::new(),
        };
        let mut headers = sent(headers, &uri, body.len());
        // It would not be used again.
        headers.put(CONNECTION, "close");
        if fetch.method == Method::GET {
            headers.remove(&CONTENT_LENGTH);
        }
        let head = net::request(fetch.method.as_str(), &uri, &headers);
        let (status, mut headers, body) = self
            .network
            .ask(&origin, &head, &[&body], &waiter, true)
            .map_err(|error| call_failure::of_call(&error, &origin.host))?;
        let body = match headers.take_codings() {
            None => Box::new(body),
            Some(codings) => compressed::undone(&codings, Box::new(body), &waiter)?,
        };
        let mut read = Vec::new();
        body.take(LARGEST + 1)
            .read_to_end(&mut read)
            .map_err(|error| Failure::of_read(&error))?;
        if read.len() as u64 > LARGEST {
            return Err(Failure::new(FailureKind::Broken, "the answer is too long"));
        }
        Ok(Fetched {
            status,
            headers,
            body: read,
        })
    }
}

/// Whether secrets may be sent to `uri`: it is encrypted, or of this host.
fn is_safe(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    match uri.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => {
            let ip = host.trim_start_matches('[').trim_end_matches(']');
            host.eq_ignore_ascii_case("localhost")
                || ip
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|ip| ip.is_loopback())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_sent_encrypted_or_to_this_host() {
        for (url, expected) in [
            ("https://auth.example/token", true),
            ("HTTPS://auth.example/token", true),
            ("http://127.0.0.1:8080/token", true),
            ("http://[::1]:8080/token", true),
            ("http://localhost/token", true),
            ("http://auth.example/token", false),
            ("http://127.0.0.1.example/token", false),
            ("http://localhost.example/token", false),
            ("ftp://127.0.0.1/", false),
            ("/token", false),
        ] {
            let uri: Uri = url.parse().unwrap();
            assert_eq!(is_safe(&uri), expected, "{url}");
        }
    }
}
