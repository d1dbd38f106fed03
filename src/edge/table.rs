//! The table of connections by key. A waiting connection is in the table; a worker takes it out, and puts it back or frees
//! its key.

use std::net::TcpStream;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::connection::{Connection, Phase};

/// Slots that are allocated together.
const CHUNK: usize = 256;
/// No deadline.
const NEVER: u64 = u64::MAX;

/// The connections and the free keys.
pub struct Table<T> {
    start: Instant,
    chunks: Vec<OnceLock<Box<[Slot<T>]>>>,
    free: Mutex<Free>,
    open: AtomicUsize,
}

/// Keys that are free: those given back, and all from `next` on.
struct Free {
    returned: Vec<usize>,
    next: usize,
}

/// A slot for a connection.
pub struct Slot<T> {
    inner: Mutex<Inner<T>>,
    /// The deadline of the connection, in milliseconds since the table was created.
    deadline: AtomicU64,
    /// Whether it can be closed to make room, and since when it is in its phase.
    standing: AtomicU8,
    since: AtomicU64,
}

struct Inner<T> {
    connection: Option<Box<Connection<T>>>,
    /// Distinguishes connections that use the same key successively.
    serial: u64,
    /// Used to break the connection while a worker has it.
    socket: Option<Arc<TcpStream>>,
}

/// Whether a connection can be closed to make room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Standing {
    /// It cannot, or the slot is empty.
    Busy = 0,
    /// It is idle.
    Idle = 1,
    /// It is within its first head or a handshake.
    Unknown = 2,
}

impl<T> Table<T> {
    /// With capacity for so many connections.
    pub fn new(connections: usize) -> Self {
        Self {
            start: Instant::now(),
            chunks: (0..connections.div_ceil(CHUNK))
                .map(|_| OnceLock::new())
                .collect(),
            free: Mutex::new(Free {
                returned: Vec::new(),
                next: 0,
            }),
            open: AtomicUsize::new(0),
        }
    }

    /// The number of used keys.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// A key for a new connection on `socket`, if one is free.
    pub fn reserve(&self, socket: Arc<TcpStream>) -> Option<usize> {
        let key = {
            let mut free = self.free.lock();
            match free.returned.pop() {
                Some(key) => key,
                None if free.next < self.chunks.len() * CHUNK => {
                    free.next += 1;
                    free.next - 1
                }
                None => return None,
            }
        };
        self.open.fetch_add(1, Ordering::AcqRel);
        let chunk = self.chunks.get(key / CHUNK)?;
        let slots = chunk.get_or_init(|| (0..CHUNK).map(|_| Slot::new()).collect());
        let mut inner = slots.get(key % CHUNK)?.inner.lock();
        inner.serial += 1;
        inner.socket = Some(socket);
        Some(key)
    }

    /// Frees the key of a closed connection.
    pub fn release(&self, key: usize) {
        if let Some(slot) = self.slot(key) {
            let mut inner = slot.inner.lock();
            inner.socket = None;
            inner.serial += 1;
            slot.quiet();
        }
        self.free.lock().returned.push(key);
        self.open.fetch_sub(1, Ordering::AcqRel);
    }

    fn slot(&self, key: usize) -> Option<&Slot<T>> {
        self.chunks.get(key / CHUNK)?.get()?.get(key % CHUNK)
    }

    fn slots(&self) -> impl Iterator<Item = (usize, &Slot<T>)> {
        let chunks = self.chunks.iter().map_while(OnceLock::get);
        chunks.flat_map(|slots| slots.iter()).enumerate()
    }

    /// The serial number of the connection that has this key.
    pub fn serial(&self, key: usize) -> u64 {
        self.slot(key).map_or(0, |slot| slot.inner.lock().serial)
    }

    /// Puts a connection back. `arm` is called before another thread can take it out.
    pub fn park(
        &self,
        key: usize,
        connection: Box<Connection<T>>,
        deadline: Option<Instant>,
        arm: impl FnOnce(&Connection<T>) -> std::io::Result<()>,
    ) -> Result<(), Box<Connection<T>>> {
        let Some(slot) = self.slot(key) else {
            return Err(connection);
        };
        let mut inner = slot.inner.lock();
        if let Err(error) = arm(&connection) {
            log::warn!("cannot watch a connection: {error}");
            return Err(connection);
        }
        let (standing, since) = standing(&connection);
        slot.since.store(self.millis(since), Ordering::Relaxed);
        slot.standing.store(standing as u8, Ordering::Relaxed);
        let deadline = deadline.map_or(NEVER, |at| self.millis(at));
        slot.deadline.store(deadline, Ordering::Relaxed);
        inner.connection = Some(connection);
        Ok(())
    }

    /// Takes a connection out, if it is in the table.
    pub fn take(&self, key: usize) -> Option<Box<Connection<T>>> {
        let slot = self.slot(key)?;
        slot.take(slot.inner.lock())
    }

    /// Takes a connection out, if it is in the table and `is_wanted`.
    pub fn take_if(
        &self,
        key: usize,
        is_wanted: impl FnOnce(&Connection<T>) -> bool,
    ) -> Option<Box<Connection<T>>> {
        let slot = self.slot(key)?;
        let inner = slot.inner.lock();
        match is_wanted(inner.connection.as_ref()?) {
            true => slot.take(inner),
            false => None,
        }
    }

    /// Calls `look` with a connection, if it is in the table and has this serial number.
    pub fn with_same<R>(
        &self,
        key: usize,
        serial: u64,
        look: impl FnOnce(&Connection<T>) -> R,
    ) -> Option<R> {
        let inner = self.slot(key)?.inner.lock();
        let connection = inner.connection.as_ref()?;
        (inner.serial == serial).then(|| look(connection))
    }

