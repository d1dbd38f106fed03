//! Standard error without the lock of the standard library: a thread that waits for its reader holds up no other.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};

/// Opened with the first write.
#[derive(Default)]
pub struct Stderr(Option<File>);

impl Stderr {
    /// Writes all of `bytes`, and waits for whoever reads them.
    ///
    /// # Errors
    /// Those of the system.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.0.is_none() {
            let copy = io::stderr().as_fd().try_clone_to_owned();
            self.0 = copy.ok().map(File::from);
        }
        match &mut self.0 {
            Some(file) => all(file, bytes),
            // There may be no descriptor left for a copy.
            None => io::stderr().write_all(bytes),
        }
    }
}

fn all(file: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                let written = bytes.split_off(..count);
                written.ok_or(io::ErrorKind::InvalidData)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Others who have it too may have made it so that it never waits.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let _ = poll(&mut [PollFd::new(file, PollFlags::OUT)], None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::thread;

    use super::*;

    #[test]
    fn one_that_never_waits_is_waited_for() {
        let (own, mut other) = UnixStream::pair().unwrap();
        own.set_nonblocking(true).unwrap();
        let text = vec![b'x'; 4 << 20];
        let expected = text.len();
        let writer = thread::spawn(move || {
            let mut file = File::from(std::os::fd::OwnedFd::from(own));
            all(&mut file, &text).unwrap();
        });
        let mut read = Vec::new();
        other.read_to_end(&mut read).unwrap();
        assert_eq!(read.len(), expected);
        writer.join().unwrap();
    }

    #[test]
    fn a_reader_that_has_gone_is_an_error() {
        let (own, other) = UnixStream::pair().unwrap();
        drop(other);
        let mut file = File::from(std::os::fd::OwnedFd::from(own));
        assert!(all(&mut file, b"x").is_err());
    }
}
