//! A connection to an upstream or a proxy: a non-blocking socket with any number of TLS layers. All waits use a
//! [`Waiter`].

use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustls::ClientConnection;

use super::socket::Socket;
use crate::exchange::{Interruption, Waiter};

/// A connection.
pub struct Connection(Layer);

enum Layer {
    Plain(Socket),
    Tls(Box<Session>),
}

/// TLS over another layer.
struct Session {
    tls: ClientConnection,
    under: Layer,
    /// Whether there may be unread decrypted bytes.
    has_plain: bool,
    /// Whether the other end has sent a close notification.
    has_ended: bool,
}

impl Connection {
    /// A connection over a connected socket.
    ///
    /// # Errors
    /// When the socket options cannot be set.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        Ok(Self(Layer::Plain(Socket::new(stream)?)))
    }

    /// Starts TLS on this connection. The last message of the handshake is sent with the first write.
    ///
    /// # Errors
    /// When the handshake fails or is not complete at `deadline`, or the wait is interrupted.
    #[inline(never)]
    pub fn with_tls(
        self,
        tls: ClientConnection,
        waiter: &Waiter,
        deadline: Option<Instant>,
    ) -> io::Result<Self> {
        let mut session = Box::new(Session {
            tls,
            under: self.0,
            has_plain: true,
            has_ended: false,
        });
        while session.tls.is_handshaking() {
            let done = match session.shake() {
                Ok(()) => continue,
                Err(error) if is_pause(&error) => {
                    let awaited = Some((session.under.fd(), session.awaited()));
                    waiter.wait(awaited, deadline)?
                }
                Err(error) => {
                    // Send the alert, if it can be written at once.
                    let _ = session.push();
                    return Err(error);
                }
            };
            if !done {
                let message = "the TLS handshake timed out";
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
        }
        Ok(Self(Layer::Tls(session)))
    }

    /// The underlying socket.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.0.fd()
    }

    /// Waits until there is something to read, including the end. Returns whether that was before `limit`.
    ///
    /// # Errors
    /// An [`Interruption`].
    pub fn wait(&self, waiter: &Waiter, limit: Option<Instant>) -> io::Result<bool> {
        if self.0.has_plain() {
            waiter.check()?;
            return Ok(limit.is_none_or(|limit| Instant::now() < limit));
        }
        Ok(waiter.wait(Some((self.fd(), self.0.awaited())), limit)?)
    }

    /// Reads what has arrived; returns 0 at the end.
    ///
    /// # Errors
    /// `WouldBlock` if nothing has arrived, and connection errors.
    pub fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.read(room).map_err(told)
    }

    /// Whether a read can block by itself: there is nothing to write first, and nothing is buffered.
    pub fn can_wait(&self) -> bool {
        match &self.0 {
            Layer::Plain(_) => true,
            Layer::Tls(session) => !session.tls.wants_write() && !self.0.has_plain(),
        }
    }

    /// Lets the next read block for [`super::socket::MOMENT`].
    pub fn let_wait(&mut self, may_wait: bool) {
        self.0.socket_mut().let_wait(may_wait);
    }

    /// Reads what has arrived, at most about `room` bytes, and appends it to `into`; returns 0 at the end.
    ///
    /// # Errors
    /// Those of [`Connection::read`].
    pub fn receive(&mut self, into: &mut Vec<u8>, room: usize) -> io::Result<usize> {
        into.reserve_exact(room);
        if let Layer::Plain(socket) = &mut self.0 {
            return socket.receive(into).map_err(told);
        }
        let before = into.len();
        into.resize(before + room, 0);
        let read = self.read(into.get_mut(before..).unwrap_or_default());
        into.truncate(before + *read.as_ref().unwrap_or(&0));
        read
    }

    /// Writes all of `pieces`. Fails after `silence` without progress, and at `deadline`.
    ///
    /// # Errors
    /// Connection errors and interruptions of the wait.
    pub fn send(
        &mut self,
        mut pieces: &mut [IoSlice<'_>],
        waiter: &Waiter,
        silence: Option<Duration>,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        IoSlice::advance_slices(&mut pieces, 0);
        loop {
            let written = match pieces.is_empty() {
                true => self.0.flush().map(|()| None),
                false => self.0.write_vectored(pieces).map(Some),
            };
            match written {
                Ok(None) => return Ok(()),
                Ok(Some(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(Some(count)) => IoSlice::advance_slices(&mut pieces, count),
                Err(error) if is_pause(&error) => {
                    let silent = silence.and_then(|time| Instant::now().checked_add(time));
                    let limit = [silent, deadline].into_iter().flatten().min();
                    if !waiter.wait(Some((self.fd(), PollFlags::OUT)), limit)? {
                        return Err(match limit == deadline {
                            true => late(),
                            false => Interruption::Idle.into(),
                        });
                    }
                }
                Err(error) => return Err(told(error)),
            }
        }
    }

    /// A blocking reader and writer with a deadline.
    pub fn blocking<'a>(
        &'a mut self,
        waiter: &'a Waiter,
        deadline: Option<Instant>,
    ) -> impl Read + Write + 'a {
        Blocking {
            connection: self,
            waiter,
            deadline,
        }
    }

    /// Whether nothing unexpected has arrived, not even the end.
    pub fn is_quiet(&self) -> bool {
        self.0.socket().is_quiet() && !self.0.has_plain()
    }
}

