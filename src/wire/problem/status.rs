//! Status codes of errors.

/// An HTTP status that is an error: 400 to 599.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorStatus(u16);

impl ErrorStatus {
    pub const BAD_REQUEST: Self = Self(400);
    pub const UNAUTHORIZED: Self = Self(401);
    pub const PAYMENT_REQUIRED: Self = Self(402);
    pub const FORBIDDEN: Self = Self(403);
    pub const NOT_FOUND: Self = Self(404);
    pub const METHOD_NOT_ALLOWED: Self = Self(405);
    pub const TIMEOUT: Self = Self(408);
    pub const TOO_LARGE: Self = Self(413);
    pub const TOO_MANY_REQUESTS: Self = Self(429);
    /// The client closed the connection. nginx's status; it appears in logs and statistics only.
    pub const CLIENT_GONE: Self = Self(499);
    pub const INTERNAL: Self = Self(500);
    pub const NOT_IMPLEMENTED: Self = Self(501);
    pub const BAD_GATEWAY: Self = Self(502);
    pub const UNAVAILABLE: Self = Self(503);
    pub const GATEWAY_TIMEOUT: Self = Self(504);
    /// Anthropic's status.
    pub const OVERLOADED: Self = Self(529);

    /// `None` for anything that is not an error.
    pub fn new(status: u16) -> Option<Self> {
        (400..=599).contains(&status).then_some(Self(status))
    }

    /// The status for an upstream's refusal: its own, or 502 where that is not an error for a client (a redirect, an
    /// interim answer, a number outside HTTP).
    pub fn from_upstream(status: u16) -> Self {
        Self::new(status).unwrap_or(Self::BAD_GATEWAY)
    }

    pub fn code(self) -> u16 {
        self.0
    }

    pub fn is_server_fault(self) -> bool {
        self.0 >= 500
    }
}

/// The standard phrase for a status (RFC 9110, RFC 6585; 499 after nginx, 529 after Anthropic's API
/// errors page); empty for an unnamed one.
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        499 => "Client Closed Request",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        529 => "Overloaded",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_are_error_statuses() {
        for status in [0, 100, 200, 204, 301, 399, 600, 999, u16::MAX] {
            assert_eq!(ErrorStatus::new(status), None);
            assert_eq!(ErrorStatus::from_upstream(status), ErrorStatus::BAD_GATEWAY);
        }
        for status in [400, 418, 429, 500, 529, 599] {
            assert_eq!(ErrorStatus::from_upstream(status).code(), status);
        }
    }
}
