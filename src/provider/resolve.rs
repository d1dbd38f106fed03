//! Names to addresses, remembered for a little while.
//!
//! ureq asks its resolver once per call, even when a pooled connection then serves it, and the system's
//! resolver reads files and asks the network each time.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::progress;
use super::watch;

/// How long an answer is used. The system's resolver does not tell how long it is good for.
const FRESH: Duration = Duration::from_secs(30);
/// How long an answer may stand in when the name cannot be looked up any more.
const USABLE: Duration = Duration::from_secs(600);
/// The longest wait for a lookup; with it the system's resolver has tried every server twice by default
/// (resolv.conf(5): 5 s, 2 attempts).
const LOOKUP: Duration = Duration::from_secs(30);
/// Names remembered at most.
const NAMES: usize = 256;
/// Addresses taken per name, the most ureq holds.
const ADDRESSES: usize = 16;
/// Bytes of stack of a lookup thread.
const STACK: usize = 256 * 1024;

/// The resolver of all agents.
#[derive(Default)]
pub struct Lookup {
    known: Mutex<HashMap<String, Known>>,
    system: DefaultResolver,
}

#[derive(Clone)]
struct Known {
    addresses: Vec<SocketAddr>,
    since: Instant,
}

impl Resolver for Lookup {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(Error::HostNotFound);
        };
        let name = DefaultResolver::host_and_port(scheme, authority).ok_or(Error::HostNotFound)?;
        let bare = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        let addresses = match bare.parse::<IpAddr>() {
            Ok(address) => {
                let port = name.rsplit(':').next().and_then(|port| port.parse().ok());
                vec![SocketAddr::new(address, port.ok_or(Error::HostNotFound)?)]
            }
            Err(_) => self
                .look_up(name, Instant::now())
                .inspect_err(|_| progress::depart())?,
        };
        let mut resolved = self.system.empty();
        for address in addresses.into_iter().take(ADDRESSES) {
            resolved.push(address);
        }
        Ok(resolved)
    }
}

impl Lookup {
    fn look_up(&self, name: String, now: Instant) -> Result<Vec<SocketAddr>, Error> {
        let known = self.known.lock().get(&name).cloned();
        let age = known.as_ref().map(|known| now.duration_since(known.since));
        if let (Some(known), Some(age)) = (&known, age)
            && age < FRESH
        {
            return Ok(known.addresses.clone());
        }
        match (ask_system(name.clone()), known, age) {
            (Ok(addresses), ..) => {
                self.remember(name, addresses.clone(), now);
                Ok(addresses)
            }
            (Err(Error::HostNotFound | Error::Io(_)), Some(known), Some(age)) if age < USABLE => {
                Ok(known.addresses)
            }
            (Err(error), ..) => Err(error),
        }
    }

    fn remember(&self, name: String, addresses: Vec<SocketAddr>, now: Instant) {
        let mut known = self.known.lock();
        if known.len() >= NAMES {
            known.retain(|_, known| now.duration_since(known.since) < FRESH);
        }
        if known.len() < NAMES {
            known.insert(
                name,
                Known {
                    addresses,
                    since: now,
                },
            );
        }
    }
}

/// Asks on a thread of its own, because the system's resolver cannot be interrupted.
fn ask_system(name: String) -> Result<Vec<SocketAddr>, Error> {
    let (answer, asked) = mpsc::sync_channel(1);
    std::thread::Builder::new()
        .name("resolve".to_owned())
        .stack_size(STACK)
        .spawn(move || {
            let found = name.to_socket_addrs().map(Iterator::collect);
            // The caller may have given up.
            let _ = answer.send(found);
        })?;
    let started = Instant::now();
    loop {
        let slice = watch::look()?;
        match asked.recv_timeout(slice) {
            Ok(Ok(addresses)) => {
                let addresses: Vec<SocketAddr> = addresses;
                return match addresses.is_empty() {
                    true => Err(Error::HostNotFound),
                    false => Ok(addresses),
                };
            }
            Ok(Err(error)) => return Err(Error::Io(error)),
            Err(RecvTimeoutError::Timeout) if started.elapsed() < LOOKUP => {}
            Err(_) => return Err(io::Error::from(io::ErrorKind::TimedOut).into()),
        }
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remembered_name_is_not_asked_for_until_it_is_old() {
        let lookup = Lookup::default();
        let now = Instant::now();
        let address = SocketAddr::from(([192, 0, 2, 1], 443));
        let name = || "no-such-host.invalid:443".to_owned();
        lookup.remember(name(), vec![address], now);
        assert_eq!(lookup.look_up(name(), now + FRESH / 2).unwrap(), [address]);
        assert_eq!(lookup.look_up(name(), now + FRESH).unwrap(), [address]);
        assert!(lookup.look_up(name(), now + USABLE).is_err());
    }

    #[test]
    fn addresses_need_no_lookup() {
        let lookup = Lookup::default();
        for (uri, expected) in [
            ("http://127.0.0.1:81/x", "127.0.0.1:81"),
            ("https://[::1]/", "[::1]:443"),
        ] {
            let uri: Uri = uri.parse().unwrap();
            let found = lookup.resolve(&uri, &Config::default(), NextTimeout::default());
            assert_eq!(found.unwrap()[0].to_string(), expected);
        }
        assert!(lookup.known.lock().is_empty());
    }
}
