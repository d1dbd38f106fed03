//! A connected, non-blocking socket, with reads that can block for a short time.

use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, send, sendmsg};
use socket2::{SockRef, TcpKeepalive};

/// The TCP keep-alive time.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// How long a blocking read waits. A client that disconnects during this time is noticed afterwards, so it is short.
pub const MOMENT: Duration = Duration::from_millis(100);

/// A connected socket.
///
/// The socket itself is blocking with a read timeout; other operations use flags not to block. A blocking read thus needs
/// one system call instead of `poll(2)` and a read.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    /// Whether the next read may block for [`MOMENT`].
    may_wait: bool,
}

impl Socket {
    /// # Errors
    /// When the socket options cannot be set.
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

    /// Sets whether the next read may block.
    pub fn let_wait(&mut self, may_wait: bool) {
        self.may_wait = may_wait;
    }

    /// Reads what has arrived and appends it to `into`, within its capacity.
    ///
    /// # Errors
    /// `WouldBlock` if nothing has arrived, and connection errors.
    pub fn receive(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        let flags = self.flags();
        Ok(recv(&self.stream, spare_capacity(into), flags)?.1)
    }

    /// Whether nothing has arrived, not even the end.
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
