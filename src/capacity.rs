//! Limits that follow from the machine's memory and its limit of open files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::Limits;

/// The assumed memory if it is unknown.
const UNKNOWN_MEMORY: u64 = 4 << 30;
/// The least budget for bodies and answers, bytes.
const LEAST_BUDGET: u64 = 48 << 20;
/// Memory per concurrent request: 512 requests with 128 MiB, 4,096 from 1 GiB on.
const PER_WORKER: u64 = 256 * 1024;
const MOST_WORKERS: usize = 4096;
const LEAST_WORKERS: usize = 8;
/// The default number of client connections.
pub const CONNECTIONS: usize = 10_000;
/// Open files reserved for listeners, logs, configuration and name resolution.
const RESERVED_FILES: u64 = 64;

/// The limits of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Concurrent requests.
    pub workers: usize,
    /// Open client connections.
    pub connections: usize,
    /// Bytes for bodies and answers.
    pub budget: usize,
}

impl Capacity {
    /// The limits for this process. Raises its limit of open files as far as possible.
    pub fn of(limits: &Limits) -> Self {
        let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|error| {
            log::warn!("cannot raise the limit of open files: {error}");
            1024
        });
        Self::with(limits, memory(), files)
    }

    fn with(limits: &Limits, memory: u64, files: u64) -> Self {
        let files = usize::try_from(files.saturating_sub(RESERVED_FILES)).unwrap_or(usize::MAX);
        // A request uses a connection on either side.
        let by_files = (files / 4).max(LEAST_WORKERS);
        let by_memory = usize::try_from(memory / PER_WORKER).unwrap_or(usize::MAX);
        let workers = by_memory.min(by_files).clamp(LEAST_WORKERS, MOST_WORKERS);
        let workers = limits.workers.unwrap_or(workers);
        let connections = limits.connections.unwrap_or(CONNECTIONS);
        let for_clients = files.saturating_sub(workers.min(files / 2)).max(1);
        if for_clients < connections {
            log::warn!(
                "the limit of open files allows {for_clients} client connections instead of {connections}"
            );
        }
        let budget = limits.memory.unwrap_or((memory / 4).max(LEAST_BUDGET));
        Self {
            workers,
            connections: connections.min(for_clients),
            budget: usize::try_from(budget).unwrap_or(usize::MAX),
        }
    }
}

/// The memory for this process in bytes: that of the machine, or the limit of its cgroup if it is lower.
pub fn memory() -> u64 {
    let machine = machine_memory().unwrap_or(UNKNOWN_MEMORY);
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = limit_files(&groups)
        .into_iter()
        .filter_map(|file| limit(&file));
    limits.fold(machine, u64::min)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn machine_memory() -> Option<u64> {
    let info = rustix::system::sysinfo();
    let bytes = u128::from(info.totalram) * u128::from(info.mem_unit);
    u64::try_from(bytes).ok().filter(|bytes| *bytes > 0)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn machine_memory() -> Option<u64> {
    None
}

/// The files with the limits of the process's cgroups and their parents, from `/proc/self/cgroup` (cgroups(7)): version 2
/// `0::/path`, version 1 `4:memory:/path`. In a container the path may be one of the host and not exist; then the root's
/// limit applies.
fn limit_files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            names if names.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let own = Path::new(path.trim_start_matches('/'));
        files.extend(
            own.ancestors()
                .map(|group| Path::new(root).join(group).join(file)),
        );
    }
    files
}

fn limit(file: &Path) -> Option<u64> {
    // `max` is not a number.
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn workers_follow_memory_and_files() {
        for (memory, files, workers, connections, budget) in [
            (128 * MIB, 1 << 20, 512, 10_000, 48 * MIB),
            (256 * MIB, 1 << 20, 1024, 10_000, 64 * MIB),
            (1024 * MIB, 1 << 20, 4096, 10_000, 256 * MIB),
            (64 * 1024 * MIB, 1 << 20, 4096, 10_000, 16 * 1024 * MIB),
            (1024 * MIB, 1024, 240, 720, 256 * MIB),
            (1024 * MIB, 20, 8, 1, 256 * MIB),
        ] {
            let capacity = Capacity::with(&Limits::default(), memory, files);
            let expected = Capacity {
                workers,
                connections,
                budget: usize::try_from(budget).unwrap(),
            };
            assert_eq!(capacity, expected, "{memory} {files}");
        }
        let given = Limits {
            workers: Some(3),
            connections: Some(50),
            memory: Some(7),
            ..Limits::default()
        };
        let capacity = Capacity::with(&given, 1024 * MIB, 1024);
        assert_eq!(
            (capacity.workers, capacity.connections, capacity.budget),
            (3, 50, 7)
        );
    }

    #[test]
    fn cgroups_of_both_versions_are_found() {
        let names = |groups| -> Vec<String> {
            let files = limit_files(groups).into_iter();
            files.map(|file| file.display().to_string()).collect()
        };
        assert_eq!(
            names("0::/a.slice/b.service\n"),
            [
                "/sys/fs/cgroup/a.slice/b.service/memory.max",
                "/sys/fs/cgroup/a.slice/memory.max",
                "/sys/fs/cgroup/memory.max",
            ]
        );
        assert_eq!(
            names("5:cpu,cpuacct:/x\n4:memory:/\nnonsense\n"),
            ["/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        );
        assert!(memory() > 0);
    }
}
