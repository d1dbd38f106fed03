//! Bytes that are kept until a request is over: a few in memory, more in a file without a name.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Cursor, Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::complaint::Complaint;
use super::folder;
use super::request_id::RequestId;

/// Bytes in memory. Most answers that are not streams are shorter.
const MEMORY: usize = 16 * 1024;

static SPOOLING: Complaint = Complaint::about("what a request log is made of");

/// Bytes in the order in which they came.
pub struct Spool {
    folder: Arc<Path>,
    memory: Vec<u8>,
    file: Option<File>,
    /// Bytes that could not be kept.
    lost: u64,
}

impl Spool {
    /// `folder` is where its file will be, if it needs one.
    pub fn new(folder: Arc<Path>) -> Self {
        Self {
            folder,
            memory: Vec::new(),
            file: None,
            lost: 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.memory.is_empty() && self.file.is_none() && self.lost == 0
    }

    /// What was kept, and nothing is left.
    pub fn take(&mut self) -> Self {
        let empty = Self::new(Arc::clone(&self.folder));
        std::mem::replace(self, empty)
    }

    /// Keeps `bytes`. Once some are lost, so is the rest: what is kept has no holes.
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
            SPOOLING.make(&error);
            self.lost = self.memory.len() as u64;
        }
        self.memory.clear();
    }

    fn spill(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(nameless(&self.folder)?);
            SPOOLING.withdraw();
        }
        match &mut self.file {
            Some(file) => file.write_all(&self.memory),
            None => Ok(()),
        }
    }

    /// All that was kept, from its beginning, and how many bytes were lost at its end.
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

/// A file that nobody finds, and that is gone with the process: nothing is left over after a crash.
fn nameless(folder: &Path) -> io::Result<File> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    // In containers that share a folder, every process is the first.
    let name = format!(".holdfast-{}-{number}", RequestId::fresh());
    let file = folder::create(folder, &name)?;
    fs::remove_file(folder.join(name))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::folder::tests::Temporary;
    use super::*;

    #[test]
    fn nothing_is_lost_and_memory_is_bounded() {
        let folder = Temporary::new();
        for pieces in [0, 1, 15, 16, 17, 100] {
            let mut spool = Spool::new(folder.0.as_path().into());
            assert!(spool.is_empty());
            let mut expected = Vec::new();
            for n in 0..pieces {
                let piece = vec![n; 1024];
                spool.put(&piece);
                expected.extend_from_slice(&piece);
                assert!(spool.memory.len() < MEMORY);
            }
            assert!(folder.names().is_empty(), "it has no name");
            let (mut reader, lost) = spool.read().unwrap();
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
        let mut spool = Spool::new(file.as_path().into());
        for _ in 0..20 {
            spool.put(&[0; 1024]);
        }
        let (mut reader, lost) = spool.read().unwrap();
        let mut kept = Vec::new();
        reader.read_to_end(&mut kept).unwrap();
        assert_eq!((kept.len(), lost), (0, 20 * 1024));
    }
}
