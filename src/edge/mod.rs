//! Client bytes: listeners, the event loop, framing, limits, and handing on over lanes.
//!
//! One thread waits for readiness of all sockets. It reads each request head under strict limits, takes a
//! free lane for it, and pumps bytes both ways, following the framing so that it knows where each message
//! ends. It knows nothing of what the messages say.

mod client;
mod deadlines;
mod event_loop;
mod exchange;
pub mod framing;
mod lanes;
mod limits;
pub mod listener;
mod refusal;
mod socket;
mod tls;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crate::lane::WorkerEnd;
use event_loop::{Control, EventLoop};
pub use limits::Limits;
pub use refusal::Refusal;
pub use tls::{Identity, IdentityError};

/// What the edge has to ask or tell others.
pub struct Hooks {
    /// Whether a request is answered from memory, and may use a reserved lane. Asked with method and
    /// target as they came.
    pub is_cheap: fn(&[u8], &[u8]) -> bool,
    /// Gets the other end of every lane that is opened, and has somebody work on it.
    pub on_lane: Box<dyn FnMut(WorkerEnd) -> io::Result<()> + Send>,
}

/// The edge. There is nothing to hold of it but its [`EdgeHandle`].
pub struct Edge;

/// The running edge. Dropping it closes all connections.
pub struct EdgeHandle {
    control: Arc<Control>,
    thread: Option<JoinHandle<()>>,
}

impl Edge {
    /// Serves what comes to `listeners` over lanes; over TLS if there is an `identity`.
    ///
    /// # Errors
    /// When the system refuses a poller or a thread.
    pub fn start(
        listeners: Vec<TcpListener>,
        limits: Limits,
        hooks: Hooks,
        identity: Option<Identity>,
    ) -> io::Result<EdgeHandle> {
        let (event_loop, control) = EventLoop::new(listeners, limits, hooks, identity)?;
        let thread = thread::Builder::new()
            .name("edge".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || event_loop.run())?;
        Ok(EdgeHandle {
            control,
            thread: Some(thread),
        })
    }
}

impl EdgeHandle {
    /// Stops accepting, closes idle connections, and lets what is under way finish.
    pub fn drain(&self) {
        self.control.drain();
    }

    /// Opens connections with `identity` from now on; those that are open keep theirs. An edge that was
    /// started without one stays without.
    pub fn replace_identity(&self, identity: Identity) {
        self.control.replace_identity(identity);
    }

    /// How many requests are under way, their answers still being written included.
    pub fn active(&self) -> usize {
        self.control.active()
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.control.connections()
    }

    /// Closes everything.
    pub fn stop(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
        self.control.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for EdgeHandle {
    fn drop(&mut self) {
        self.shut_down();
    }
}
