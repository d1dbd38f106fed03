//! Client bytes: listeners, connections, TLS, framing, limits, and the threads that serve them.
//!
//! A connection is one value. While it waits, the poller has it (`poller`). When something arrives, one of the waiting
//! threads takes it, advances it without blocking (`movement`), and either returns it or has a complete request. Then the
//! same thread calls the server, which may block for as long as an upstream takes. A slow sender uses memory, but no
//! thread. The edge does not interpret messages.

mod accepting;
mod connection;
mod core;
mod counters;
mod downgrade;
pub mod framing;
mod limits;
pub mod listener;
mod movement;
mod output;
mod poller;
mod queue;
mod refusal;
mod responder;
mod service;
mod socket;
mod stream;
mod table;
mod threads;
mod tls;
mod watching;

use core::Core;
use std::io;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use arc_swap::ArcSwap;
use counters::{Addresses, Requests};
pub use limits::Limits;
use parking_lot::Mutex;
use poller::{Interest, Poller};
use queue::{MemoryQueue, Queue};
pub use refusal::Refusal;
use refusal::Refusals;
pub use service::Service;
use table::Table;
use threads::Threads;
pub use tls::{Identity, IdentityError, is_valid_at};

use crate::budget::Budget;

/// How long a stopping edge waits for its threads.
const ENDING: Duration = Duration::from_secs(10);

/// A running edge. Dropping it closes all connections.
pub struct Edge<S: Service> {
    core: Arc<Core<S>>,
    watch: Option<JoinHandle<()>>,
}

impl<S: Service> Edge<S> {
    /// Serves the connections of `listeners` with `service`, over TLS if there is an `identity`. Bodies use memory of
    /// `budget`.
    ///
    /// # Errors
    /// When the system has no poller or thread.
    pub fn start(
        listeners: Vec<TcpListener>,
        limits: Limits,
        service: S,
        budget: Budget,
        identity: Option<Identity>,
    ) -> io::Result<Self> {
        let (near, far) = UnixStream::pair()?;
        let core = Arc::new(Core {
            service,
            poller: Poller::new()?,
            // A few more, to answer excess connections.
            table: Table::new(limits.connections.saturating_add(64)),
            queue: Queue::new(limits.workers),
            budget,
            starving: MemoryQueue::default(),
            requests: Requests::default(),
            refusals: Refusals::default(),
            threads: Threads::new(limits.workers.saturating_add(limits.spare_threads)),
            addresses: Addresses::new(limits.connections_per_address),
            identity: identity.map(ArcSwap::from_pointee),
            listeners: listeners
                .into_iter()
                .map(|listener| Mutex::new(Some(listener)))
                .collect(),
            is_draining: Arc::default(),
            is_stopping: AtomicBool::new(false),
            stop: (near, Mutex::new(Some(far))),
            limits,
        });
        core.poller.add(
            core.stop.0.as_fd(),
            Core::<S>::token_of_stop(),
            Interest::Read,
        )?;
        for (index, listener) in core.listeners.iter().enumerate() {
            if let Some(listener) = &*listener.lock() {
                listener.set_nonblocking(true)?;
                let token = Core::<S>::token_of_listener(index);
                core.poller.add(listener.as_fd(), token, Interest::Read)?;
            }
        }
        let weak = Arc::downgrade(&core);
        core.queue
            .connect(Box::new(move |entry, permit| match weak.upgrade() {
                Some(core) => core.grant(entry, permit),
                None => Err(permit),
            }));
        let weak: Weak<Core<S>> = Arc::downgrade(&core);
        core.budget.on_release(move || {
            if let Some(core) = weak.upgrade() {
                core.feed();
            }
        });
        let worker = Arc::clone(&core);
        core.threads.start(Arc::new(move || worker.work()))?;
        let watched = Arc::clone(&core);
        let watch = thread::Builder::new()
            .name("edge".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || watching::watch(&watched))?;
        Ok(Self {
            core,
            watch: Some(watch),
        })
    }

    /// Stops accepting, closes idle and unfinished connections, and lets requests in progress finish.
    pub fn drain(&self) {
        self.core.drain();
    }

    /// Uses `identity` for new connections. An edge that was started without one stays without.
    pub fn replace_identity(&self, identity: Identity) {
        if let Some(current) = &self.core.identity {
            current.store(Arc::new(identity));
        }
    }

    /// The number of requests in progress, including answers that are still being written.
    pub fn active(&self) -> usize {
        self.core.requests.count()
    }

    /// The number of open connections.
    pub fn connections(&self) -> usize {
        self.core.table.open()
    }

    /// The number of threads that wait for connections or serve them.
    pub fn threads(&self) -> usize {
        self.core.threads.running()
    }

    /// The number of requests that the edge refused with this status.
    pub fn refused(&self, status: u16) -> u64 {
        self.core.refusals.count(status)
    }

    /// Closes all connections and waits for all threads to end.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(watch) = self.watch.take() else {
            return;
        };
        self.core.stop();
        watch.thread().unpark();
        // Failures were logged.
        let _ = watch.join();
        self.core.budget.disconnect();
        if !self.core.threads.join(ENDING) {
            log::error!(
                "{} worker threads did not end in time",
                self.core.threads.running()
            );
        }
    }
}

impl<S: Service> Drop for Edge<S> {
    fn drop(&mut self) {
        self.end();
    }
}
