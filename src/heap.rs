//! Settings of the system's allocator, so that it returns memory. Only glibc needs them.
//!
//! By default glibc allocates blocks up to 32 MiB from its arenas after a block of that size was freed, and keeps up to
//! 64 MiB at the end of each arena (mallopt(3)). Twenty workers that had decoded a body of 16 MiB each kept 240 MiB; with
//! fixed thresholds 10 MiB remain, and the peak is half.

/// Larger blocks are mapped separately and returned when freed; bytes. Most conversations are smaller, because a mapping
/// costs a page fault per page.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const OWN_MAPPING: i32 = 1024 * 1024;

/// The free memory that an arena keeps at its end, bytes.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT: i32 = 1024 * 1024;

/// The most arenas. Each keeps free memory at its end, which only the first arena can be made to return. By default glibc
/// uses eight per core, but no more threads than cores run at the same time.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn arenas() -> i32 {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    i32::try_from(cores.max(2)).unwrap_or(i32::MAX)
}

/// Sets the thresholds. Call it at the start of the program. Returns whether the allocator accepts them.
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

/// Returns free memory between small blocks to the system. It scans all arenas, so call it rarely.
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
