//! An advisory lock on a credential file, so that two processes do not renew it at once.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

/// How long another process may hold the lock: as long as a renewal takes.
const PATIENCE: Duration = Duration::from_secs(35);
/// Pause between attempts.
const RETRY: Duration = Duration::from_millis(50);

/// A held lock. It is released when dropped, or when the process ends.
#[derive(Debug)]
pub struct FileLock {
    /// `None`: the directory cannot be written, or has no locks.
    _file: Option<File>,
}

impl FileLock {
    /// Locks the file at `path`, by a file beside it, because the credential file itself is replaced. Links to one file
    /// share its lock.
    ///
    /// # Errors
    /// When another process holds the lock for too long, or keeps it from this one.
    pub fn take(path: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(".lock");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = path.with_file_name(name);
        let file = match options.open(&lock) {
            Ok(file) => file,
            Err(error) => match error.kind() {
                io::ErrorKind::ReadOnlyFilesystem => return Ok(Self { _file: None }),
                io::ErrorKind::PermissionDenied if !lock.exists() => {
                    return Ok(Self { _file: None });
                }
                _ => return Err(error),
            },
        };
        let limit = Instant::now() + PATIENCE;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { _file: Some(file) }),
                Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < limit => {
                    thread::sleep(RETRY);
                }
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    return Err(io::Error::other("another process holds the lock"));
                }
                // File systems without locks.
                Err(_) => return Ok(Self { _file: None }),
            }
        }
    }
}
