//! The signals that the gateway handles.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGUSR1, SIGUSR2};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// Handles `signals`, and ignores SIGUSR1 and SIGUSR2, which log rotation and service managers send and which
/// would otherwise end the process.
///
/// # Errors
/// When a handler cannot be installed.
pub fn take(signals: &[i32]) -> io::Result<Signals> {
    for unused in [SIGUSR1, SIGUSR2] {
        flag::register(unused, Arc::new(AtomicBool::new(false)))?;
    }
    Signals::new(signals)
}
