//! The envelope that Code Assist puts around answers, for its own client.

pub const OPEN: &[u8] = b"{\"response\":";
pub const CLOSE: &[u8] = b"}";

/// Whether the data of an event is an answer. Errors have no envelope.
pub fn is_answer(data: &[u8]) -> bool {
    let members = data.trim_ascii_start().strip_prefix(b"{");
    members.is_some_and(|members| !members.trim_ascii_start().starts_with(b"\"error\""))
}
