//! The file in which usage statistics survive a restart (`usage-statistics-file`).

use std::fs;
use std::io;
use std::time::{Duration, SystemTime};

use super::saved_file::{LARGEST, read};
use super::server::Server;
use crate::atomic_file::replace;
use crate::usage::{Names, Requests, Snapshot};

/// How often they are written down. At their largest they are some 25 MB, and a router's flash wears.
pub const WRITE_INTERVAL: Duration = Duration::from_secs(600);

impl Server {
    pub fn usage(&self) -> Snapshot {
        self.services.usage.snapshot(Names::Masked)
    }

    pub fn requests(&self) -> Requests {
        self.services.usage.requests()
    }

    /// Takes up the statistics that a file kept. One that cannot be read is put aside, so that nothing is written
    /// over it.
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
            log::warn!("{}: the statistics begin anew: {error}", path.display());
            if let Err(error) = fs::rename(path, aside) {
                log::warn!("{}: cannot be put aside: {error}", path.display());
            }
        }
    }

    /// Writes the statistics down, if there are new ones.
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
            log::warn!("{}: statistics are not kept: {error}", path.display());
        }
    }
}
