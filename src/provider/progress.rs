//! How far the call of a thread has come: what its failure means depends on it.

use std::cell::Cell;

thread_local! {
    static PROGRESS: Cell<Progress> = const { Cell::new(Progress::Reused) };
    /// Connections being opened: two while one is opened through a CONNECT proxy.
    static OPENING: Cell<u32> = const { Cell::new(0) };
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It was given a connection of the pool, or has not asked for one yet.
    Reused,
    /// It is opening a connection: names, proxies, TLS.
    Connecting,
    /// It has opened a connection.
    Connected,
}

/// A call begins.
pub fn begin() {
    PROGRESS.set(Progress::Reused);
    OPENING.set(0);
}

/// It begins to open a connection.
pub fn depart() {
    PROGRESS.set(Progress::Connecting);
    OPENING.set(OPENING.get() + 1);
}

/// It has opened the connection it began to open last.
pub fn arrive() {
    OPENING.set(OPENING.get().saturating_sub(1));
    if OPENING.get() == 0 {
        PROGRESS.set(Progress::Connected);
    }
}

/// How far it has come.
pub fn current() -> Progress {
    PROGRESS.get()
}
