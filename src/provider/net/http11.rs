//! Requests and heads of answers over a [`Connection`]. What goes over the wire is `ureq-proto`'s; here it is
//! moved.

use std::io::{self, IoSlice};
use std::time::{Duration, Instant};

use http::{Request, Response};
use ureq_proto::client::state::RecvResponse;
use ureq_proto::client::{Call, RecvResponseResult, SendRequestResult};

use super::connection::{Connection, is_pause};
use super::input::Input;
use crate::exchange::Waiter;

/// Bytes of a head of an answer at most.
const HEAD: usize = 64 * 1024;
/// Bytes of a request's head beside its headers and its target: method, version, and headers that are added.
const AROUND: usize = 64;

/// What bounds the waits of an exchange.
#[derive(Clone, Copy)]
pub struct Limits {
    /// The longest time without a byte taken.
    pub silence: Option<Duration>,
    pub deadline: Option<Instant>,
    /// What is said when the deadline has passed.
    pub late: &'static str,
}

/// The head of a request as bytes, and the call that waits for its answer once they and a body of `length`
/// bytes are sent.
#[inline(never)]
fn head(
    request: Request<()>,
    length: u64,
) -> Result<(Vec<u8>, Call<RecvResponse>), ureq_proto::Error> {
    let uri = request.uri();
    let authority = uri
        .authority()
        .map_or(0, |authority| authority.as_str().len());
    let target = uri
        .path_and_query()
        .map_or(1, |target| target.as_str().len());
    // The authority can be the target, the host, and a login in Base64.
    let headers = request.headers().iter();
    let headers: usize = headers
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    let mut bytes = vec![0; AROUND + target + 4 * authority + headers];
    let mut call = Call::new(request)?.proceed();
    let mut written = 0;
    while !call.can_proceed() {
        match call.write(bytes.get_mut(written..).unwrap_or_default()) {
            Ok(count @ 1..) => written += count,
            // Not enough room after all.
            Ok(0) | Err(ureq_proto::Error::OutputOverflow) => bytes.resize(2 * bytes.len(), 0),
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(written);
    let call = match call.proceed()? {
        Some(SendRequestResult::SendBody(mut call)) => {
            call.consume_direct_write(usize::try_from(length).unwrap_or(usize::MAX))?;
            call.proceed()
        }
        Some(SendRequestResult::RecvResponse(call)) => Some(call),
        // Nobody sets `Expect`.
        Some(SendRequestResult::Await100(_)) | None => None,
    };
    let call = call.ok_or(ureq_proto::Error::BodyNotAllowed)?;
    Ok((bytes, call))
}

/// Sends a request: its head, with `Content-Length` in it if there is a body, and the pieces of its body.
///
/// # Errors
/// When the request cannot be put into HTTP, and those of [`Connection::send`].
pub fn send(
    connection: &mut Connection,
    request: Request<()>,
    body: &[&[u8]],
    waiter: &Waiter,
    limits: Limits,
) -> io::Result<Box<Call<RecvResponse>>> {
    let length = body.iter().map(|piece| piece.len() as u64).sum();
    let (head, call) = head(request, length).map_err(not_http)?;
    let call = Box::new(call);
    let mut pieces = Vec::with_capacity(1 + body.len());
    pieces.push(IoSlice::new(&head));
    pieces.extend(body.iter().map(|piece| IoSlice::new(piece)));
    connection.send(&mut pieces, waiter, limits.silence, limits.deadline)?;
    Ok(call)
}

/// Waits for the head of an answer, behind any number of informational ones. `has_begun` is set with its first
/// byte.
///
/// # Errors
/// When it breaks, is none or too long, and what ends the wait.
pub fn read_head(
    connection: &mut Connection,
    mut call: Box<Call<RecvResponse>>,
    waiter: &Waiter,
    limits: Limits,
    has_begun: &mut bool,
) -> io::Result<(Response<()>, RecvResponseResult, Input)> {
    let mut input = Input::default();
    loop {
        if !connection.wait(waiter, limits.deadline)? {
            return Err(io::Error::new(io::ErrorKind::TimedOut, limits.late));
        }
        match input.fill(connection, HEAD) {
            Ok(0) => {
                let message = "the connection was closed before the answer";
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
            }
            Ok(_) => *has_begun = true,
            Err(error) if is_pause(&error) => continue,
            Err(error) => return Err(error),
        }
        while let (used @ 1.., response) = parsed(&mut call, input.unread()).map_err(not_http)? {
            input.consume(used);
            let Some(response) = response else {
                continue;
            };
            let next = call.proceed();
            let next = next.ok_or_else(|| not_http(ureq_proto::Error::UnsupportedVersion))?;
            return Ok((response, next, input));
        }
    }
}

/// Out of line: it keeps the places of many headers on the stack.
#[inline(never)]
fn parsed(
    call: &mut Call<RecvResponse>,
    input: &[u8],
) -> Result<(usize, Option<Response<()>>), ureq_proto::Error> {
    match input.is_empty() {
        true => Ok((0, None)),
        false => call.try_response(input, false),
    }
}

/// What came, or was to go out, is not HTTP.
pub fn not_http(error: ureq_proto::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
