//! The log file of the program, rotated when it is full.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::files::{self, MAIN};
use super::folder;
use crate::time::Timestamp;

/// Bytes of a full file.
pub const FULL: u64 = 10 * 1024 * 1024;

/// How many names are tried when files are full within a millisecond.
const NAMES: u64 = 1000;

/// The open file. Opened with the first line, and again after anything failed.
pub struct Rotated {
    folder: PathBuf,
    full: u64,
    open: Option<(File, u64)>,
}

impl Rotated {
    /// `full` is usually [`FULL`].
    pub fn new(folder: PathBuf, full: u64) -> Self {
        Self {
            folder,
            full,
            open: None,
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a line, whole, into a file that it does not overfill, unless it is that long.
    ///
    /// # Errors
    /// When the file cannot be opened, put aside or written. The next line tries again.
    pub fn write(&mut self, line: &[u8], now: SystemTime) -> io::Result<()> {
        let (mut file, size) = match self.open.take() {
            Some(open) => open,
            None => self.open()?,
        };
        let length = line.len() as u64;
        let (mut file, size) = match size > 0 && size + length > self.full {
            true => {
                file.flush()?;
                self.put_aside(now)?;
                self.open()?
            }
            false => (file, size),
        };
        if let Err(error) = file.write_all(line) {
            // A full disk leaves no half of a line.
            let _ = file.set_len(size);
            return Err(error);
        }
        self.open = Some((file, size + length));
        Ok(())
    }

    fn open(&self) -> io::Result<(File, u64)> {
        folder::make(&self.folder)?;
        let mut options = folder::private();
        let path = self.folder.join(MAIN);
        let file = options.append(true).create(true).open(path)?;
        let size = file.metadata()?.len();
        Ok((file, size))
    }

    fn put_aside(&self, now: SystemTime) -> io::Result<()> {
        for later in 0..NAMES {
            let later = now.checked_add(Duration::from_millis(later)).unwrap_or(now);
            let name = files::rotated(&Timestamp::utc(later));
            let path = self.folder.join(name);
            // Only this process writes here, and one thread of it.
            if !path.exists() {
                return fs::rename(self.folder.join(MAIN), path);
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::UNIX_EPOCH;

    use super::super::folder::tests::Temporary;
    use super::*;

    #[test]
    fn full_files_are_put_aside_whole() {
        let temporary = Temporary::new();
        let folder = temporary.0.join("logs");
        let now = UNIX_EPOCH + Duration::from_secs(1_766_520_844);
        let mut log = Rotated::new(folder.clone(), 10);
        for line in ["one\n", "two\n", "three\n", "longer than that\n", "five\n"] {
            log.write(line.as_bytes(), now).unwrap();
        }
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(read("main-2025-12-23T20-14-04.000.log"), "one\ntwo\n");
        assert_eq!(read("main-2025-12-23T20-14-04.001.log"), "three\n");
        assert_eq!(
            read("main-2025-12-23T20-14-04.002.log"),
            "longer than that\n"
        );
        assert_eq!(read(MAIN), "five\n");
        let mode = fs::metadata(folder.join(MAIN))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn another_start_goes_on_in_the_same_file() {
        let temporary = Temporary::new();
        for line in ["one\n", "two\n"] {
            let mut log = Rotated::new(temporary.0.clone(), 10);
            log.write(line.as_bytes(), UNIX_EPOCH).unwrap();
        }
        let mut log = Rotated::new(temporary.0.clone(), 10);
        log.write(b"three\n", UNIX_EPOCH).unwrap();
        assert_eq!(
            temporary.names(),
            ["main-1970-01-01T00-00-00.000.log", MAIN]
        );
    }

    #[test]
    fn after_a_failure_it_tries_again() {
        let temporary = Temporary::new();
        let folder = temporary.0.join("logs");
        fs::write(&folder, "in the way").unwrap();
        let mut log = Rotated::new(folder.clone(), 10);
        assert!(log.write(b"lost\n", UNIX_EPOCH).is_err());
        fs::remove_file(&folder).unwrap();
        log.write(b"kept\n", UNIX_EPOCH).unwrap();
        assert_eq!(fs::read_to_string(folder.join(MAIN)).unwrap(), "kept\n");
    }
}
