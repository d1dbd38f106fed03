//! One request and its answer, on their way between a client and a lane.

use std::io;

use mio::net::UnixStream;

use super::client::Client;
use super::framing::chunked::{self, Decoder};
use super::framing::request::RequestHead;
use super::framing::{Body, response};
use super::refusal::Refusal;
use super::socket::{Received, Socket};
use crate::lane::envelope;

/// Bytes that may wait for one side to take them before the other side is no longer read.
const HIGH_WATER: usize = 256 * 1024;
/// Bytes of requests sent ahead that are kept while an answer is under way.
const AHEAD: usize = 64 * 1024;
/// Bytes of an answer's head.
const HEAD_BYTES: usize = 256 * 1024;
/// Reads of one side before others get their turn.
const TURNS: usize = 16;

/// What is known of a request under way.
#[derive(Debug)]
pub struct Exchange {
    pub lane: usize,
    upload: Transfer,
    /// Bytes of the request's body so far, and how many it may have.
    uploaded: u64,
    body_limit: u64,
    download: Download,
    /// The beginning of an answer whose head is not complete.
    head: Vec<u8>,
    keep_alive: bool,
    is_http10: bool,
    is_head: bool,
    /// Bytes have moved since it was last asked.
    pub has_moved: bool,
}

/// A body on its way.
#[derive(Debug)]
enum Transfer {
    Done,
    Length(u64),
    Chunked(Decoder),
}

#[derive(Debug)]
enum Download {
    Head,
    Body(Transfer),
}

/// What is to become of an exchange.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// It waits for one of its sockets.
    Waiting,
    /// It could go on, but others wait.
    Yielding,
    /// The answer is complete, and the lane free. The connection may be used again if `keep_alive`.
    Finished { keep_alive: bool },
    /// The answer is complete, but not the request; the lane must be closed.
    Early,
    /// The request cannot go on; the lane must be closed. The client has seen nothing yet.
    Refused(Refusal),
    /// The answer broke off; lane and client must be closed.
    Broken,
    /// The client has gone; the lane must be closed.
    ClientGone,
}

impl Transfer {
    fn of(body: Body) -> Self {
        match body {
            Body::None | Body::Length(0) => Self::Done,
            Body::Length(length) => Self::Length(length),
            Body::Chunked => Self::Chunked(Decoder::default()),
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::Done => true,
            Self::Length(left) => *left == 0,
            Self::Chunked(decoder) => decoder.is_done(),
        }
    }
}

impl Exchange {
    pub fn new(head: &RequestHead, lane: usize, body_limit: u64) -> Self {
        Self {
            lane,
            upload: Transfer::of(head.body),
            uploaded: 0,
            body_limit,
            download: Download::Head,
            head: Vec::new(),
            keep_alive: head.keep_alive,
            is_http10: head.is_http10,
            is_head: head.is_head,
            has_moved: false,
        }
    }

    /// Whether the request has been read to its end.
    pub fn is_uploaded(&self) -> bool {
        self.upload.is_done()
    }

    /// Whether the client can still be told that its request takes too long.
    pub fn may_refuse(&self) -> bool {
        !self.is_uploaded() && !self.has_answered()
    }

    /// Whether the client has got a part of the answer.
    fn has_answered(&self) -> bool {
        matches!(self.download, Download::Body(_))
    }

    /// The connection is not to be used again.
    pub fn close_afterwards(&mut self) {
        self.keep_alive = false;
    }

    /// Moves what can be moved.
    pub fn pump(
        &mut self,
        client: &mut Client,
        lane: &mut Socket<UnixStream>,
        scratch: &mut [u8],
    ) -> Progress {
        let up = match self.pump_up(client, lane, scratch) {
            Ok(more) => more,
            Err(progress) => return progress,
        };
        match self.pump_down(client, lane, scratch) {
            Ok(down) if up || down => Progress::Yielding,
            Ok(_) => Progress::Waiting,
            Err(progress) => progress,
        }
    }

    /// The client's bytes to the lane. Whether there may be more right away.
    fn pump_up(
        &mut self,
        client: &mut Client,
        lane: &mut Socket<UnixStream>,
        scratch: &mut [u8],
    ) -> Result<bool, Progress> {
        if !client.input.is_empty() && !self.upload.is_done() {
            let input = std::mem::take(&mut client.input);
            let taken = self.upload(&input, lane)?;
            client.input = input;
            client.consume(taken);
        }
        let mut more = true;
        for _ in 0..TURNS {
            if self.upload.is_done() {
                more = self.listen(client, scratch)?;
                break;
            }
            if lane.pending() >= HIGH_WATER {
                more = false;
                break;
            }
            match client.socket.receive(scratch) {
                Received::Bytes(count) => {
                    let bytes = scratch.get(..count).unwrap_or_default();
                    let taken = self.upload(bytes, lane)?;
                    client
                        .input
                        .extend_from_slice(bytes.get(taken..).unwrap_or_default());
                }
                Received::Nothing => {
                    more = false;
                    break;
                }
                Received::End => return Err(Progress::ClientGone),
            }
        }
        // A lane that takes no more shows when it is read.
        let _ = lane.flush();
        Ok(more)
    }

    /// While an answer is under way: keeps what the client sends ahead, and sees when it leaves.
    fn listen(&self, client: &mut Client, scratch: &mut [u8]) -> Result<bool, Progress> {
        if client.input.len() < AHEAD {
            match client.socket.receive(scratch) {
                Received::Bytes(count) => client
                    .input
                    .extend_from_slice(scratch.get(..count).unwrap_or_default()),
                Received::Nothing => {}
                Received::End => return Err(Progress::ClientGone),
            }
        }
        if client.socket.has_ended() {
            return Err(Progress::ClientGone);
        }
        Ok(client.socket.is_readable() && client.input.len() < AHEAD)
    }

