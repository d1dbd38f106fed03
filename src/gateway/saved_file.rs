//! Reads files with saved state.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use parking_lot::Mutex;

/// The largest file that is read, bytes. The sessions of default limits need less.
pub const LARGEST: u64 = 64 * 1024 * 1024;
pub fn read(path: &Path, largest: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    if file.take(largest + 1).read_to_end(&mut bytes)? as u64 > largest {
        return Err(io::Error::other("the file is too large"));
    }
    Ok(bytes)
}

/// The digest of the last write, so that unchanged sessions are not written again. Its lock allows one writer at a time.
#[derive(Debug, Default)]
pub struct Written {
    pub(super) sessions: Mutex<Option<u64>>,
    pub(super) cooldowns: Mutex<Option<u64>>,
    pub(super) usage: Mutex<()>,
}
