//! Gemini CLI's endpoint, `/v1internal:*`. It needs no client key, so it only serves programs on this host.

use std::net::SocketAddr;

use super::inbound::Inbound;
use crate::exchange::Headers;
use crate::http::fixed::{CLI_DISABLED, CLI_NOT_LOCAL};
use crate::http::reply::Reply;
use crate::session::scan;
use crate::wire::Dialect;
use crate::wire::problem::{Problem, Unavailable};

/// Whether the endpoint serves a request.
pub fn is_allowed(peer: SocketAddr, headers: &Headers, is_enabled: bool) -> bool {
    is_enabled && is_local(peer, headers)
}

/// The answer: always an error, since credentials for Gemini CLI's upstream are not implemented.
pub fn reply(inbound: &Inbound, is_enabled: bool) -> Reply {
    if !is_enabled {
        return Reply::fixed(CLI_DISABLED);
    }
    if !is_local(inbound.peer, &inbound.headers) {
        return Reply::fixed(CLI_NOT_LOCAL);
    }
    let scan = scan::scan(&inbound.body).ok();
    let model = scan.and_then(|scan| scan.model?.text);
    let model = model.as_deref().unwrap_or("unknown");
    let problem = Problem::no_credential(Unavailable::NotFound, &["gemini-cli"], model);
    Reply::problem(Dialect::Gemini, &problem)
}

/// Whether the request is from a program on this host. Web pages send an `Origin`, or a `Host` name of their own.
fn is_local(peer: SocketAddr, headers: &Headers) -> bool {
    let host = headers.get("host").unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let is_named = ["127.0.0.1", "localhost", "[::1]"]
        .iter()
        .any(|local| name.eq_ignore_ascii_case(local));
    is_named && peer.ip().to_canonical().is_loopback() && headers.get("origin").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_on_this_host_are_local() {
        for (peer, lines, expected) in [
            ("127.0.0.1:1", "Host: 127.0.0.1:8317\r\n", true),
            ("127.0.0.1:1", "Host: localhost\r\n", true),
            ("[::1]:1", "Host: [::1]:8317\r\n", true),
            ("[::1]:1", "Host: [::1]\r\n", true),
            ("[::ffff:127.0.0.1]:1", "Host: LOCALHOST:1\r\n", true),
            ("192.0.2.1:1", "Host: 127.0.0.1\r\n", false),
            ("127.0.0.1:1", "Host: 192.0.2.1\r\n", false),
            ("127.0.0.1:1", "Host: localhost.example:8317\r\n", false),
            ("127.0.0.1:1", "Host: ::1\r\n", false),
            ("127.0.0.1:1", "", false),
            ("127.0.0.1:1", "Host: localhost\r\nOrigin: null\r\n", false),
        ] {
            let (address, headers) = (peer.parse().unwrap(), Headers::of(lines));
            assert_eq!(is_local(address, &headers), expected, "{peer} {lines:?}");
        }
    }
}