    /// Sends body bytes from the front of `bytes` on. Returns how many belong to the body.
    fn upload(&mut self, bytes: &[u8], lane: &mut Socket<UnixStream>) -> Result<usize, Progress> {
        let before = self.uploaded;
        let taken = match &mut self.upload {
            Transfer::Done => 0,
            Transfer::Length(left) => {
                let count = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                *left -= count as u64;
                self.uploaded += count as u64;
                // A lane that takes no more shows when it is read.
                let _ = lane.send(bytes.get(..count).unwrap_or_default());
                count
            }
            Transfer::Chunked(decoder) => {
                let mut taken = 0;
                let mut pieces = Vec::new();
                while !decoder.is_done() {
                    let rest = bytes.get(taken..).unwrap_or_default();
                    let step = decoder.step(rest).map_err(|chunked::NotChunked| {
                        Progress::Refused(Refusal::Malformed("the body is not chunked"))
                    })?;
                    if step.taken == 0 {
                        break;
                    }
                    taken += step.taken;
                    self.uploaded += step.payload.len() as u64;
                    if self.uploaded > self.body_limit {
                        return Err(Progress::Refused(Refusal::BodyTooLarge));
                    }
                    // An empty one would end the body.
                    if !step.payload.is_empty() {
                        envelope::put_piece(&mut pieces, step.payload);
                    }
                }
                if decoder.is_done() {
                    envelope::put_piece(&mut pieces, b"");
                }
                let _ = lane.send(&pieces);
                taken
            }
        };
        self.has_moved |= taken > 0 || self.uploaded > before;
        Ok(taken)
    }

    /// The lane's bytes to the client. Whether there may be more right away.
    fn pump_down(
        &mut self,
        client: &mut Client,
        lane: &mut Socket<UnixStream>,
        scratch: &mut [u8],
    ) -> Result<bool, Progress> {
        let gone = |_: io::Error| Progress::ClientGone;
        for _ in 0..TURNS {
            if client.socket.pending() >= HIGH_WATER {
                client.socket.flush().map_err(gone)?;
                if client.socket.pending() >= HIGH_WATER {
                    return Ok(false);
                }
            }
            match lane.receive(scratch) {
                Received::Bytes(count) => {
                    self.has_moved = true;
                    let finished =
                        self.download(scratch.get(..count).unwrap_or_default(), client)?;
                    client.socket.flush().map_err(gone)?;
                    if finished {
                        return Err(self.finished());
                    }
                }
                Received::Nothing => {
                    client.socket.flush().map_err(gone)?;
                    return Ok(false);
                }
                Received::End if self.has_answered() => return Err(Progress::Broken),
                Received::End => return Err(Progress::Refused(Refusal::LaneBroken)),
            }
        }
        Ok(true)
    }

    fn finished(&self) -> Progress {
        if self.upload.is_done() {
            Progress::Finished {
                keep_alive: self.keep_alive,
            }
        } else {
            // Where the next request begins cannot be known in time, and the lane holds the rest of this one.
            Progress::Early
        }
    }

    /// Sends on bytes of the answer. Whether it is complete.
    fn download(&mut self, bytes: &[u8], client: &mut Client) -> Result<bool, Progress> {
        let gone = |_: io::Error| Progress::ClientGone;
        let broken = if self.has_answered() {
            Progress::Broken
        } else {
            Progress::Refused(Refusal::LaneBroken)
        };
        let transfer = match &mut self.download {
            Download::Body(transfer) => transfer,
            Download::Head => {
                let joined;
                let bytes = if self.head.is_empty() {
                    bytes
                } else {
                    self.head.extend_from_slice(bytes);
                    joined = std::mem::take(&mut self.head);
                    &joined
                };
                let parsed = response::parse(bytes, self.is_head, self.is_http10);
                let Ok(parsed) = parsed else {
                    return Err(broken);
                };
                let Some(head) = parsed else {
                    if bytes.len() > HEAD_BYTES {
                        return Err(broken);
                    }
                    self.head = bytes.to_vec();
                    return Ok(false);
                };
                client.socket.send(&head.for_client).map_err(gone)?;
                let connection: &[u8] = if self.keep_alive {
                    b"\r\n"
                } else {
                    b"Connection: close\r\n\r\n"
                };
                client.socket.send(connection).map_err(gone)?;
                self.download = Download::Body(Transfer::of(head.body));
                return self.download(bytes.get(head.bytes..).unwrap_or_default(), client);
            }
        };
        let taken = match transfer {
            Transfer::Done => 0,
            Transfer::Length(left) => {
                let count = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                *left -= count as u64;
                client
                    .socket
                    .send(bytes.get(..count).unwrap_or_default())
                    .map_err(gone)?;
                count
            }
            Transfer::Chunked(decoder) => {
                let mut taken = 0;
                while !decoder.is_done() {
                    let rest = bytes.get(taken..).unwrap_or_default();
                    let Ok(step) = decoder.step(rest) else {
                        return Err(broken);
                    };
                    if step.taken == 0 {
                        break;
                    }
                    taken += step.taken;
                    if self.is_http10 {
                        client.socket.send(step.payload).map_err(gone)?;
                    }
                }
                if !self.is_http10 {
                    client
                        .socket
                        .send(bytes.get(..taken).unwrap_or_default())
                        .map_err(gone)?;
                }
                taken
            }
        };
        if taken < bytes.len() {
            // The server wrote beyond the end of its answer.
            return Err(broken);
        }
        Ok(transfer.is_done())
    }
}
