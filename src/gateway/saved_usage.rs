//! Saves usage statistics across restarts (`usage-statistics-file`).

use std::time::{Duration, SystemTime};
use std::{fs, io};

use super::saved_file::{LARGEST, read};
use super::server::Server;
use crate::atomic_file::replace;
use crate::usage::{Names, Requests, Snapshot};

/// How often they are written. They can be about 25 MB, and frequent writes wear out flash memory.
pub const WRITE_INTERVAL: Duration = Duration::from_secs(600);

impl Server {
    pub fn usage(&self) -> Snapshot {
        self.services.usage.snapshot(Names::Masked)
    }

    pub fn requests(&self) -> Requests {
        self.services.usage.requests()
    }

    /// Restores statistics from the file. An unreadable file is renamed, so that it is not overwritten.
    pub fn restore_usage(&self) {
        let snapshot = self.snapshot.load();
        let Some(path) = &snapshot.config.usage.file else {
            return;
        };
        let restored = match read(path, LARGEST) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => Err(error),
            Ok(json) => self.services.usage.restore(&json).map_err(io::Error::other),
        };
        if let Err(error) = restored {
            let mut aside = path.as_os_str().to_owned();
            aside.push(".bad");
            log::warn!(
                "{}: cannot read the usage statistics, which start empty: {error}",
                path.display()
            );
            if let Err(error) = fs::rename(path, aside) {
                log::warn!("{}: cannot rename the file: {error}", path.display());
            }
        }
    }

    /// Writes the statistics, if they have changed.
    pub fn write_usage(&self) {
        let snapshot = self.snapshot.load();
        let Some(path) = &snapshot.config.usage.file else {
            return;
        };
        let _writing = self.written.usage.lock();
        let Some(json) = self.services.usage.save(SystemTime::now()) else {
            return;
        };
        if let Err(error) = replace(path, &json) {
            self.services.usage.unsaved();
            log::warn!(
                "{}: cannot write the usage statistics: {error}",
                path.display()
            );
        }
    }
}
