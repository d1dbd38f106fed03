//! Waits for an upstream and the client at the same time, with one `poll(2)`.

use std::cell::{Cell, RefCell};
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};
use std::{fmt, io};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::client::{Client, Gone};

/// Why a wait ended without an event of the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// The client disconnected.
    ClientGone,
    /// The time given to [`Waiter::wake_after`] has passed; reading may go on.
    Awake,
    /// The upstream has been silent for too long within a body, or has accepted no byte.
    Idle,
    /// The deadline of [`Waiter::hurry`] has passed.
    Late,
    /// The upstream reset the connection.
    Reset,
}

/// A task to run while waiting, such as writing keep-alives. It does what is due at the given time and returns when to
/// call it next, if at all.
pub type KeepAliveTask = Rc<dyn Fn(Instant) -> Option<Instant>>;

/// Waits for one request: for the upstream, the client, keep-alives and deadlines. Clones share the state; it is used only
/// by the thread that serves the request.
#[derive(Clone, Default)]
pub struct Waiter(Rc<Shared>);

#[derive(Default)]
struct Shared {
    client: Option<Rc<dyn Client>>,
    task: RefCell<Option<KeepAliveTask>>,
    wake_at: Cell<Option<Instant>>,
    deadline: Cell<Option<Instant>>,
}

impl Waiter {
    /// Waits only for the upstream.
    pub fn alone() -> Self {
        Self::default()
    }

    /// Also waits for `client`.
    pub fn of(client: Rc<dyn Client>) -> Self {
        Self(Rc::new(Shared {
            client: Some(client),
            ..Shared::default()
        }))
    }

    /// Sets the task to run while waiting; `None` removes it.
    pub fn keep_alive(&self, task: Option<KeepAliveTask>) {
        self.0.task.replace(task);
    }

    /// Ends waits with [`Interruption::Awake`] after this time, so that the caller can do something else; `None` for never.
    pub fn wake_after(&self, time: Option<Duration>) {
        self.0.wake_at.set(time.and_then(later));
    }

    /// Ends waits with [`Interruption::Late`] after this time; `None` removes the deadline.
    pub fn hurry(&self, time: Option<Duration>) {
        self.0.deadline.set(time.and_then(later));
    }

    /// Records that the answer is complete: nothing more may be written to the client.
    pub fn answered(&self) {
        if let Some(client) = &self.0.client {
            client.probe_with(b"");
        }
    }

    /// Whether the client is known to have disconnected.
    pub fn is_client_gone(&self) -> bool {
        let client = self.0.client.as_ref();
        client.is_some_and(|client| client.is_gone())
    }

    /// Waits until `upstream` has one of `events`. Returns whether that was before `limit`.
    ///
    /// # Errors
    /// An [`Interruption`]; [`Interruption::Idle`] also if `poll(2)` fails.
    pub fn wait(
        &self,
        upstream: Option<(BorrowedFd<'_>, PollFlags)>,
        limit: Option<Instant>,
    ) -> Result<bool, Interruption> {
        loop {
            let now = Instant::now();
            let next = self.look(now, limit)?;
            if limit.is_some_and(|limit| limit <= now) {
                return Ok(false);
            }
            let timeout = next.map(|at| timespec(at.saturating_duration_since(now)));
            let client = self.0.client.as_deref();
            let (fd, events) = match upstream {
                Some((fd, events)) => (Some(fd), events),
                None => (None, PollFlags::empty()),
            };
            let (found, of_client) = match (fd, client) {
                (None, None) => (PollFlags::empty(), ask(&mut [], timeout.as_ref())?[0]),
                (Some(fd), None) => {
                    let found = ask(
                        &mut [PollFd::from_borrowed_fd(fd, events)],
                        timeout.as_ref(),
                    )?;
                    (found[0], PollFlags::empty())
                }
                (None, Some(client)) => {
                    let own = PollFd::from_borrowed_fd(client.fd(), client.interest());
                    (PollFlags::empty(), ask(&mut [own], timeout.as_ref())?[0])
                }
                (Some(fd), Some(client)) => {
                    let own = PollFd::from_borrowed_fd(client.fd(), client.interest());
                    let theirs = PollFd::from_borrowed_fd(fd, events);
                    let found = ask(&mut [theirs, own], timeout.as_ref())?;
                    (found[0], found[1])
                }
            };
            if let (Some(client), false) = (client, of_client.is_empty()) {
                client.ready(of_client)?;
            }
            if !found.is_empty() {
                return Ok(true);
            }
        }
    }

    /// Does what is due. Returns whether nothing else is due for `time` and nothing has to be written to the client. A
    /// caller that then waits in another way does not notice a disconnecting client during that time.
    ///
    /// # Errors
    /// An [`Interruption`].
    pub fn has_nothing_due(
        &self,
        time: Duration,
        limit: Option<Instant>,
    ) -> Result<bool, Interruption> {
        let now = Instant::now();
        let next = self.look(now, limit)?;
        let is_owed = |client: &Rc<dyn Client>| client.interest().contains(PollFlags::OUT);
        Ok(
            next.is_none_or(|next| next.saturating_duration_since(now) >= time)
                && !self.0.client.as_ref().is_some_and(is_owed),
        )
    }

    /// Checks the client and does what is due, without waiting. For callers that do not need to wait, so that they notice
    /// a disconnecting client.
    ///
    /// # Errors
    /// An [`Interruption`].
    pub fn check(&self) -> Result<(), Interruption> {
        self.look(Instant::now(), None)?;
        if let Some(client) = self.0.client.as_deref() {
            let own = PollFd::from_borrowed_fd(client.fd(), client.interest());
            let [found, _] = ask(&mut [own], Some(&timespec(Duration::ZERO)))?;
            if !found.is_empty() {
                client.ready(found)?;
            }
        }
        Ok(())
    }

    /// Waits for a time. Returns whether the client is still connected.
    pub fn pause(&self, time: Duration) -> bool {
        let limit = later(time);
        loop {
            match self.wait(None, limit) {
                Ok(_) => return true,
                Err(Interruption::Awake) => self.wake_after(None),
                Err(_) => return false,
            }
        }
    }

    /// Does what is due. Returns the latest time to wait until.
    fn look(&self, now: Instant, limit: Option<Instant>) -> Result<Option<Instant>, Interruption> {
        let Shared {
            client,
            task,
            wake_at,
            deadline,
        } = &*self.0;
        if let Some(client) = client {
            if client.is_gone() {
                return Err(Interruption::ClientGone);
            }
            if client.due().is_some_and(|due| due <= now) {
                client.tick(now)?;
            }
        }
        let task = task.borrow().clone();
        let next_task = task.and_then(|task| task(now));
        let passed = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if passed(deadline.get()) {
            return Err(Interruption::Late);
        }
        if passed(wake_at.get()) {
            return Err(Interruption::Awake);
        }
        let due = client.as_ref().and_then(|client| client.due());
        let times = [due, next_task, deadline.get(), wake_at.get(), limit];
        Ok(times.into_iter().flatten().min())
    }
}

/// Polls, and returns the events of the first two.
fn ask(fds: &mut [PollFd<'_>], timeout: Option<&Timespec>) -> Result<[PollFlags; 2], Interruption> {
    match poll(fds, timeout) {
        Ok(_) => {
            let mut found = fds.iter().map(PollFd::revents);
            let mut next = || found.next().unwrap_or(PollFlags::empty());
            Ok([next(), next()])
        }
        Err(rustix::io::Errno::INTR) => Ok([PollFlags::empty(); 2]),
        Err(error) => {
            log::error!("cannot wait for an upstream: {error}");
            Err(Interruption::Idle)
        }
    }
}

fn later(time: Duration) -> Option<Instant> {
    Instant::now().checked_add(time)
}

fn timespec(time: Duration) -> Timespec {
    // Longer than any wait, and valid on every system.
    let time = time.min(Duration::from_secs(24 * 60 * 60));
    Timespec {
        tv_sec: time.as_secs().try_into().unwrap_or(i64::from(i32::MAX)),
        tv_nsec: time.subsec_nanos().into(),
    }
}

impl fmt::Debug for Waiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiter")
            .field("client", &self.0.client.is_some())
            .finish_non_exhaustive()
    }
}

