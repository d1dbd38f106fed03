//! A session id as logs show it.

use std::borrow::Cow;

/// Ids of more than 20 bytes are shown by their first 8. Hashes of messages have exactly 20 and are shown whole.
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
