//! Answers with a constant body.

/// The content type of the gateway's own answers.
pub const JSON: &str = "application/json; charset=utf-8";
/// The content type of relayed answers, and of errors in the client's dialect.
pub const RELAYED_JSON: &str = "application/json";
/// The content type of event streams.
pub const EVENT_STREAM: &str = "text/event-stream";

/// An answer with a constant body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    pub status: u16,
    pub content_type: &'static str,
    pub body: &'static str,
}

impl Fixed {
    const fn json(status: u16, body: &'static str) -> Self {
        Self {
            status,
            content_type: JSON,
            body,
        }
    }

    /// The error message for logs; `None` if the status is no error.
    pub fn failure(&self) -> Option<String> {
        let is_failure = self.status >= 400;
        is_failure.then(|| {
            let json: serde_json::Value = serde_json::from_str(self.body).unwrap_or_default();
            let texts = ["/error/message", "/message", "/error"];
            let text = texts.iter().find_map(|path| json.pointer(path)?.as_str());
            let first_line = self.body.lines().next().unwrap_or_default();
            text.unwrap_or(first_line).to_owned()
        })
    }
}

/// `GET /`.
pub const ROOT: Fixed = Fixed::json(
    200,
    concat!(
        r#"{"message":"holdfast "#,
        env!("CARGO_PKG_VERSION"),
        r#"","endpoints":["POST /v1/chat/completions","POST /v1/messages","POST /v1/responses","POST /v1beta/models/{model}:generateContent","GET /v1/models"]}"#
    ),
);

/// `GET /healthz`.
pub const HEALTH: Fixed = Fixed::json(200, r#"{"status":"ok"}"#);

/// Unknown paths.
pub const NOT_FOUND: Fixed = Fixed {
    status: 404,
    content_type: "text/plain",
    body: "404 page not found

The APIs are at
  /v1/chat/completions                      OpenAI Chat Completions
  /v1/responses                             OpenAI Responses
  /v1/messages                              Anthropic Messages
  /v1beta/models/{model}:generateContent    Gemini
and GET /v1/models lists the models.
",
};

/// `/v1internal:*` while `enable-gemini-cli-endpoint` is off.
pub const CLI_DISABLED: Fixed = Fixed::json(
    403,
    r#"{"error":{"message":"Gemini CLI endpoint is disabled","type":"forbidden"}}"#,
);

/// `/v1internal:*` for requests from other hosts and from web pages.
pub const CLI_NOT_LOCAL: Fixed = Fixed::json(
    403,
    r#"{"error":{"message":"CLI reply only allow local access","type":"forbidden"}}"#,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_a_message_for_the_log() {
        for (fixed, reason) in [
            (ROOT, None),
            (HEALTH, None),
            (NOT_FOUND, Some("404 page not found")),
            (CLI_DISABLED, Some("Gemini CLI endpoint is disabled")),
        ] {
            assert_eq!(fixed.failure().as_deref(), reason);
        }
    }
}
