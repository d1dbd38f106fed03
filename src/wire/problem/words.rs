//! The names of errors in each dialect, by status.

use super::status::ErrorStatus;

/// OpenAI's `type` (its "Error codes" page).
pub(super) fn openai_type(status: ErrorStatus) -> &'static str {
    match status.code() {
        403 => "permission_error",
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}

/// OpenAI's `code` (its "Error codes" page).
pub(super) fn openai_code(status: ErrorStatus) -> Option<&'static str> {
    Some(match status.code() {
        401 => "invalid_api_key",
        403 => "insufficient_quota",
        404 => "model_not_found",
        429 => "rate_limit_exceeded",
        500.. => "internal_server_error",
        _ => return None,
    })
}

/// The code in an event, which, unlike a body, always has one.
pub(super) fn stream_code(status: ErrorStatus) -> &'static str {
    match status.code() {
        408 => "request_timeout",
        _ => openai_code(status).unwrap_or("invalid_request_error"),
    }
}

/// Anthropic's `type` (its "Errors" page).
pub(super) fn claude_type(status: ErrorStatus) -> &'static str {
    match status.code() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

/// The name of the `google.rpc.Code` that stands for an HTTP status (google/rpc/code.proto), and for those
/// it does not know the nearest one.
pub(super) fn google_status(status: ErrorStatus) -> &'static str {
    match status.code() {
        401 => "UNAUTHENTICATED",
        402 => "FAILED_PRECONDITION",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        501 => "UNIMPLEMENTED",
        503 | 529 => "UNAVAILABLE",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_words() {
        let table = "
            400 invalid_request_error - invalid_request_error INVALID_ARGUMENT
            401 invalid_request_error invalid_api_key authentication_error UNAUTHENTICATED
            402 invalid_request_error - billing_error FAILED_PRECONDITION
            403 permission_error insufficient_quota permission_error PERMISSION_DENIED
            404 invalid_request_error model_not_found not_found_error NOT_FOUND
            413 invalid_request_error - request_too_large INVALID_ARGUMENT
            422 invalid_request_error - invalid_request_error INVALID_ARGUMENT
            429 rate_limit_error rate_limit_exceeded rate_limit_error RESOURCE_EXHAUSTED
            500 server_error internal_server_error api_error INTERNAL
            501 server_error internal_server_error api_error UNIMPLEMENTED
            503 server_error internal_server_error api_error UNAVAILABLE
            504 server_error internal_server_error timeout_error DEADLINE_EXCEEDED
            529 server_error internal_server_error overloaded_error UNAVAILABLE
        ";
        for row in table.lines().filter(|row| !row.trim().is_empty()) {
            let words: Vec<&str> = row.split_whitespace().collect();
            let [code, openai, code_word, claude, google] = words[..] else {
                panic!("five words: {row}");
            };
            let code: u16 = code.parse().expect("a number");
            let code_word = (code_word != "-").then_some(code_word);
            let status = ErrorStatus::new(code).expect("an error status");
            assert_eq!(openai_type(status), openai, "{code}");
            assert_eq!(openai_code(status), code_word, "{code}");
            assert_eq!(claude_type(status), claude, "{code}");
            assert_eq!(google_status(status), google, "{code}");
            let event = match code {
                408 => "request_timeout",
                _ => code_word.unwrap_or("invalid_request_error"),
            };
            assert_eq!(stream_code(status), event, "{code}");
        }
    }
}
