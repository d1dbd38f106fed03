//! What tells a changed file from an unchanged one.

use std::fs::Metadata;
use std::time::SystemTime;

/// The properties that a write changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub modified: Option<SystemTime>,
    pub length: u64,
    inode: u64,
    pub mode: u32,
}

impl Stamp {
    pub fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            inode: metadata.ino(),
            mode: metadata.mode(),
        }
    }
}
