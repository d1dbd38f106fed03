//! A pool of idle connections per origin. The connection that was returned last is used first, so that connections left
//! over from a burst expire.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::connection::Connection;
use super::proxy::Proxy;
use super::trust::Trust;

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(90);
/// How long an unused origin is kept.
const REMEMBERED: Duration = Duration::from_secs(600);
/// A connection that was returned less than this time ago is used without checking that it is open.
const SURE: Duration = Duration::from_secs(1);

/// All origins and their connections.
pub struct Pool {
    origins: RwLock<HashMap<u64, Vec<Arc<Origin>>>>,
    hasher: RandomState,
    limits: Arc<Limits>,
}

struct Limits {
    /// The most idle connections of an origin.
    per_origin: usize,
    /// The most idle connections in total.
    total: usize,
    idle: AtomicUsize,
}

/// The identity of an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Name<'a> {
    pub is_tls: bool,
    /// A name or an address without brackets.
    pub host: &'a str,
    pub port: u16,
    /// The URL of the proxy.
    pub proxy: Option<&'a str>,
}

/// An origin with its idle connections.
pub struct Origin {
    pub is_tls: bool,
    pub host: String,
    pub port: u16,
    pub proxy: Option<Proxy>,
    /// The trusted authorities with which its connections were opened.
    pub trust: Arc<Trust>,
    proxy_url: Option<String>,
    idle: Mutex<Idle>,
    limits: Arc<Limits>,
}

struct Idle {
    /// The one that was returned last is at the end.
    kept: VecDeque<Kept>,
    called: Instant,
    is_forgotten: bool,
}

struct Kept {
    connection: Connection,
    since: Instant,
}

impl Pool {
    /// A pool with the given limits of idle connections, per origin and in total.
    pub fn new(per_origin: usize, total: usize) -> Self {
        Self {
            origins: RwLock::default(),
            hasher: RandomState::new(),
            limits: Arc::new(Limits {
                per_origin,
                total,
                idle: AtomicUsize::new(0),
            }),
        }
    }

    /// The origin of that name. `None` if its proxy URL is invalid.
    pub fn origin(&self, name: Name<'_>, trust: &Arc<Trust>) -> Option<Arc<Origin>> {
        let hash = self.hasher.hash_one(name);
        let is_it = |origin: &&Arc<Origin>| origin.is(name, trust);
        if let Some(known) = self.origins.read().get(&hash)
            && let Some(origin) = known.iter().find(is_it)
        {
            return Some(Arc::clone(origin));
        }
        let proxy = match name.proxy {
            Some(url) => Some(Proxy::parse(url)?),
            None => None,
        };
        let mut origins = self.origins.write();
        let known = origins.entry(hash).or_default();
        if let Some(origin) = known.iter().find(is_it) {
            return Some(Arc::clone(origin));
        }
        let origin = Arc::new(Origin {
            is_tls: name.is_tls,
            host: name.host.to_owned(),
            port: name.port,
            proxy,
            trust: Arc::clone(trust),
            proxy_url: name.proxy.map(str::to_owned),
            idle: Mutex::new(Idle {
                kept: VecDeque::new(),
                called: Instant::now(),
                is_forgotten: false,
            }),
            limits: Arc::clone(&self.limits),
        });
        known.push(Arc::clone(&origin));
        Some(origin)
    }

    /// Closes connections that expired or that the other end closed, and removes unused origins.
    pub fn sweep(&self, now: Instant) {
        let origins: Vec<Arc<Origin>> = self.origins.read().values().flatten().cloned().collect();
        let mut has_unused = false;
        for origin in origins {
            has_unused |= origin.sweep(now);
        }
        if has_unused {
            self.forget(|origin| origin.is_unused(now) && Arc::strong_count(origin) == 1);
        }
    }

    /// Closes all idle connections and removes all origins. Connections in use are closed after their answers.
    pub fn clear(&self) {
        self.forget(|_| true);
    }

    fn forget(&self, is_to_go: impl Fn(&Arc<Origin>) -> bool) {
        let mut gone = Vec::new();
        self.origins.write().retain(|_, origins| {
            gone.extend(origins.extract_if(.., |origin| is_to_go(origin)));
            !origins.is_empty()
        });
        for origin in gone {
            origin.close();
        }
    }

    /// The number of idle connections.
    #[cfg(test)]
    fn idle(&self) -> usize {
        self.limits.idle.load(Ordering::Acquire)
    }

    #[cfg(test)]
    fn origins(&self) -> usize {
        self.origins.read().values().flatten().count()
    }
}

