//! The sockets of a gateway, and the service behind them.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;

use super::error::StartError;
use super::serve::Ticket;
use super::server::Server;
use crate::config::Config;
use crate::edge::{Refusal, Service, listener};
use crate::exchange::{Admission, Client, Head, Request};

/// Binds the hosts. The first must be available; others are optional.
pub fn listen(config: &Config) -> Result<Vec<TcpListener>, StartError> {
    let mut listeners = Vec::new();
    let mut port = config.port;
    for host in &config.listen_hosts() {
        match listener::bind(host, port) {
            Ok(bound) => listeners.extend(bound),
            Err(source) if listeners.is_empty() => {
                let address = format!("{host}:{port}");
                return Err(StartError::Bind { address, source });
            }
            Err(error) => log::debug!("cannot listen on {host}:{port}: {error}"),
        }
        // A free port is used for all hosts.
        if let Some(first) = listeners.first().map(TcpListener::local_addr) {
            port = first?.port();
        }
    }
    Ok(listeners)
}

/// The server as the edge's service.
pub struct EdgeService(pub Arc<Server>);

impl Service for EdgeService {
    type Ticket = Ticket;

    fn admit(&self, head: &Head, peer: SocketAddr) -> Admission<Ticket> {
        self.0.admit(head, peer)
    }

    fn serve(&self, ticket: Ticket, request: Request, client: Rc<dyn Client>) -> io::Result<()> {
        self.0.serve(ticket, request, client)
    }

    fn refuse(&self, refusal: Refusal, head: Option<&Head>) -> Vec<u8> {
        self.0.refuse(refusal.status(), &refusal.to_string(), head)
    }
}
