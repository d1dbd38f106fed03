//! CORS headers. Web pages of any origin may read answers: clients authenticate with a key, which browsers do not attach
//! by themselves. Without client keys, requests from other origins are refused, and the refusals have no CORS headers
//! ([`super::anonymous`]).

/// The headers of all other answers, errors and preflights included. In browsers the wildcard of `Allow-Headers` does not
/// cover `Authorization` (Fetch Standard, "CORS non-wildcard request-header name").
pub const HEADERS: [(&str, &str); 4] = [
    ("Access-Control-Allow-Origin", "*"),
    (
        "Access-Control-Allow-Methods",
        "GET, POST, PUT, PATCH, DELETE, OPTIONS",
    ),
    ("Access-Control-Allow-Headers", "*, Authorization"),
    (
        "Access-Control-Expose-Headers",
        "Retry-After, X-Request-Id, X-Holdfast-Dropped",
    ),
];
