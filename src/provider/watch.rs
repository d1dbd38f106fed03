//! How a worker that waits for an upstream learns that its client has hung up, and what it does for it
//! meanwhile.
//!
//! A worker makes one call at a time, so what it waits for belongs to its thread: [`guard`] says how to ask
//! whether the client is still there, [`meanwhile`] what is to be done now and then, and every wait of an
//! upstream call (`wire`, `dial`, `resolve`) and between two of them ([`pause`]) is cut into slices between which
//! it looks after both.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The longest a wait goes on without asking for the client. A quarter of the second within which a client
/// that hangs up must end its upstream call.
pub const SLICE: Duration = Duration::from_millis(250);

thread_local! {
    static GONE: RefCell<Option<Rc<dyn Fn() -> bool>>> = const { RefCell::new(None) };
    static MEANWHILE: RefCell<Option<Rc<dyn Fn() -> Duration>>> = const { RefCell::new(None) };
    static WAKE_AFTER: Cell<Option<Duration>> = const { Cell::new(None) };
    static DEADLINE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Why a wait ended without the upstream having said or done anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// The client has hung up.
    ClientGone,
    /// The time given to [`wake_after`] has passed; reading may go on.
    Awake,
    /// The upstream has been silent for too long in the middle of a body, or has not taken a byte.
    Idle,
    /// The deadline of [`hurry`] has passed.
    Late,
    /// The upstream has reset the connection. Not left to ureq, which takes a reset for the end of a body
    /// that has no length.
    Reset,
}

/// While it lives, waits of this thread ask for the client.
pub struct Guard {
    before: Option<Rc<dyn Fn() -> bool>>,
}

/// Installs `gone` (true = the client has hung up) for the waits of this thread, until the guard is dropped.
#[must_use = "the client is watched only while the guard lives"]
pub fn guard(gone: Rc<dyn Fn() -> bool>) -> Guard {
    let before = GONE.with(|slot| slot.borrow_mut().replace(gone));
    Guard { before }
}

/// Whether the client of this thread's call has hung up.
pub fn is_client_gone() -> bool {
    let gone = GONE.with(|slot| slot.borrow().clone());
    gone.is_some_and(|gone| gone())
}

/// While it lives, waits of this thread do something meanwhile.
pub struct Meanwhile(());

/// Has the waits of this thread call `task` until the returned value is dropped. It does what is due, and says
/// how long until it is to be called again; waits return to it within that time, or as soon as they can.
#[must_use = "nothing is done once it is dropped"]
pub fn meanwhile(task: Rc<dyn Fn() -> Duration>) -> Meanwhile {
    MEANWHILE.with(|slot| *slot.borrow_mut() = Some(task));
    Meanwhile(())
}

/// Waits, unless the client leaves meanwhile; says whether it is still there.
pub fn pause(time: Duration) -> bool {
    let end = Instant::now() + time;
    loop {
        if is_client_gone() {
            return false;
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(slice()));
    }
}

/// Has reads of a body return [`Interruption::Awake`] after this much silence, so that the reader can do
/// something else meanwhile; `None` for not at all.
pub fn wake_after(silence: Option<Duration>) {
    WAKE_AFTER.set(silence);
}

/// Ends whatever this thread still reads from its upstream after `time`; `None` lifts it again.
pub fn hurry(time: Option<Duration>) {
    DEADLINE.set(time.map(|time| Instant::now() + time));
}

/// The interruption behind an error of a body read from an upstream.
pub fn interruption(error: &io::Error) -> Option<Interruption> {
    let inner = error.get_ref()?;
    if let Some(interruption) = inner.downcast_ref() {
        return Some(*interruption);
    }
    match inner.downcast_ref()? {
        ureq::Error::Other(other) => other.downcast_ref().copied(),
        ureq::Error::Io(error) => interruption(error),
        _ => None,
    }
}

/// Asks for the client and for the deadline of [`hurry`], and does what is due. Returns how long to wait before
/// looking again.
pub(super) fn look() -> Result<Duration, Interruption> {
    if is_client_gone() {
        return Err(Interruption::ClientGone);
    }
    match DEADLINE.get() {
        Some(deadline) if Instant::now() >= deadline => Err(Interruption::Late),
        _ => Ok(slice()),
    }
}

fn slice() -> Duration {
    let task = MEANWHILE.with(|slot| slot.borrow().clone());
    task.map_or(SLICE, |task| task().min(SLICE))
}

/// The silence after which a read of a body is to return.
pub(super) fn wake() -> Option<Duration> {
    WAKE_AFTER.get()
}

impl Drop for Guard {
    fn drop(&mut self) {
        GONE.with(|slot| *slot.borrow_mut() = self.before.take());
        wake_after(None);
        hurry(None);
    }
}

impl Drop for Meanwhile {
    fn drop(&mut self) {
        MEANWHILE.with(|slot| slot.borrow_mut().take());
    }
}

impl fmt::Display for Interruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientGone => "the client has hung up",
            Self::Awake => "the upstream is silent",
            Self::Idle => "the upstream was silent for too long",
            Self::Late => "the upstream did not end in time",
            Self::Reset => "the upstream reset the connection",
        })
    }
}

impl std::error::Error for Interruption {}

impl From<Interruption> for ureq::Error {
    fn from(interruption: Interruption) -> Self {
        Self::Other(Box::new(interruption))
    }
}
