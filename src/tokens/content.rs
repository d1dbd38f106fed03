//! Reading a credential file.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::credential::file::LARGEST;

/// The content of an ordinary file of at most 1 MiB.
///
/// # Errors
/// Errors of the file system, and when it is another kind of file or larger.
pub fn content(path: &Path) -> io::Result<Vec<u8>> {
    // Opening a pipe might never return.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not an ordinary file"));
    }
    let mut content = Vec::new();
    File::open(path)?
        .take(LARGEST + 1)
        .read_to_end(&mut content)?;
    match content.len() as u64 > LARGEST {
        true => Err(io::Error::other("it is larger than 1 MiB")),
        false => Ok(content),
    }
}
