//! What became of a request: told once it is over, to the log and to whoever embeds the gateway.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::session::decision::Decision;
use crate::wire::Dialect;
use crate::wire::usage::Usage;

/// One finished request.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    pub dialect: Dialect,
    /// The model as the client named it.
    pub model: &'a str,
    /// The session id as found in the request; show [`short`] of it.
    pub session: Option<&'a str>,
    /// The credential that answered.
    pub credential: Option<&'a str>,
    pub decision: Decision,
    /// Upstream calls made.
    pub attempts: usize,
    /// What the client saw; 499 if it had left before there was anything to see.
    pub status: u16,
    pub usage: Option<Usage>,
    /// From the request's arrival at a worker to the last byte of the answer.
    pub elapsed: Duration,
}

/// Is told of every finished request, on the thread of its worker.
pub type Observer = Arc<dyn Fn(&Report<'_>) + Send + Sync>;

/// A session id as logs show it: ids over 20 bytes by their first 8 (spec/routing.md 4). Messages
/// hashes have exactly 20 and are shown whole.
pub fn short(session: &str) -> Cow<'_, str> {
    if session.len() <= 20 {
        return Cow::Borrowed(session);
    }
    let head: String = session
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .take(8)
        .collect();
    Cow::Owned(head + "...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_ids_are_cut() {
        assert_eq!(short("msg:6f3af82650710693"), "msg:6f3af82650710693");
        assert_eq!(
            short("claude:ac980658-63bd-4fb3-97ba-8da64cb1e344"),
            "claude:a..."
        );
    }
}
