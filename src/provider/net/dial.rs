//! Opens connections, directly or through a proxy.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use super::connection::{Connection, late};
use super::pool::Origin;
use super::proxy::{self, Protocol};
use super::resolve::Lookup;
use super::{socks, tls};
use crate::exchange::{Interruption, Waiter};

/// Opens connections.
pub struct Dial {
    pub lookup: Lookup,
    /// The longest wait for a connection, TLS and proxies included.
    pub timeout: Duration,
    /// The longest TLS handshake, which is a part of that.
    pub handshake_timeout: Duration,
}

impl Dial {
    /// Opens a connection to `origin`.
    ///
    /// # Errors
    /// When a name cannot be resolved, the connection times out, the proxy refuses, the certificate is invalid, or the wait
    /// is interrupted.
    #[inline(never)]
    pub fn open(&self, origin: &Origin, waiter: &Waiter) -> io::Result<Connection> {
        let proxy = origin.proxy.as_ref();
        let (host, port) = match proxy {
            Some(proxy) => (&proxy.host, proxy.port),
            None => (&origin.host, origin.port),
        };
        let addresses = self.lookup.find(host, waiter)?;
        let deadline = Instant::now().checked_add(self.timeout);
        let mut connection = Connection::new(open_first(&addresses, port, waiter, deadline)?)?;
        if let Some(proxy) = proxy {
            let login = proxy.login.as_ref();
            if proxy.protocol == Protocol::Socks {
                let mut wire = connection.blocking(waiter, deadline);
                let login = login.map(|login| (login.user.as_str(), login.password.as_str()));
                socks::connect(&mut wire, login, &origin.host, origin.port)?;
            } else {
                if proxy.protocol == Protocol::Https {
                    connection = self.tls(connection, origin, &proxy.host, waiter, deadline)?;
                }
                let target = match origin.host.contains(':') {
                    true => format!("[{}]:{}", origin.host, origin.port),
                    false => format!("{}:{}", origin.host, origin.port),
                };
                proxy::connect(&mut connection, &target, login, waiter, deadline)?;
            }
        }
        match origin.is_tls {
            true => self.tls(connection, origin, &origin.host, waiter, deadline),
            false => Ok(connection),
        }
    }

    fn tls(
        &self,
        connection: Connection,
        origin: &Origin,
        host: &str,
        waiter: &Waiter,
        deadline: Option<Instant>,
    ) -> io::Result<Connection> {
        let own = Instant::now().checked_add(self.handshake_timeout);
        let deadline = [own, deadline].into_iter().flatten().min();
        tls::over(connection, &origin.trust, host, waiter, deadline)
    }
}

/// Tries the addresses in turn. Each can take half of the remaining time, the last one all of it.
fn open_first(
    addresses: &[IpAddr],
    port: u16,
    waiter: &Waiter,
    deadline: Option<Instant>,
) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name does not exist");
    for (at, address) in addresses.iter().enumerate() {
        let now = Instant::now();
        let limit = match deadline {
            Some(deadline) if at + 1 < addresses.len() => {
                Some(now + deadline.saturating_duration_since(now) / 2)
            }
            deadline => deadline,
        };
        match open(SocketAddr::new(*address, port), waiter, limit) {
            Ok(stream) => return Ok(stream),
            Err(error) if Interruption::of(&error).is_some() => return Err(error),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn open(address: SocketAddr, waiter: &Waiter, limit: Option<Instant>) -> io::Result<TcpStream> {
    let stream = TcpStream::from(mio::net::TcpStream::connect(address)?);
    loop {
        if !waiter.wait(Some((stream.as_fd(), PollFlags::OUT)), limit)? {
            return Err(late());
        }
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        match stream.peer_addr() {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {}
            connected => return connected.map(|_| stream),
        }
    }
}
