//! Opening connections: straight, or through a SOCKS proxy. CONNECT proxies are ureq's own part of the
//! chain ([`super::agent`]); their sockets come from here as well.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use ureq::unversioned::resolver::ResolvedSocketAddrs;
use ureq::unversioned::transport::time::Duration as Wait;
use ureq::unversioned::transport::{
    ConnectionDetails, Connector, Either, Transport, TransportAdapter,
};
use ureq::{Error, Proxy, ProxyProtocol, Timeout};

use super::progress;
use super::socks;
use super::watch;
use super::wire::Wire;

/// First of the chain: notes that a connection is being opened.
#[derive(Debug)]
pub struct Depart;

/// Last of the chain: notes that it is open.
#[derive(Debug)]
pub struct Arrive;

/// Opens the socket unless the chain already has a connection.
#[derive(Debug)]
pub struct Dial {
    /// After how much silence a body is given up.
    pub silence: Duration,
}

impl Connector<()> for Depart {
    type Out = ();

    fn connect(&self, _: &ConnectionDetails, chained: Option<()>) -> Result<Option<()>, Error> {
        progress::depart();
        Ok(chained)
    }
}

impl<In: Transport> Connector<In> for Arrive {
    type Out = In;

    fn connect(&self, _: &ConnectionDetails, chained: Option<In>) -> Result<Option<In>, Error> {
        progress::arrive();
        Ok(chained)
    }
}

impl<In: Transport> Connector<In> for Dial {
    type Out = Either<In, Wire>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        if let Some(connection) = chained {
            return Ok(Some(Either::A(connection)));
        }
        let deadline = match details.timeout.after {
            Wait::Exact(after) => Instant::now().checked_add(after),
            Wait::NotHappening => None,
        };
        let proxy = details.config.proxy();
        let proxy = proxy.filter(|proxy| !proxy.is_no_proxy(details.uri));
        let wire = match proxy.filter(|proxy| is_socks(proxy)) {
            Some(proxy) => self.through(proxy, details, deadline)?,
            None => self.reach(&details.addrs, deadline)?,
        };
        Ok(Some(Either::B(wire)))
    }
}

impl Dial {
    fn reach(
        &self,
        addresses: &ResolvedSocketAddrs,
        deadline: Option<Instant>,
    ) -> Result<Wire, Error> {
        Ok(Wire::new(open_first(addresses, deadline)?, self.silence)?)
    }

    fn through(
        &self,
        proxy: &Proxy,
        details: &ConnectionDetails,
        deadline: Option<Instant>,
    ) -> Result<Wire, Error> {
        if !matches!(
            proxy.protocol(),
            ProxyProtocol::Socks5 | ProxyProtocol::Socks5h
        ) {
            let reason = "only SOCKS 5 proxies are supported".to_owned();
            return Err(Error::ConnectProxyFailed(reason));
        }
        let (resolver, config) = (details.resolver, details.config);
        let addresses = resolver.resolve(proxy.uri(), config, details.timeout)?;
        let wire = self.reach(&addresses, deadline)?;
        let mut wire = TransportAdapter::new(wire, details.current_time.clone());
        let mut timeout = details.timeout;
        if let Some(deadline) = deadline {
            timeout.after = deadline.saturating_duration_since(Instant::now()).into();
        }
        wire.set_timeout(timeout);
        let login = proxy
            .username()
            .map(|user| (user, proxy.password().unwrap_or("")));
        let host = details.uri.host().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let port = details.uri.port_u16().unwrap_or(match details.needs_tls() {
            true => 443,
            false => 80,
        });
        socks::connect(&mut wire, login, bare, port)?;
        Ok(wire.into_inner())
    }
}

fn is_socks(proxy: &Proxy) -> bool {
    !matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https)
}

/// Tries the addresses in turn. Each may take half of what time is left, the last one all of it.
fn open_first(addresses: &[SocketAddr], deadline: Option<Instant>) -> Result<TcpStream, Error> {
    let mut failure = Error::HostNotFound;
    for (at, address) in addresses.iter().enumerate() {
        let now = Instant::now();
        let limit = deadline.map(|deadline| {
            let left = deadline.saturating_duration_since(now);
            match at + 1 == addresses.len() {
                true => deadline,
                false => now + left / 2,
            }
        });
        match open(*address, limit) {
            Ok(stream) => return Ok(stream),
            Err(error @ (Error::Io(_) | Error::Timeout(_))) => failure = error,
            Err(interrupted) => return Err(interrupted),
        }
    }
    Err(failure)
}

/// Connects without blocking, so that the wait can be interrupted.
fn open(address: SocketAddr, limit: Option<Instant>) -> Result<TcpStream, Error> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1);
    let mut stream = mio::net::TcpStream::connect(address)?;
    poll.registry()
        .register(&mut stream, Token(0), Interest::WRITABLE)?;
    loop {
        let slice = watch::look()?;
        let left = limit.map(|limit| limit.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(Error::Timeout(Timeout::Connect));
        }
        let wait = left.map_or(slice, |left| left.min(slice));
        match poll.poll(&mut events, Some(wait)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        if let Some(error) = stream.take_error()? {
            return Err(Error::Io(error));
        }
        match stream.peer_addr() {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {}
            Err(error) => return Err(Error::Io(error)),
        }
    }
    let stream = TcpStream::from(stream);
    stream.set_nonblocking(false)?;
    Ok(stream)
}