struct Blocking<'a> {
    connection: &'a mut Connection,
    waiter: &'a Waiter,
    deadline: Option<Instant>,
}

impl Read for Blocking<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.connection.wait(self.waiter, self.deadline)? {
                return Err(late());
            }
            match self.connection.read(room) {
                Err(error) if is_pause(&error) => {}
                read => return read,
            }
        }
    }
}

impl Write for Blocking<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pieces = [IoSlice::new(bytes)];
        let sent = self
            .connection
            .send(&mut pieces, self.waiter, None, self.deadline);
        sent.map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Session {
    /// Performs one step of the handshake.
    fn shake(&mut self) -> io::Result<()> {
        self.push()?;
        match self.tls.is_handshaking() {
            true => self.pull(),
            false => Ok(()),
        }
    }

    /// Writes pending records.
    fn push(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.under)?;
        }
        self.under.flush()
    }

    /// Reads records.
    fn pull(&mut self) -> io::Result<()> {
        if self.tls.read_tls(&mut self.under)? == 0 && self.tls.is_handshaking() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let read = self.tls.process_new_packets();
        let state = read.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.has_ended |= state.peer_has_closed();
        Ok(())
    }

    fn awaited(&self) -> PollFlags {
        match self.tls.wants_write() {
            true => PollFlags::IN | PollFlags::OUT,
            false => self.under.awaited(),
        }
    }
}

impl Layer {
    fn socket(&self) -> &Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(session) => session.under.socket(),
        }
    }

    fn socket_mut(&mut self) -> &mut Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(session) => session.under.socket_mut(),
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.socket().fd()
    }

    /// Whether a read can return without reading the socket.
    fn has_plain(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(session) => {
                session.has_plain || session.has_ended || session.under.has_plain()
            }
        }
    }

    /// The events that a read waits for, including those for pending records, without which the other end may not send.
    fn awaited(&self) -> PollFlags {
        match self {
            Self::Plain(_) => PollFlags::IN,
            Self::Tls(session) => session.awaited(),
        }
    }
}

impl Read for Session {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(room) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.has_plain = false,
                Ok(count) => {
                    self.has_plain = count == room.len();
                    return Ok(count);
                }
                Err(error) => return Err(error),
            }
            if self.tls.wants_write() {
                match self.push() {
                    Err(error) if !is_pause(&error) => return Err(error),
                    _ => {}
                }
            }
            self.pull()?;
        }
    }
}

impl Write for Session {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let taken = self.tls.writer().write_vectored(pieces)?;
        match self.push() {
            // Accepted bytes will be written.
            Err(error) if is_pause(&error) && taken > 0 => Ok(taken),
            Err(error) => Err(error),
            Ok(()) if taken == 0 => self.tls.writer().write_vectored(pieces),
            Ok(()) => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push()
    }
}

impl Read for Layer {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(room),
            Self::Tls(session) => session.read(room),
        }
    }
}

impl Write for Layer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(session) => session.write(bytes),
        }
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write_vectored(pieces),
            Self::Tls(session) => session.write_vectored(pieces),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(session) => session.flush(),
        }
    }
}

/// The error of an operation that would block.
pub fn is_pause(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// The error of a passed deadline.
pub fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "timed out")
}

/// Converts a reset to an interruption, so that no reader takes it for the end of a body.
fn told(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
            Interruption::Reset.into()
        }
        _ => error,
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.0.socket().stream().peer_addr().ok())
            .finish_non_exhaustive()
    }
}
