//! Every answer may be read by any web page (`spec/http.md` 1 and 14 row 3): the key is what protects, and
//! browsers attach none by themselves.

/// The headers of every answer, errors and preflights included. The wildcard of `Allow-Headers` does not
/// cover `Authorization` in browsers (Fetch Standard, "CORS non-wildcard request-header name").
pub const HEADERS: [(&str, &str); 4] = [
    ("Access-Control-Allow-Origin", "*"),
    (
        "Access-Control-Allow-Methods",
        "GET, POST, PUT, PATCH, DELETE, OPTIONS",
    ),
    ("Access-Control-Allow-Headers", "*, Authorization"),
    ("Access-Control-Expose-Headers", "Retry-After, X-Request-Id"),
];
