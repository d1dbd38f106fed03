//! Where the browser returns to: a server on this host only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::{io, mem, thread};

use tiny_http::{Header, Method, Request, Response, Server};

/// A running listener.
pub struct Listener {
    port: u16,
    servers: Vec<Arc<Server>>,
}

impl Listener {
    /// Listens on both loopback addresses and sends each request for `path`. Other requests are answered with 404.
    ///
    /// # Errors
    /// When the port is in use on either of them: the browser may take either.
    pub fn start<T: Send + 'static>(
        port: u16,
        path: &'static str,
        to: &Sender<T>,
        event: impl Fn(Request) -> T + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let port = first.local_addr()?.port();
        let mut listeners = vec![first];
        let v6 = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port);
        match TcpListener::bind(v6) {
            Ok(second) => listeners.push(second),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            // This host has no IPv6.
            Err(_) => {}
        }
        let mut servers = Vec::new();
        for listener in listeners {
            let server = Server::from_listener(listener, None).map_err(io::Error::other)?;
            let server = Arc::new(server);
            servers.push(Arc::clone(&server));
            let (to, event) = (to.clone(), event.clone());
            thread::Builder::new()
                .name("login".to_owned())
                .spawn(move || {
                    while let Ok(request) = server.recv() {
                        let is_wanted =
                            forwarded(request, path).is_none_or(|it| to.send(event(it)).is_ok());
                        if !is_wanted {
                            return;
                        }
                    }
                })?;
        }
        Ok(Self { port, servers })
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        for server in &self.servers {
            server.unblock();
        }
    }
}

/// The request, if it is one for `path`; others are answered.
fn forwarded(request: Request, path: &str) -> Option<Request> {
    if request.body_length().is_some_and(|length| length > 0) {
        // Dropping it would allocate what it declares (tiny_http 0.12, `EqualReader`).
        mem::forget(request);
        return None;
    }
    let asked = request.url().split('?').next().unwrap_or_default();
    if *request.method() == Method::Get && asked == path {
        return Some(request);
    }
    answer(request, 404, "There is nothing here.");
    None
}

/// Answers with a small page.
pub fn answer(request: Request, status: u16, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let page =
        format!("<!doctype html><meta charset=\"utf-8\"><title>holdfast</title><p>{text}</p>\n");
    let headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", "default-src 'none'"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-store"),
        ("Connection", "close"),
    ];
    let headers = headers
        .into_iter()
        .filter_map(|(name, value)| Header::from_bytes(name, value).ok());
    let response = Response::from_string(page).with_status_code(status);
    // A browser that has left needs no answer.
    let _ = request.respond(headers.fold(response, Response::with_header));
}
