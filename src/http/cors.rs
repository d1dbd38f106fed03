//! Every web page may read every answer: the key protects, and browsers do not add one by themselves. Without client keys,
//! requests of other origins are refused, and these answers have no CORS headers ([`super::anonymous`]).

/// The headers of every other answer, errors and preflights included. The wildcard of `Allow-Headers` does not
/// cover `Authorization` in browsers (Fetch Standard, "CORS non-wildcard request-header name").
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
