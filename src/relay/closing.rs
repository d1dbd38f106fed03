//! What the gateway adds to a stream: a missing end, and keep-alives.

use crate::wire::Dialect;

/// The end of a stream whose answer is complete. The other two dialects have none to add.
pub fn end(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Chat => "data: [DONE]\n\n",
        Dialect::Messages => "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        Dialect::Responses | Dialect::Gemini => "",
    }
}

/// A keep-alive in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAlive {
    /// An event or a comment of its own.
    Event(&'static str),
    /// The next event begins early: `data:` and spaces, which JSON may begin with. The event follows on the same line.
    InLine,
}

/// How a stream of `dialect` is kept alive.
///
/// Google's SDKs do not read the whole of the format of server-sent events. In Python (`google-genai` 1.0 to 3.6) and
/// Go (`google.golang.org/genai` 1.0 to 1.77) any line that does not begin with `data:` is an error, comments included;
/// a blank line too many is one in Go, and in JavaScript two are (`@google/genai` up to 1.16, `@google/generative-ai`).
/// An event without content reaches the program that uses the SDK. But all of them wait for the end of a line.
pub fn keep_alive(dialect: Dialect) -> KeepAlive {
    match dialect {
        Dialect::Messages => KeepAlive::Event("event: ping\ndata: {\"type\":\"ping\"}\n\n"),
        Dialect::Chat | Dialect::Responses => KeepAlive::Event(": keep-alive\n\n"),
        Dialect::Gemini => KeepAlive::InLine,
    }
}