impl From<Gone> for Interruption {
    fn from(Gone: Gone) -> Self {
        Self::ClientGone
    }
}

impl From<Interruption> for io::Error {
    fn from(interruption: Interruption) -> Self {
        Self::other(interruption)
    }
}

impl Interruption {
    /// The interruption in an error of a read or write with a [`Waiter`].
    pub fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
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

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::exchange::test_client::pair;

    fn long() -> Option<Instant> {
        later(Duration::from_secs(20))
    }

    #[test]
    fn the_upstream_the_client_and_the_clock_end_a_wait() {
        let (waiter, client) = pair();
        let (near, mut far) = UnixStream::pair().unwrap();
        let upstream = Some((near.as_fd(), PollFlags::IN));
        assert_eq!(waiter.wait(upstream, later(Duration::ZERO)), Ok(false));
        far.write_all(b"x").unwrap();
        assert_eq!(waiter.wait(upstream, long()), Ok(true));
        drop(client);
        assert_eq!(
            waiter.wait(upstream, long()),
            Err(Interruption::ClientGone),
            "before what the upstream has said"
        );
        assert!(waiter.is_client_gone());
        assert!(!waiter.pause(Duration::from_secs(20)));
        assert_eq!(
            waiter.clone().wait(None, None),
            Err(Interruption::ClientGone)
        );
    }

    #[test]
    fn a_client_that_goes_is_noticed_without_waiting() {
        let (waiter, client) = pair();
        assert_eq!(waiter.check(), Ok(()));
        drop(client);
        assert_eq!(waiter.check(), Err(Interruption::ClientGone));
        let waiter = Waiter::alone();
        waiter.hurry(Some(Duration::ZERO));
        assert_eq!(waiter.check(), Err(Interruption::Late));
    }

    #[test]
    fn times_end_a_wait() {
        let waiter = Waiter::alone();
        waiter.wake_after(Some(Duration::from_millis(1)));
        assert_eq!(waiter.wait(None, long()), Err(Interruption::Awake));
        waiter.hurry(Some(Duration::ZERO));
        assert_eq!(waiter.wait(None, long()), Err(Interruption::Late));
        waiter.hurry(None);
        assert!(waiter.pause(Duration::from_millis(1)));
        assert_eq!(
            waiter.wait(None, later(Duration::from_millis(1))),
            Ok(false)
        );
    }

    #[test]
    fn keep_alives_are_written_while_waiting() {
        let (waiter, _client) = pair();
        let count = Rc::new(Cell::new(0));
        let counted = Rc::clone(&count);
        waiter.keep_alive(Some(Rc::new(move |now| {
            counted.set(counted.get() + 1);
            now.checked_add(Duration::from_millis(1))
        })));
        assert!(waiter.pause(Duration::from_millis(20)));
        assert!(count.get() > 2);
        waiter.keep_alive(None);
    }

    #[test]
    fn interruptions_pass_through_io_errors() {
        let error = io::Error::from(Interruption::Idle);
        assert_eq!(Interruption::of(&error), Some(Interruption::Idle));
        assert_eq!(Interruption::of(&io::Error::other("x")), None);
    }
}
