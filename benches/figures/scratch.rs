//! A folder for configurations and logs, removed at the end.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

pub struct Scratch {
    path: PathBuf,
    folders: AtomicUsize,
}

impl Scratch {
    pub fn new() -> io::Result<Self> {
        let name = format!("holdfast-figures-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        Ok(Self {
            path,
            folders: AtomicUsize::new(0),
        })
    }

    /// A new folder inside.
    pub fn folder(&self) -> io::Result<PathBuf> {
        let number = self.folders.fetch_add(1, Ordering::Relaxed);
        let path = self.path.join(number.to_string());
        std::fs::create_dir(&path)?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.path).ok();
    }
}
