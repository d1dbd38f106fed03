//! The debug server: state of the process for an operator, on an address of its own.
//!
//! It trusts those who can reach its address: nothing limits connections and their time, and in a burst of them some may
//! wait for silent ones. Only what tiny_http cannot free is limited.

mod pages;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{io, mem, thread};

use pages::Page;
use rustix::net::Shutdown;
use tiny_http::{Header, Method, Request, Response, Server};

/// Stack of the thread of one request, bytes.
const STACK: usize = 256 * 1024;

/// The longest body of a request, bytes.
const BODY: usize = 1 << 20;
/// Requests with longer bodies that may come. Each costs a connection that is never closed.
const OVERSIZED: usize = 16;

/// The running server. Dropping it ends it.
pub struct Diagnostics {
    address: SocketAddr,
    /// The socket on which the server listens.
    listener: TcpListener,
    server: Arc<Server>,
    is_stopping: Arc<AtomicBool>,
}

impl Diagnostics {
    /// Serves at `address`, which is `host:port`.
    ///
    /// # Errors
    /// When the address cannot be listened on, or the system refuses a thread.
    pub fn start(address: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let server = Server::from_listener(listener.try_clone()?, None);
        let diagnostics = Self {
            address,
            listener,
            server: Arc::new(server.map_err(io::Error::other)?),
            is_stopping: Arc::default(),
        };
        let server = Arc::clone(&diagnostics.server);
        let is_stopping = Arc::clone(&diagnostics.is_stopping);
        let listener = diagnostics.listener.try_clone()?;
        thread::Builder::new()
            .name("debug-accept".to_owned())
            .stack_size(STACK)
            .spawn(move || run(&server, &listener, &is_stopping))?;
        Ok(diagnostics)
    }

    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Diagnostics {
    fn drop(&mut self) {
        self.is_stopping.store(true, Ordering::Release);
        self.server.unblock();
        // The thread of tiny_http that accepts ends later. The address has to be free before that.
        let _ = rustix::net::shutdown(&self.listener, Shutdown::Both);
    }
}

fn run(server: &Server, listener: &TcpListener, is_stopping: &AtomicBool) {
    let mut oversized = 0;
    loop {
        let request = match server.recv() {
            Ok(request) => request,
            Err(error) => {
                if !is_stopping.load(Ordering::Acquire) {
                    log::error!("the debug server has stopped: {error}");
                }
                return;
            }
        };
        if request.body_length().is_some_and(|length| length > BODY) {
            // Dropping a request allocates the length that its unread body declares (tiny_http 0.12, `EqualReader`):
            // a large one ends the process. Leaking the request leaves its connection open, without an answer.
            mem::forget(request);
            oversized += 1;
            if oversized == OVERSIZED {
                log::error!("the debug server has stopped: too many requests with large bodies");
                let _ = rustix::net::shutdown(listener, Shutdown::Both);
                return;
            }
            continue;
        }
        // A client that is slow to send or to read must not hold up the others.
        let started = thread::Builder::new()
            .name("debug".to_owned())
            .stack_size(STACK)
            .spawn(move || respond(request));
        if let Err(error) = started {
            log::warn!("the debug server cannot start a thread: {error}");
        }
    }
}

fn respond(request: Request) {
    let page = match request.method() {
        Method::Get => pages::page(request.url()),
        _ => Page::text(405, "only GET\n"),
    };
    let headers = [
        ("Content-Type", page.content_type),
        ("X-Content-Type-Options", "nosniff"),
    ];
    let headers = headers
        .into_iter()
        .filter_map(|(name, value)| Header::from_bytes(name, value).ok());
    let response = Response::from_string(page.body).with_status_code(page.status);
    let response = headers.fold(response, Response::with_header);
    // A client that has left needs no answer.
    let _ = request.respond(response);
}
