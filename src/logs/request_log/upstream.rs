//! Logs the upstream calls of this thread's request. Costs one branch where nothing is logged.

use std::io::{self, Read};

use super::upstream_log::{CallIdentity, UpstreamLog};
use super::{current, sections};

/// Whether requests to upstreams and their responses are logged.
pub fn is_logged() -> bool {
    current::with(|log| log.is_full()).unwrap_or(false)
}

/// An attempt begins, with the credential of `identity`.
pub fn attempt(identity: &CallIdentity<'_>) {
    current::with(|log| log.attempt(identity));
}

/// A request is sent.
#[cold]
#[inline(never)]
pub fn request<'h>(
    method: &str,
    url: &str,
    headers: impl Iterator<Item = (&'h str, &'h str)>,
    body: &mut dyn Read,
) {
    with_full(|log| log.request(method, url, headers, body));
}

/// A response has arrived. What is read of the returned body is logged.
pub fn response<'h>(
    status: u16,
    headers: impl Iterator<Item = (&'h str, &'h str)>,
    body: Box<dyn Read>,
) -> Box<dyn Read> {
    match with_full(|log| log.response_head(status, headers)) {
        Some(head) => Box::new(LoggedBody {
            body,
            head: Some(head),
        }),
        None => body,
    }
}

/// A call has failed. `text` is what the upstream said, else what happened.
pub fn failure(status: Option<u16>, text: &str) {
    current::with(|log| log.failure(status, text));
}

fn with_full<T>(action: impl FnOnce(&mut UpstreamLog) -> T) -> Option<T> {
    current::with(|log| log.is_full().then(|| action(log))).flatten()
}

/// The body of a response, logged as it is read.
struct LoggedBody {
    body: Box<dyn Read>,
    /// Logged before the first bytes.
    head: Option<String>,
}

impl LoggedBody {
    fn log(&mut self, bytes: &[u8]) {
        current::with(|log| {
            if let Some(head) = self.head.take() {
                log.sections.put(head.as_bytes());
            }
            log.sections.put(bytes);
        });
    }
}

impl Read for LoggedBody {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = self.body.read(room)?;
        self.log(room.get(..count).ok_or(io::ErrorKind::InvalidData)?);
        Ok(count)
    }
}

impl Drop for LoggedBody {
    fn drop(&mut self) {
        self.log(sections::END.as_bytes());
    }
}
