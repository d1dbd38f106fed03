//! TLS to upstreams and to proxies. One configuration serves all connections, so that they trust the same
//! authorities and share what sessions can be resumed.

use std::io;
use std::time::Instant;

use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use super::connection::Connection;
use super::trust::Trust;
use crate::exchange::Waiter;

/// Speaks TLS with `host`, a name or an address without brackets, over `connection`.
///
/// # Errors
/// When there can be no certificate for the host, and those of [`Connection::with_tls`].
#[inline(never)]
pub fn over(
    connection: Connection,
    trust: &Trust,
    host: &str,
    waiter: &Waiter,
    deadline: Option<Instant>,
) -> io::Result<Connection> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| io::Error::other("no certificate can be for this host"))?;
    let config = trust.config().map_err(io::Error::other)?;
    let tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
    connection.with_tls(tls, waiter, deadline)
}
