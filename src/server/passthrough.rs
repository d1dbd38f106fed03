//! Which of an upstream's response headers a client gets (`spec/http.md` 10 and 14 rows 3, 4, 13).

/// Passed on in any case: when to come back, what is left of a quota, and the name under which the upstream's
/// support finds the request. `*` ends a prefix.
const ALWAYS: &[&str] = &[
    "retry-after",
    "x-ratelimit-*",
    "anthropic-ratelimit-*",
    "x-request-id",
    "request-id",
];

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
pub fn passed_on(
    headers: &[(String, String)],
    everything: bool,
) -> impl Iterator<Item = (&str, &str)> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(move |(name, _)| {
            !listed(NEVER, name)
                && !named_in_connection(headers, name)
                && (everything || listed(ALWAYS, name))
        })
}

fn listed(patterns: &[&str], name: &str) -> bool {
    patterns
        .iter()
        .any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => name
                .get(..prefix.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(prefix)),
            None => name.eq_ignore_ascii_case(pattern),
        })
}

/// RFC 9110 7.6.1: `Connection` may name further headers that end at this hop.
fn named_in_connection(headers: &[(String, String)], name: &str) -> bool {
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
        let headers: Vec<(String, String)> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        passed_on(&headers, everything)
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
        assert_eq!(
            names(false, UPSTREAM),
            [
                "Retry-After",
                "X-RateLimit-Remaining-Tokens",
                "anthropic-ratelimit-requests-limit",
                "X-Request-Id",
            ]
        );
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
