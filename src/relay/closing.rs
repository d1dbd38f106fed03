//! What is written into a stream beside its upstream's events: a missing end, and signs of life.

use crate::dialect::Dialect;

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
