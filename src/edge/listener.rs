//! Listening sockets.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};

use socket2::{Domain, Protocol, Socket, Type};

/// The backlog. Connections beyond it are delayed, because clients retry after a second.
const BACKLOG: i32 = 1024;

/// Listens on `host`, a name or an address, with or without brackets for IPv6. An empty host means all interfaces, IPv4 and
/// IPv6. Port 0 selects a free port.
///
/// # Errors
/// When the host has no address, or none of them can be listened on.
pub fn bind(host: &str, port: u16) -> io::Result<Vec<TcpListener>> {
    if host.is_empty() {
        // One socket for both families, unless the system lacks IPv6.
        let all = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        return listen(all)
            .or_else(|_| listen(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))))
            .map(|listener| vec![listener]);
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let addresses: Vec<SocketAddr> = match bare.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::from((address, port))],
        Err(_) => (bare, port).to_socket_addrs()?.collect(),
    };
    let mut listeners = Vec::new();
    let mut failure = io::Error::new(io::ErrorKind::AddrNotAvailable, "the host has no address");
    for mut address in addresses {
        // A free port is used for all addresses of a name.
        if let Some(first) = listeners.first().map(TcpListener::local_addr) {
            address.set_port(first?.port());
        }
        match listen(address) {
            Ok(listener) => listeners.push(listener),
            Err(error) => failure = error,
        }
    }
    if listeners.is_empty() {
        return Err(failure);
    }
    Ok(listeners)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    if let SocketAddr::V6(v6) = address {
        socket.set_only_v6(!v6.ip().is_unspecified())?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn addresses_in_any_spelling() {
        for host in ["127.0.0.1", "", "localhost"] {
            let listeners = bind(host, 0).unwrap();
            let port = listeners[0].local_addr().unwrap().port();
            TcpStream::connect(("127.0.0.1", port)).unwrap();
        }
    }

    #[test]
    fn a_taken_port_is_an_error() {
        let taken = bind("127.0.0.1", 0).unwrap();
        let port = taken[0].local_addr().unwrap().port();
        assert_eq!(
            bind("127.0.0.1", port).unwrap_err().kind(),
            io::ErrorKind::AddrInUse
        );
    }
}
