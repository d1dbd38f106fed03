//! Answers that an upstream gives to a request that is no generation, and that are passed on as they are.

use std::io::{self, Read, Write};
use std::time::SystemTime;

use super::access_log::Access;
use super::error_answer::ErrorAnswer;
use super::inbound::Inbound;
use crate::failure::{Failure, FailureKind};
use crate::http::fixed::RELAYED_JSON;
use crate::http::head::{Framing, Head};
use crate::provider::Answer;
use crate::relay::Chunks;
use crate::wire::problem::{ErrorStatus, Problem};

/// The buffer for relaying an answer, bytes.
const BUFFER: usize = 16 * 1024;

/// The error for the client; `None` if the client has disconnected. Where the credential is the gateway's, its refusal is
/// no matter of the client's, so 401 to 403 become 503.
pub fn error(failure: &Failure, is_ours: bool) -> Option<ErrorAnswer<'_>> {
    let problem = match (failure.kind, failure.status) {
        (FailureKind::ClientGone, _) => return None,
        (FailureKind::Status, Some(status @ (401..=403))) if is_ours => Problem::new(
            ErrorStatus::UNAVAILABLE,
            format!("the upstream refused the credential with status {status}"),
        ),
        (FailureKind::Status, Some(status)) => {
            return Some(ErrorAnswer::Upstream {
                status: ErrorStatus::from_upstream(status),
                retry_after: failure.retry_after,
                failure,
            });
        }
        (FailureKind::Timeout, _) => Problem::upstream_timeout(failure),
        _ => Problem::upstream_broken(failure),
    };
    Some(ErrorAnswer::Gateway(problem))
}

/// Relays the upstream's answer as it arrives.
pub fn relay(
    mut answer: Answer,
    inbound: &Inbound,
    access: &Access,
    out: &mut dyn Write,
) -> io::Result<()> {
    let content_type = answer.headers.get("content-type").unwrap_or(RELAYED_JSON);
    let is_empty = answer.status == 204;
    let head = Head {
        request_id: Some(access.id),
        ..Head::new(
            answer.status,
            content_type,
            match is_empty {
                true => Framing::None,
                false => Framing::Chunked,
            },
        )
    };
    let mut bytes = Vec::with_capacity(512);
    head.write(&mut bytes, SystemTime::now(), []);
    out.write_all(&bytes)?;
    if is_empty || inbound.method == "HEAD" {
        return out.flush();
    }
    let mut chunks = Chunks::new(out);
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = answer.body.read(&mut buffer)?;
        if count == 0 {
            return chunks.finish();
        }
        chunks.put(buffer.get(..count).unwrap_or_default());
        chunks.flush()?;
    }
}