impl Origin {
    fn is(&self, name: Name<'_>, trust: &Arc<Trust>) -> bool {
        let own = Name {
            is_tls: self.is_tls,
            host: &self.host,
            port: self.port,
            proxy: self.proxy_url.as_deref(),
        };
        own == name && Arc::ptr_eq(&self.trust, trust)
    }

    /// An idle connection that is still open, if there is one.
    pub fn take(&self, now: Instant) -> Option<Connection> {
        loop {
            let Kept { connection, since } = {
                let mut idle = self.idle.lock();
                idle.called = now;
                let kept = idle.kept.pop_back()?;
                self.limits.idle.fetch_sub(1, Ordering::AcqRel);
                kept
            };
            let age = now.saturating_duration_since(since);
            if age < SURE || (age < IDLE && connection.is_quiet()) {
                return Some(connection);
            }
        }
    }

    /// Returns a connection to the pool. If there are too many, the oldest is closed.
    pub fn give_back(&self, connection: Connection, now: Instant) {
        let kept = Kept {
            connection,
            since: now,
        };
        // Closed after the lock is released.
        let _surplus = self.keep(kept);
    }

    /// Returns the connections that exceed the limits.
    fn keep(&self, kept: Kept) -> Option<Kept> {
        let Limits {
            per_origin,
            total,
            idle: count,
        } = &*self.limits;
        let mut idle = self.idle.lock();
        if idle.is_forgotten {
            return Some(kept);
        }
        let one_more = |count: usize| (count < *total).then_some(count + 1);
        let has_room = idle.kept.len() < *per_origin
            && count
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
                .is_ok();
        if has_room {
            idle.kept.push_back(kept);
            return None;
        }
        match idle.kept.pop_front() {
            Some(oldest) => {
                idle.kept.push_back(kept);
                Some(oldest)
            }
            None => Some(kept),
        }
    }

    /// Whether the origin has been unused for long.
    fn sweep(&self, now: Instant) -> bool {
        let mut gone = Vec::new();
        let mut idle = self.idle.lock();
        let is_old = |kept: &Kept| now.saturating_duration_since(kept.since) >= IDLE;
        let old = idle.kept.iter().take_while(|kept| is_old(kept)).count();
        gone.extend(idle.kept.drain(..old));
        if !idle.kept.is_empty() {
            let speaking = speaking(&idle.kept);
            let kept = std::mem::take(&mut idle.kept);
            for (kept, speaks) in kept.into_iter().zip(speaking) {
                match speaks {
                    true => gone.push(kept),
                    false => idle.kept.push_back(kept),
                }
            }
        }
        drop(idle);
        self.limits.idle.fetch_sub(gone.len(), Ordering::AcqRel);
        drop(gone);
        self.is_unused(now)
    }

    fn is_unused(&self, now: Instant) -> bool {
        let idle = self.idle.lock();
        idle.kept.is_empty() && now.saturating_duration_since(idle.called) >= REMEMBERED
    }

    fn close(&self) {
        let kept = {
            let mut idle = self.idle.lock();
            idle.is_forgotten = true;
            std::mem::take(&mut idle.kept)
        };
        self.limits.idle.fetch_sub(kept.len(), Ordering::AcqRel);
    }
}

