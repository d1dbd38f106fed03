//! Selection of the upstream's response headers that are passed on to the client.

use crate::glob;

/// Always passed on. Rate-limit headers are not: they describe one of several credentials, and the next request may use
/// another one.
const ALWAYS: &[&str] = &["retry-after"];

/// Never passed on: hop-by-hop headers (RFC 9110 7.6.1), framing and encoding of the upstream's body, cookies and CORS
/// headers of the upstream's origin. `*` ends a prefix.
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

/// The headers of the upstream's answer that are passed on to the client. `everything` is the configuration key
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

/// RFC 9110 7.6.1: `Connection` names further hop-by-hop headers.
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
    fn hop_by_hop_headers_are_never_passed_on() {
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
    fn by_default_only_retry_after_is_passed_on() {
        assert_eq!(names(false, UPSTREAM), ["Retry-After"]);
    }

    #[test]
    fn headers_named_in_connection_are_not_passed_on() {
        let headers = &[
            ("connection", "Retry-After"),
            ("retry-after", "7"),
            ("é", "x"),
        ];
        assert!(names(false, headers).is_empty());
    }
}