    /// Calls `change` with a connection, if it is in the table and has this serial number.
    pub fn change_same<R>(
        &self,
        key: usize,
        serial: u64,
        change: impl FnOnce(&mut Connection<T>) -> R,
    ) -> Option<R> {
        let mut inner = self.slot(key)?.inner.lock();
        if inner.serial != serial {
            return None;
        }
        inner.connection.as_deref_mut().map(change)
    }

    /// The keys of connections with a passed deadline.
    pub fn due(&self, now: Instant) -> impl Iterator<Item = usize> {
        let now = self.millis(now);
        self.slots()
            .filter(move |(_, slot)| slot.deadline.load(Ordering::Relaxed) <= now)
            .map(|(key, _)| key)
    }

    /// The keys of all connections in the table.
    pub fn parked(&self) -> impl Iterator<Item = usize> {
        self.slots()
            .filter(|(_, slot)| slot.inner.lock().connection.is_some())
            .map(|(key, _)| key)
    }

    /// The connection to close to make room: the one that has been idle longest, else the oldest without a request.
    pub fn take_dispensable(&self) -> Option<(usize, Box<Connection<T>>)> {
        for standing in [Standing::Idle, Standing::Unknown] {
            // Another thread may have taken it.
            for _ in 0..8 {
                let oldest = self
                    .slots()
                    .filter(|(_, slot)| slot.standing.load(Ordering::Relaxed) == standing as u8)
                    .min_by_key(|(_, slot)| slot.since.load(Ordering::Relaxed));
                let Some((key, slot)) = oldest else {
                    break;
                };
                let inner = slot.inner.lock();
                if slot.standing.load(Ordering::Relaxed) == standing as u8
                    && let Some(connection) = slot.take(inner)
                {
                    return Some((key, connection));
                }
            }
        }
        None
    }

    /// Breaks every connection, including those that workers have.
    pub fn break_all(&self) {
        for (_, slot) in self.slots() {
            if let Some(socket) = &slot.inner.lock().socket {
                let _ = socket.shutdown(std::net::Shutdown::Both);
            }
        }
    }

    /// Rounded up, so that no deadline passes too early.
    fn millis(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.start) + Duration::from_micros(999);
        u64::try_from(since.as_millis()).unwrap_or(NEVER - 1)
    }
}

impl<T> Slot<T> {
    fn new() -> Self {
        Self {
            inner: Mutex::new(Inner {
                connection: None,
                serial: 0,
                socket: None,
            }),
            deadline: AtomicU64::new(NEVER),
            standing: AtomicU8::new(Standing::Busy as u8),
            since: AtomicU64::new(0),
        }
    }

    fn take(&self, mut inner: MutexGuard<'_, Inner<T>>) -> Option<Box<Connection<T>>> {
        self.quiet();
        inner.connection.take()
    }

    fn quiet(&self) {
        self.deadline.store(NEVER, Ordering::Relaxed);
        self.standing.store(Standing::Busy as u8, Ordering::Relaxed);
    }
}

fn standing<T>(connection: &Connection<T>) -> (Standing, Instant) {
    match &connection.phase {
        Phase::Idle { since } | Phase::Lingering { since, .. } => (Standing::Idle, *since),
        Phase::Opening { since } => (Standing::Unknown, *since),
        Phase::Head { since } if !connection.is_known => (Standing::Unknown, *since),
        Phase::Head { since } => (Standing::Busy, *since),
        Phase::Body(incoming) => (Standing::Busy, incoming.began),
        Phase::Ready(pending) => (Standing::Busy, pending.arrived),
        Phase::Serving | Phase::Flushing(_) => (Standing::Busy, Instant::now()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener};

    use super::super::counters::Addresses;
    use super::super::stream::Stream;
    use super::*;

    fn connection(peer: SocketAddr, socket: &Arc<TcpStream>) -> Box<Connection<()>> {
        let place = Addresses::new(None).enter(peer.ip()).unwrap();
        let stream = Stream::new(Arc::clone(socket), None);
        Box::new(Connection::new(stream, peer, place, Instant::now()))
    }

    #[test]
    fn a_key_that_comes_back_has_nothing_of_its_last_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let socket = Arc::new(TcpStream::connect(address).unwrap());
        let table = Table::new(1);
        let key = table.reserve(Arc::clone(&socket)).unwrap();
        let serial = table.serial(key);
        let past = Some(Instant::now());
        let parked = table.park(key, connection(address, &socket), past, |_| Ok(()));
        assert!(parked.is_ok());
        let later = Instant::now() + Duration::from_secs(1);
        assert_eq!(table.due(later).collect::<Vec<_>>(), [key]);
        assert!(table.with_same(key, serial, |_| ()).is_some());
        drop(table.take(key).unwrap());
        assert_eq!(table.due(later).count(), 0);
        table.release(key);
        assert_eq!(table.open(), 0);

        assert_eq!(table.reserve(Arc::clone(&socket)), Some(key));
        let parked = table.park(key, connection(address, &socket), None, |_| Ok(()));
        assert!(parked.is_ok());
        assert_eq!(table.due(later).count(), 0);
        assert!(table.with_same(key, serial, |_| ()).is_none());
        assert!(table.take_dispensable().is_some());
        assert!(table.take_dispensable().is_none());
    }

    #[test]
    fn there_are_as_many_keys_as_there_is_room_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let socket = Arc::new(socket);
        let table: Table<()> = Table::new(CHUNK + 1);
        let keys: Vec<usize> = std::iter::from_fn(|| table.reserve(Arc::clone(&socket))).collect();
        assert_eq!(keys, (0..2 * CHUNK).collect::<Vec<_>>());
        table.release(300);
        assert_eq!(table.reserve(socket), Some(300));
    }
}
