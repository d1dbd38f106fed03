//! TLS to upstreams and proxies. All connections share one configuration: trusted authorities and session resumption.

use std::io;
use std::time::Instant;

use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use super::connection::Connection;
use super::trust::Trust;
use crate::exchange::Waiter;

/// Starts TLS with `host`, a name or an address without brackets, on `connection`.
///
/// # Errors
/// When the host is not a valid server name, and those of [`Connection::with_tls`].
#[inline(never)]
pub fn over(
    connection: Connection,
    trust: &Trust,
    host: &str,
    waiter: &Waiter,
    deadline: Option<Instant>,
) -> io::Result<Connection> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| io::Error::other("the host is not a valid TLS server name"))?;
    let config = trust.config().map_err(io::Error::other)?;
    let tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
    connection.with_tls(tls, waiter, deadline)
}