/// The idle connections that have something to read, such as their end.
fn speaking(kept: &VecDeque<Kept>) -> Vec<bool> {
    let fds = kept.iter().map(|kept| kept.connection.fd());
    let mut fds: Vec<PollFd<'_>> = fds
        .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
        .collect();
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    match poll(&mut fds, Some(&at_once)) {
        Ok(_) => fds.iter().map(|fd| !fd.revents().is_empty()).collect(),
        Err(_) => vec![false; fds.len()],
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::super::trust::System;
    use super::*;
    use crate::provider::Variables;

    const NAME: Name<'static> = Name {
        is_tls: false,
        host: "h",
        port: 1,
        proxy: None,
    };

    fn trust() -> Arc<Trust> {
        let system = System::of(&Variables::new(|_| None));
        Arc::new(Trust::new(Arc::new(system), Vec::new()))
    }

    /// Connections, and their other ends.
    struct Far(TcpListener);

    impl Far {
        fn new() -> Self {
            Self(TcpListener::bind("127.0.0.1:0").unwrap())
        }

        fn connect(&self) -> (Connection, TcpStream) {
            let near = TcpStream::connect(self.0.local_addr().unwrap()).unwrap();
            let far = self.0.accept().unwrap().0;
            (Connection::new(near).unwrap(), far)
        }
    }

    /// A port tells connections apart.
    fn port(connection: &Connection) -> u16 {
        let address = rustix::net::getsockname(connection.fd()).unwrap();
        std::net::SocketAddr::try_from(address).unwrap().port()
    }

    #[test]
    fn the_last_is_the_first_and_the_rest_grow_old() {
        let (far, pool, trust) = (Far::new(), Pool::new(9, 9), trust());
        let origin = pool.origin(NAME, &trust).unwrap();
        let start = Instant::now();
        let mut ends = Vec::new();
        let mut ports = Vec::new();
        for n in 0..3 {
            let (connection, end) = far.connect();
            ports.push(port(&connection));
            ends.push(end);
            origin.give_back(connection, start + Duration::from_secs(n));
        }
        for second in [10, 80] {
            let now = start + Duration::from_secs(second);
            let connection = origin.take(now).unwrap();
            assert_eq!(port(&connection), ports[2]);
            origin.give_back(connection, now);
        }
        assert_eq!(pool.idle(), 3);
        pool.sweep(start + Duration::from_secs(90));
        assert_eq!(pool.idle(), 2);
        let now = start + Duration::from_secs(91);
        assert_eq!(port(&origin.take(now).unwrap()), ports[2]);
        // Too old, though nobody has swept.
        assert!(origin.take(now).is_none());
        assert_eq!(pool.idle(), 0);
    }

    #[test]
    fn closed_ones_are_not_given_out_and_not_kept() {
        let (far, pool, trust) = (Far::new(), Pool::new(9, 9), trust());
        let origin = pool.origin(NAME, &trust).unwrap();
        let start = Instant::now();
        let (open, _end) = far.connect();
        let (closed, end) = far.connect();
        let open_port = port(&open);
        drop(end);
        while closed.is_quiet() {
            std::thread::yield_now();
        }
        origin.give_back(open, start);
        origin.give_back(closed, start);
        pool.sweep(start);
        assert_eq!(pool.idle(), 1);
        let (closed, end) = far.connect();
        drop(end);
        while closed.is_quiet() {
            std::thread::yield_now();
        }
        origin.give_back(closed, start);
        assert_eq!(port(&origin.take(start + SURE).unwrap()), open_port);
    }

    #[test]
    fn there_are_never_too_many() {
        let (far, trust) = (Far::new(), trust());
        for (per_origin, total, expected) in [
            (2, 9, [2, 4]),
            (9, 3, [3, 3]),
            (9, 9, [3, 6]),
            (0, 9, [0, 0]),
        ] {
            let pool = Pool::new(per_origin, total);
            let mut ends = Vec::new();
            for (port, expected) in [1, 2].into_iter().zip(expected) {
                let origin = pool.origin(Name { port, ..NAME }, &trust).unwrap();
                for _ in 0..3 {
                    let (connection, end) = far.connect();
                    ends.push(end);
                    origin.give_back(connection, Instant::now());
                }
                assert_eq!(pool.idle(), expected, "{per_origin} {total}");
            }
            pool.clear();
            assert_eq!(pool.idle(), 0);
        }
    }

    #[test]
    fn origins_are_told_apart_and_forgotten() {
        let (pool, one, other) = (Pool::new(9, 9), trust(), trust());
        let start = Instant::now();
        let names = [
            NAME,
            Name {
                is_tls: true,
                ..NAME
            },
            Name { host: "i", ..NAME },
            Name { port: 2, ..NAME },
            Name {
                proxy: Some("http://p:1"),
                ..NAME
            },
            Name {
                proxy: Some("http://p:2"),
                ..NAME
            },
        ];
        for _ in 0..2 {
            for name in names {
                assert!(pool.origin(name, &one).is_some());
            }
        }
        assert!(pool.origin(NAME, &other).is_some());
        assert_eq!(pool.origins(), names.len() + 1);
        let bad = Name {
            proxy: Some("ftp://p"),
            ..NAME
        };
        assert!(pool.origin(bad, &one).is_none());
        let used = pool.origin(NAME, &one).unwrap();
        pool.sweep(start);
        assert_eq!(pool.origins(), names.len() + 1);
        pool.sweep(Instant::now() + REMEMBERED);
        assert_eq!(pool.origins(), 1);
        let (connection, _end) = Far::new().connect();
        pool.clear();
        used.give_back(connection, Instant::now());
        assert_eq!((pool.origins(), pool.idle()), (0, 0));
    }
}
