//! Embedded upstreams that imitate the vendors' APIs, for `holdfast demo` and the tests.
//!
//! One listener speaks all four dialects. Every API key is an account with a prompt cache of its own, reported in
//! the vendors' usage fields, and with a [`Script`] that says how it misbehaves. Nothing here imports the gateway.

mod ask;
mod bearer;
mod cache;
mod chat;
mod code_assist;
mod gemini;
mod http;
mod kept;
mod messages;
mod models;
mod oauth;
mod offers;
mod record;
mod reply;
mod responses;
mod rules;
mod script;
mod serve;
mod target;
mod wishes;

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use cache::PromptCache;
use kept::KeptAnswers;
pub use models::Listing;
pub use oauth::{
    Authorization, Bearer, Person, TokenCall, TokenScript, TokenStep, Tokenry, Tokens, Vendor,
};
use parking_lot::Mutex;
use record::Records;
pub use record::{Outcome, Record};
pub use script::{Ending, Gate, Manner, Script, Step};

/// Stack of a connection's thread, bytes. Debug builds need more.
const STACK: usize = if cfg!(debug_assertions) {
    1024 * 1024
} else {
    256 * 1024
};

/// The model that the upstream of a dialect is asked for in the demo.
pub fn model(dialect: &str) -> &'static str {
    match dialect {
        "chat" => "demo-chat",
        "responses" => "demo-responses",
        "messages" => "demo-messages",
        _ => "demo-gemini",
    }
}

/// Running upstreams. Dropping them closes every connection.
pub struct Upstreams {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

/// What all connections share.
struct Shared {
    scripts: Mutex<HashMap<String, Script>>,
    /// What accounts list, where it is not the usual.
    lists: Mutex<HashMap<String, Listing>>,
    cache: Mutex<PromptCache>,
    kept: Mutex<KeptAnswers>,
    /// Who tells what access tokens are worth; without it, bearer tokens are names of accounts.
    tokenry: Mutex<Option<Tokenry>>,
    records: Records,
    /// Between two events of a stream, microseconds.
    delta_delay: AtomicU64,
    connections: Mutex<HashMap<u64, TcpStream>>,
    stopping: AtomicBool,
}

impl Upstreams {
    /// Listens on a free port of the loopback interface.
    ///
    /// # Errors
    /// When the system refuses a socket or a thread.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            scripts: Mutex::default(),
            lists: Mutex::default(),
            cache: Mutex::default(),
            kept: Mutex::default(),
            tokenry: Mutex::default(),
            records: Records::default(),
            delta_delay: AtomicU64::new(0),
            connections: Mutex::default(),
            stopping: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        let accepting = thread::Builder::new()
            .name("demo-accept".to_owned())
            .spawn(move || accept(&listener, &accepting))?;
        Ok(Self {
            address,
            shared,
            accepting: Some(accepting),
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How long to wait between two events of a stream, unless a script says otherwise.
    pub fn set_delta_delay(&self, delay: Duration) {
        let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.shared.delta_delay.store(micros, Ordering::Release);
    }

    /// Has the account `key` follow `script` from its next request on.
    pub fn script(&self, key: &str, script: Script) {
        self.shared.scripts.lock().insert(key.to_owned(), script);
    }

    /// Has the account `key` list other models than those of the demo.
    pub fn list(&self, key: &str, listing: Listing) {
        self.shared.lists.lock().insert(key.to_owned(), listing);
    }

    /// Takes the access tokens of an authorization server: each is its account, by mail address, and one that has expired
    /// or was revoked is refused in the vendor's words. Tokens that it has not issued stay names of accounts.
    pub fn require_tokens(&self, tokenry: Tokenry) {
        *self.shared.tokenry.lock() = Some(tokenry);
    }

    /// What has been asked so far, oldest first; of very many requests the newest.
    pub fn records(&self) -> Vec<Record> {
        self.shared.records.all()
    }

    pub fn clear_records(&self) {
        self.shared.records.clear();
    }

    /// Waits until the records are as `wanted`; false when `patience` runs out before.
    pub fn wait_for(&self, patience: Duration, wanted: impl Fn(&[Record]) -> bool) -> bool {
        self.shared.records.wait_for(patience, wanted)
    }
}

impl Drop for Upstreams {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        for connection in self.shared.connections.lock().values() {
            let _ = connection.shutdown(Shutdown::Both);
        }
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for (id, stream) in (0..).zip(listener.incoming()) {
        if shared.stopping.load(Ordering::Acquire) {
            return;
        }
        let Ok(stream) = stream else {
            continue;
        };
        if let Ok(copy) = stream.try_clone() {
            shared.connections.lock().insert(id, copy);
        }
        let shared = Arc::clone(shared);
        // Without a thread the connection is closed, which clients of real upstreams know too.
        let _ = thread::Builder::new()
            .name("demo-upstream".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                let _ = stream.set_nodelay(true);
                serve::connection(stream, &shared);
                shared.connections.lock().remove(&id);
            });
    }
}
