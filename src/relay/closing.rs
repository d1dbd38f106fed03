//! What is written where an upstream left a stream without its end: an error event in the client's dialect
//! (spec/http.md 9.3 and B 14), or, if the answer itself was complete, the missing end.

use serde_json::json;

use crate::dialect::Dialect;

/// Characters of an error text that reach the client (spec/http.md B 14a).
const MESSAGE: usize = 2048;

/// An error inside a stream.
pub struct StreamError {
    /// Its JSON.
    pub data: String,
    name: Option<&'static str>,
}

/// The error that tells a client that its stream has failed. `status` is what the failure would have been
/// before the stream began, `next` the number the next event would have had.
pub fn error(
    dialect: Dialect,
    is_codex: bool,
    status: u16,
    message: &str,
    next: u64,
) -> StreamError {
    let message: String = message.chars().take(MESSAGE).collect();
    let is_late = matches!(status, 408 | 504);
    let code = match status {
        408 => "request_timeout",
        _ => "internal_server_error",
    };
    let (name, data) = match dialect {
        Dialect::Chat => {
            let error =
                json!({"message": message, "type": "server_error", "param": null, "code": code});
            (None, json!({ "error": error }))
        }
        Dialect::Responses if is_codex => {
            let error = json!({"type": "server_error", "code": code, "message": message});
            let response = json!({"status": "failed", "error": error});
            let kind = "response.failed";
            (
                Some(kind),
                json!({"type": kind, "sequence_number": next, "response": response}),
            )
        }
        Dialect::Responses => (
            Some("error"),
            json!({"type": "error", "code": code, "message": message, "param": null, "sequence_number": next}),
        ),
        Dialect::Messages => {
            let kind = if is_late {
                "timeout_error"
            } else {
                "api_error"
            };
            let error = json!({"type": kind, "message": message});
            (Some("error"), json!({"type": "error", "error": error}))
        }
        Dialect::Gemini => {
            let kind = if is_late {
                "DEADLINE_EXCEEDED"
            } else {
                "INTERNAL"
            };
            let error = json!({"code": status, "message": message, "status": kind, "details": []});
            (Some("error"), json!({ "error": error }))
        }
    };
    StreamError {
        data: data.to_string(),
        name,
    }
}

impl StreamError {
    /// It as an event.
    pub fn event(&self) -> String {
        let data = &self.data;
        match self.name {
            Some(name) => format!("event: {name}\ndata: {data}\n\n"),
            None => format!("data: {data}\n\n"),
        }
    }
}

/// The end of a stream whose answer is complete. The other two dialects have none to add.
pub fn end(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Chat => "data: [DONE]\n\n",
        Dialect::Messages => "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        Dialect::Responses | Dialect::Gemini => "",
    }
}

/// What is written when nothing else was for a while (spec/dialects.md 5.1).
pub fn keep_alive(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Messages => "event: ping\ndata: {\"type\":\"ping\"}\n\n",
        Dialect::Chat | Dialect::Responses | Dialect::Gemini => ": keep-alive\n\n",
    }
}
