//! A buffer for what is logged of a request: a small part in memory, the rest in an unlinked file.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Cursor, Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::logs::folder;
use crate::logs::request_id::RequestId;
use crate::logs::warn_once::WarnOnce;

/// Bytes in memory. Most responses that are not streams are shorter.
const MEMORY: usize = 16 * 1024;

static WRITES: WarnOnce = WarnOnce::new("the buffers of request logs");

/// Bytes in the order in which they arrived.
pub struct Buffer {
    folder: Arc<Path>,
    memory: Vec<u8>,
    file: Option<File>,
    /// Bytes that could not be written.
    lost: u64,
}

impl Buffer {
    /// An empty buffer, whose file is made in `folder` when it needs one.
    pub fn new(folder: Arc<Path>) -> Self {
        Self {
            folder,
            memory: Vec::new(),
            file: None,
            lost: 0,
        }
    }

    /// Whether nothing has been put in.
    pub fn is_empty(&self) -> bool {
        self.memory.is_empty() && self.file.is_none() && self.lost == 0
    }

    /// Takes the contents out, and leaves an empty buffer.
    pub fn take(&mut self) -> Self {
        let empty = Self::new(Arc::clone(&self.folder));
        std::mem::replace(self, empty)
    }

    /// Appends `bytes`. After a failed write all further bytes are dropped, so that the contents have no gap.
    pub fn put(&mut self, bytes: &[u8]) {
        if self.lost > 0 {
            self.lost += bytes.len() as u64;
            return;
        }
        self.memory.extend_from_slice(bytes);
        if self.memory.len() < MEMORY {
            return;
        }
        if let Err(error) = self.spill() {
            WRITES.failed(&error);
            self.lost = self.memory.len() as u64;
        }
        self.memory.clear();
    }

    fn spill(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(unlinked_file(&self.folder)?);
            WRITES.succeeded();
        }
        match &mut self.file {
            Some(file) => file.write_all(&self.memory),
            None => Ok(()),
        }
    }

    /// The contents from the beginning, and how many bytes were lost at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(mut self) -> io::Result<(Box<dyn BufRead>, u64)> {
        let Some(mut file) = self.file.take() else {
            return Ok((Box::new(Cursor::new(self.memory)), self.lost));
        };
        file.rewind()?;
        let all = io::Read::chain(BufReader::new(file), Cursor::new(self.memory));
        Ok((Box::new(all), self.lost))
    }
}

/// Never fails: what cannot be written is counted as lost.
impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file that is unlinked at once: nothing is left over after a crash.
fn unlinked_file(folder: &Path) -> io::Result<File> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    // Containers that share a folder may have equal process ids.
    let name = format!(".holdfast-{}-{number}", RequestId::fresh());
    let file = folder::create(folder, &name)?;
    fs::remove_file(folder.join(name))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::logs::folder::tests::Temporary;

    #[test]
    fn nothing_is_lost_and_memory_is_bounded() {
        let folder = Temporary::new();
        for pieces in [0, 1, 15, 16, 17, 100] {
            let mut buffer = Buffer::new(folder.0.as_path().into());
            assert!(buffer.is_empty());
            let mut expected = Vec::new();
            for n in 0..pieces {
                let piece = vec![n; 1024];
                buffer.put(&piece);
                expected.extend_from_slice(&piece);
                assert!(buffer.memory.len() < MEMORY);
            }
            assert!(folder.names().is_empty(), "it has no name");
            let (mut reader, lost) = buffer.read().unwrap();
            let mut kept = Vec::new();
            reader.read_to_end(&mut kept).unwrap();
            assert_eq!((kept, lost), (expected, 0));
        }
    }

    #[test]
    fn without_a_folder_it_says_what_it_lacks() {
        let folder = Temporary::new();
        let file = folder.0.join("file");
        fs::write(&file, "in the way").unwrap();
        let mut buffer = Buffer::new(file.as_path().into());
        for _ in 0..20 {
            buffer.put(&[0; 1024]);
        }
        let (mut reader, lost) = buffer.read().unwrap();
        let mut kept = Vec::new();
        reader.read_to_end(&mut kept).unwrap();
        assert_eq!((kept.len(), lost), (0, 20 * 1024));
    }
}
