//! Proxy URLs, and connections through HTTP proxies.

use std::io;
use std::time::Instant;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Uri;
use http::header::{HeaderName, PROXY_AUTHORIZATION, USER_AGENT};
use http::uri::Authority;
use percent_encoding::percent_decode_str;

use super::super::headers::PRODUCT;
use super::connection::Connection;
use super::http11::{self, Limits};
use crate::exchange::Waiter;
use crate::failure::Headers;

const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// A proxy.
#[derive(Debug)]
pub struct Proxy {
    pub protocol: Protocol,
    /// A name or an address without brackets.
    pub host: String,
    pub port: u16,
    /// User name and password.
    pub login: Option<Login>,
}

/// The protocol of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// CONNECT.
    Http,
    /// CONNECT over TLS.
    Https,
    /// SOCKS 5. The proxy resolves names.
    Socks,
}

/// User name and password.
pub struct Login {
    pub user: String,
    pub password: String,
}

impl Proxy {
    /// Parses a proxy URL: `http`, `https`, `socks5` or `socks5h`. With either SOCKS scheme the proxy resolves names, so
    /// that no name leaks to a local resolver.
    pub fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (protocol, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (Protocol::Http, 80),
            "https" => (Protocol::Https, 443),
            "socks5" | "socks5h" => (Protocol::Socks, 1080),
            _ => return None,
        };
        let uri: Uri = format!("http://{rest}").parse().ok()?;
        let authority = uri.authority()?;
        let host = bare(authority.host());
        if host.is_empty() {
            return None;
        }
        let login = authority.as_str().rsplit_once('@').map(|(login, _)| {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
            Login {
                user: decoded(user),
                password: decoded(password),
            }
        });
        Some(Self {
            protocol,
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(default_port),
            login,
        })
    }
}

/// A host without the brackets of an address.
pub fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Asks the proxy to connect to `target`, a host and a port.
///
/// # Errors
/// When the proxy refuses, violates the protocol or disconnects.
#[inline(never)]
pub fn connect(
    connection: &mut Connection,
    target: &str,
    login: Option<&Login>,
    waiter: &Waiter,
    deadline: Option<Instant>,
) -> io::Result<()> {
    let target: Authority = target.parse().map_err(io::Error::other)?;
    let mut headers = Headers::default();
    headers.put(USER_AGENT, PRODUCT);
    headers.put(PROXY_CONNECTION, "keep-alive");
    if let Some(Login { user, password }) = login {
        let login = BASE64_STANDARD.encode(format!("{user}:{password}"));
        headers.set_secret(PROXY_AUTHORIZATION, format!("Basic {login}"));
    }
    let limits = Limits {
        silence: None,
        deadline,
        late: "the proxy did not answer in time",
    };
    let head = http11::head("CONNECT", target.as_str(), target.as_str(), &headers);
    http11::send(connection, &head, &[], waiter, limits)?;
    let (head, rest) = http11::read_head(connection, true, waiter, limits, &mut false)?;
    if !(200..300).contains(&head.status) {
        let message = format!("the proxy answered {}", head.status);
        return Err(io::Error::new(io::ErrorKind::ConnectionRefused, message));
    }
    match rest.is_empty() {
        true => Ok(()),
        false => Err(io::Error::other("the proxy sent unexpected data")),
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        for (url, protocol, host, port, login) in [
            ("http://h", Protocol::Http, "h", 80, None),
            ("HTTPS://h:8/x?y", Protocol::Https, "h", 8, None),
            (
                "SOCKS5://u:p@h",
                Protocol::Socks,
                "h",
                1080,
                Some(("u", "p")),
            ),
            (
                "socks5h://u@[::1]:2/",
                Protocol::Socks,
                "::1",
                2,
                Some(("u", "")),
            ),
            (
                "http://u%3a:p%40ss@h:1",
                Protocol::Http,
                "h",
                1,
                Some(("u:", "p@ss")),
            ),
        ] {
            let proxy = Proxy::parse(url).unwrap();
            assert_eq!(
                (proxy.protocol, proxy.host.as_str(), proxy.port),
                (protocol, host, port),
                "{url}"
            );
            let found = proxy.login.as_ref();
            let found = found.map(|login| (login.user.as_str(), login.password.as_str()));
            assert_eq!(found, login, "{url}");
            assert!(!format!("{proxy:?}").contains("p@ss"));
        }
    }

    #[test]
    fn other_urls_are_none() {
        for url in [
            "",
            "nowhere",
            "ftp://h:1",
            "socks4://h:1",
            "http://",
            "http://:1",
            "h:8080",
        ] {
            assert!(Proxy::parse(url).is_none(), "{url}");
        }
    }
}
