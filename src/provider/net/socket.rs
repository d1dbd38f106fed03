//! A connected socket. It does not block, except in a read that is asked to wait for a moment.

use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, send, sendmsg};
use socket2::{SockRef, TcpKeepalive};

/// After how long without a byte the system asks whether the other end is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// How long a read that may wait does so. A client that hangs up meanwhile is noticed afterwards, so it is no longer
/// than what people take for at once.
pub const MOMENT: Duration = Duration::from_millis(100);

/// A connected socket.
///
/// The socket itself is a blocking one with a time limit for reads; each operation says that it is not to block. So a
/// read that waits needs one call to the system instead of `poll(2)` and a read.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    /// The next read may wait for [`MOMENT`].
    may_wait: bool,
}

impl Socket {
    /// # Errors
    /// When the system does not take its settings.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(MOMENT))?;
        stream.set_nodelay(true)?;
        let probes = TcpKeepalive::new().with_time(KEEP_ALIVE);
        SockRef::from(&stream).set_tcp_keepalive(&probes)?;
        Ok(Self {
            stream,
            may_wait: false,
        })
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Whether the next read may wait.
    pub fn let_wait(&mut self, may_wait: bool) {
        self.may_wait = may_wait;
    }

    /// Reads what is there into the room behind the bytes of `into`.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing yet, and what breaks the connection.
    pub fn receive(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        let flags = self.flags();
        Ok(recv(&self.stream, spare_capacity(into), flags)?.1)
    }

    /// Whether nothing has come, not even the end.
    pub fn is_quiet(&self) -> bool {
        let peeked = recv(
            &self.stream,
            &mut [0; 1],
            RecvFlags::PEEK | RecvFlags::DONTWAIT,
        );
        peeked == Err(rustix::io::Errno::AGAIN)
    }

    fn flags(&mut self) -> RecvFlags {
        match std::mem::take(&mut self.may_wait) {
            true => RecvFlags::empty(),
            false => RecvFlags::DONTWAIT,
        }
    }
}

impl Read for Socket {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let flags = self.flags();
        Ok(recv(&self.stream, room, flags)?.1)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(&self.stream, bytes, SendFlags::DONTWAIT)?)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut control = SendAncillaryBuffer::default();
        let sent = sendmsg(&self.stream, pieces, &mut control, SendFlags::DONTWAIT);
        Ok(sent?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn pair() -> (Socket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (Socket::new(near).unwrap(), listener.accept().unwrap().0)
    }

    #[test]
    fn only_one_read_waits() {
        let (mut near, mut far) = pair();
        let mut into = Vec::with_capacity(16);
        let pause = io::ErrorKind::WouldBlock;
        assert_eq!(near.receive(&mut into).unwrap_err().kind(), pause);
        near.let_wait(true);
        let writer = std::thread::spawn(move || {
            far.write_all(b"late").unwrap();
            far
        });
        while into.is_empty() {
            if near.receive(&mut into).is_err() {
                near.let_wait(true);
            }
        }
        assert_eq!(into, b"late");
        let far = writer.join().unwrap();
        assert!(near.is_quiet());
        assert!(!near.may_wait);
        // A wait ends by itself.
        near.let_wait(true);
        assert_eq!(near.read(&mut [0; 4]).unwrap_err().kind(), pause);
        drop(far);
        near.let_wait(true);
        assert_eq!(near.receive(&mut into).unwrap(), 0);
        assert!(!near.is_quiet());
    }

    #[test]
    fn writes_take_what_there_is_room_for() {
        let (mut near, _far) = pair();
        let bytes = vec![7; 1024 * 1024];
        let full = loop {
            let pieces = [IoSlice::new(&bytes), IoSlice::new(&bytes)];
            if let Err(error) = near.write_vectored(&pieces) {
                break error;
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        let full = near.write(&bytes).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
    }
}
