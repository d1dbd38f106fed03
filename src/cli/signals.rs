//! The signals that a serving program takes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGUSR1, SIGUSR2};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// Takes `signals`, and ignores those that log rotation and service managers send to all kinds of services:
/// nobody's, they would end the process.
///
/// # Errors
/// When the system refuses.
pub fn take(signals: &[i32]) -> io::Result<Signals> {
    for unused in [SIGUSR1, SIGUSR2] {
        flag::register(unused, Arc::new(AtomicBool::new(false)))?;
    }
    Signals::new(signals)
}
