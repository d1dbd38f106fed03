//! Reading the files in which state survives a restart.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes of a file that are believed to be ours; the table at its usual size needs less.
pub const LARGEST: u64 = 64 * 1024 * 1024;
pub fn read(path: &Path, largest: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    if file.take(largest + 1).read_to_end(&mut bytes)? as u64 > largest {
        return Err(io::Error::other("the file is too large"));
    }
    Ok(bytes)
}
