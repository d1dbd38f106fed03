//! How the system's allocator gives memory back. Only glibc has to be told; elsewhere nothing is done.
//!
//! By itself glibc takes blocks up to 32 MiB from its arenas once it has seen one of that size freed, and keeps up to
//! 64 MiB at the end of each arena. Twenty workers that had decoded a body of 16 MiB each kept 240 MiB so; with fixed
//! thresholds 10 MiB are left, and the peak is half.

/// Blocks from this size on are mapped on their own, and given back when they are freed; bytes. Most conversations are
/// shorter: a mapping costs a fault for each of its pages.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const OWN_MAPPING: i32 = 1024 * 1024;

/// What an arena may keep at its end, bytes.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT: i32 = 1024 * 1024;

/// How many arenas there are at most. Each keeps what is free at its end, and no call takes that away but for the first.
/// By itself glibc makes eight for each core; more threads than there are cores cannot run at once.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn arenas() -> i32 {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    i32::try_from(cores.max(2)).unwrap_or(i32::MAX)
}

/// Fixes the thresholds. For the beginning of a program. Returns whether the allocator takes them.
#[allow(unsafe_code)]
pub fn settle() -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `mallopt` takes any values, and locks what it changes.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, OWN_MAPPING) == 1
            && libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT) == 1
            && libc::mallopt(libc::M_ARENA_MAX, arenas()) == 1
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    true
}

/// Gives back what lies free between small blocks. It looks through all arenas, so it is for when there is little to do.
#[allow(unsafe_code)]
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `malloc_trim` may be called at any time, by any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allocator_takes_it() {
        assert!(settle());
        let blocks: Vec<Vec<u8>> = (1..100).map(|n| vec![1; n * 1000]).collect();
        drop(blocks);
        give_back();
    }
}
