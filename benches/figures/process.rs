//! CPU time, resident memory and context switches of a process, from `/proc`.

use std::collections::HashMap;
use std::time::Duration;
use std::{fs, io};

/// One tick of `/proc/<pid>/stat`, proc(5): `USER_HZ` is 100 on every Linux that Rust builds for.
const TICK: Duration = Duration::from_millis(10);

/// User and system time of all threads of `pid` so far, the ended ones included. Exact to a tick.
pub fn cpu(pid: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field, the name, may hold spaces; the third follows its closing parenthesis.
    let fields: Vec<&str> = after_name(&stat).split_ascii_whitespace().collect();
    let ticks = |index: usize| {
        fields
            .get(index)
            .and_then(|field| field.parse::<u32>().ok())
    };
    match (ticks(11), ticks(12)) {
        (Some(user), Some(system)) => Ok(TICK * (user + system)),
        _ => Err(io::Error::other(format!("/proc/{pid}/stat is unreadable"))),
    }
}

/// Resident memory of `pid` in bytes, files mapped into it included.
pub fn resident(pid: u32) -> io::Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let kilobytes = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Rss:"))
        .and_then(|value| value.trim().strip_suffix(" kB"))
        .and_then(|value| value.parse::<u64>().ok());
    match kilobytes {
        Some(kilobytes) => Ok(kilobytes * 1024),
        None => Err(io::Error::other(format!("no Rss of process {pid}"))),
    }
}

/// Threads of `pid` now.
pub fn threads(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count)
}

/// Open files and sockets of `pid` now.
pub fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// Context switches so far of each thread that `pid` has now, voluntary and not.
pub fn switches(pid: u32) -> io::Result<HashMap<String, u64>> {
    let mut counts = HashMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let thread = entry?.path();
        // A thread may end between the listing and the look at it.
        let status = fs::read_to_string(thread.join("status")).unwrap_or_default();
        let count = (status.lines())
            .filter_map(|line| line.split_once("ctxt_switches:"))
            .filter_map(|(_, count)| count.trim().parse::<u64>().ok())
            .sum();
        counts.insert(thread.display().to_string(), count);
    }
    Ok(counts)
}

/// The processes whose parent is `pid`.
pub fn children(pid: u32) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(candidate) = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // A process may end between the listing and the look at it.
        let stat = fs::read_to_string(format!("/proc/{candidate}/stat")).unwrap_or_default();
        let parent = after_name(&stat).split_ascii_whitespace().nth(1);
        if parent.and_then(|parent| parent.parse().ok()) == Some(pid) {
            found.push(candidate);
        }
    }
    Ok(found)
}

fn after_name(stat: &str) -> &str {
    stat.rsplit_once(')').map_or("", |(_, fields)| fields)
}
