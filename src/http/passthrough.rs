//! The response headers of an upstream that are passed to the client.

use crate::glob;

/// Always passed on. Rate-limit headers are not: they concern one credential of several, and the next request may use
/// another.
const ALWAYS: &[&str] = &["retry-after"];

/// Never passed on: they are about one connection, one encoding of the body, or a web origin that is not ours.
/// `*` ends a prefix.
const NEVER: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "set-cookie",
    "content-length",
    "content-encoding",
    "access-control-*",
];

/// Of an upstream's response headers those that go on to the client. `everything` is the key
/// `passthrough-headers`.
pub fn passed_on<'h>(
    headers: impl IntoIterator<Item = (&'h str, &'h str)>,
    everything: bool,
) -> Vec<(&'h str, &'h str)> {
    let headers: Vec<_> = headers.into_iter().collect();
    headers
        .iter()
        .filter(|(name, _)| {
            !listed(NEVER, name)
                && (everything || listed(ALWAYS, name))
                && !named_in_connection(&headers, name)
        })
        .copied()
        .collect()
}

fn listed(patterns: &[&str], name: &str) -> bool {
    let mut patterns = patterns.iter();
    patterns.any(|pattern| glob::matches_ignore_ascii_case(pattern, name))
}

/// RFC 9110 7.6.1: `Connection` may name further headers that end at this hop.
fn named_in_connection(headers: &[(&str, &str)], name: &str) -> bool {
    headers
        .iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case("connection"))
        .flat_map(|(_, value)| value.split(','))
        .any(|option| option.trim().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(everything: bool, headers: &[(&str, &str)]) -> Vec<String> {
        passed_on(headers.iter().copied(), everything)
            .into_iter()
            .map(|(name, _)| name.to_owned())
            .collect()
    }

    const UPSTREAM: &[(&str, &str)] = &[
        ("Content-Type", "application/json"),
        ("Content-Length", "12"),
        ("content-encoding", "gzip"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "keep-alive, X-Hop"),
        ("X-Hop", "1"),
        ("Set-Cookie", "a=b"),
        ("Access-Control-Allow-Origin", "https://x.test"),
        ("access-control-max-age", "1"),
        ("Retry-After", "7"),
        ("X-RateLimit-Remaining-Tokens", "5"),
        ("anthropic-ratelimit-requests-limit", "50"),
        ("X-Request-Id", "req_1"),
        ("Server", "upstream"),
    ];

    #[test]
    fn hop_by_hop_headers_never_pass() {
        assert_eq!(
            names(true, UPSTREAM),
            [
                "Content-Type",
                "Retry-After",
                "X-RateLimit-Remaining-Tokens",
                "anthropic-ratelimit-requests-limit",
                "X-Request-Id",
                "Server",
            ]
        );
    }

    #[test]
    fn without_the_key_only_what_clients_act_on_passes() {
        assert_eq!(names(false, UPSTREAM), ["Retry-After"]);
    }

    #[test]
    fn connection_can_take_back_what_would_pass() {
        let headers = &[
            ("connection", "Retry-After"),
            ("retry-after", "7"),
            ("é", "x"),
        ];
        assert!(names(false, headers).is_empty());
    }
}
