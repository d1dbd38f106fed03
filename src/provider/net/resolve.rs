//! Name resolution with a cache.
//!
//! The system's resolver cannot be interrupted, so it runs on a limited number of separate threads. Concurrent requests
//! for the same name share a lookup and wait for it with their [`Waiter`]s.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::event::PollFlags;

use super::connection::late;
use crate::exchange::Waiter;

/// How long an answer is used. The system's resolver does not return a TTL.
const FRESH: Duration = Duration::from_secs(30);
/// How long an expired answer is used if the name cannot be resolved.
const USABLE: Duration = Duration::from_secs(600);
/// The longest wait for a lookup. By then the system's resolver has tried its servers twice by default
/// (resolv.conf(5): 5 s, 2 attempts).
const LOOKUP: Duration = Duration::from_secs(30);
/// The most names in the cache.
const NAMES: usize = 256;
/// The most addresses per name.
const ADDRESSES: usize = 16;
/// Concurrent lookups; more are queued.
const THREADS: usize = 16;
/// Stack size of a lookup thread, bytes.
const STACK: usize = 256 * 1024;

/// Resolves names.
#[derive(Clone)]
pub struct Lookup(Arc<Shared>);

type Resolver = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

struct Shared {
    resolver: Box<Resolver>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: HashMap<String, Known>,
    asked: HashMap<String, Asked>,
    /// Names that are queued for a thread.
    queue: VecDeque<String>,
    threads: usize,
    next: u64,
}

struct Known {
    addresses: Arc<[IpAddr]>,
    since: Instant,
}

/// A lookup that is running or queued.
#[derive(Default)]
struct Asked {
    /// Dropped when there is an answer, which ends the waits at the other ends.
    callers: Vec<(u64, UnixStream)>,
    answer: Arc<Answer>,
}

/// The result of a lookup: addresses, or an error message.
type Answer = OnceLock<Result<Arc<[IpAddr]>, String>>;

impl Default for Lookup {
    fn default() -> Self {
        Self::new(|name| {
            let found = (name, 0).to_socket_addrs()?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

impl Lookup {
    /// Resolves names with `resolver`.
    fn new(resolver: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared {
            resolver: Box::new(resolver),
            state: Mutex::default(),
        }))
    }

    /// The addresses of a name, or of an address without brackets.
    ///
    /// # Errors
    /// When the name does not exist or cannot be resolved in time, or the wait is interrupted.
    pub fn find(&self, name: &str, waiter: &Waiter) -> io::Result<Arc<[IpAddr]>> {
        if let Ok(address) = name.parse() {
            return Ok(Arc::new([address]));
        }
        let known = self.known(name, FRESH, Instant::now());
        match known {
            Some(addresses) => Ok(addresses),
            None => self.ask(name, waiter),
        }
    }

    /// A cached answer that is less than `age` old.
    fn known(&self, name: &str, age: Duration, now: Instant) -> Option<Arc<[IpAddr]>> {
        let state = self.0.state.lock();
        let known = state.known.get(name)?;
        let is_usable = now.saturating_duration_since(known.since) < age;
        is_usable.then(|| Arc::clone(&known.addresses))
    }

    #[inline(never)]
    fn ask(&self, name: &str, waiter: &Waiter) -> io::Result<Arc<[IpAddr]>> {
        let (near, far) = UnixStream::pair()?;
        let (id, answer) = self.join(name, far);
        let limit = Instant::now().checked_add(LOOKUP);
        let waited = waiter.wait(Some((near.as_fd(), PollFlags::IN)), limit);
        if !matches!(waited, Ok(true)) {
            self.leave(name, id);
        }
        waited?;
        let failure = match answer.get() {
            Some(Ok(addresses)) => return Ok(Arc::clone(addresses)),
            Some(Err(message)) => io::Error::other(message.as_str()),
            None => late(),
        };
        self.known(name, USABLE, Instant::now()).ok_or(failure)
    }

    /// Joins or begins the lookup of a name. `end` is dropped when it is complete.
    fn join(&self, name: &str, end: UnixStream) -> (u64, Arc<Answer>) {
        let mut state = self.0.state.lock();
        let state = &mut *state;
        let id = state.next;
        state.next += 1;
        if let Some(asked) = state.asked.get_mut(name) {
            asked.callers.push((id, end));
            return (id, Arc::clone(&asked.answer));
        }
        let asked = state.asked.entry(name.to_owned()).or_default();
        asked.callers.push((id, end));
        let answer = Arc::clone(&asked.answer);
        state.queue.push_back(name.to_owned());
        if state.threads < THREADS {
            let lookup = self.clone();
            let thread = std::thread::Builder::new()
                .name("resolve".to_owned())
                .stack_size(STACK)
                .spawn(move || lookup.work());
            match thread {
                Ok(_) => state.threads += 1,
                // A running thread will take it.
                Err(_) if state.threads > 0 => {}
                Err(error) => {
                    let _ = answer.set(Err(error.to_string()));
                    state.queue.retain(|queued| queued != name);
                    state.asked.remove(name);
                }
            }
        }
        (id, answer)
    }

    /// Records that a caller stopped waiting. A queued lookup without callers is cancelled.
    fn leave(&self, name: &str, id: u64) {
        let mut state = self.0.state.lock();
        let state = &mut *state;
        let Some(asked) = state.asked.get_mut(name) else {
            return;
        };
        asked.callers.retain(|(caller, _)| *caller != id);
        if asked.callers.is_empty() && state.queue.iter().any(|queued| queued == name) {
            state.queue.retain(|queued| queued != name);
            state.asked.remove(name);
        }
    }

    /// Resolves queued names until none is left.
    fn work(&self) {
        loop {
            let name = {
                let mut state = self.0.state.lock();
                match state.queue.pop_front() {
                    Some(name) => name,
                    None => {
                        state.threads -= 1;
                        return;
                    }
                }
            };
            let found = match (self.0.resolver)(&name) {
                Ok(found) if found.is_empty() => Err("the name does not exist".to_owned()),
                Ok(found) => Ok(found.into_iter().take(ADDRESSES).collect()),
                Err(error) => Err(error.to_string()),
            };
            let mut state = self.0.state.lock();
            if let Ok(addresses) = &found {
                state.remember(name.clone(), Arc::clone(addresses), Instant::now());
            }
            if let Some(asked) = state.asked.remove(&name) {
                let _ = asked.answer.set(found);
            }
        }
    }
}

impl State {
    fn remember(&mut self, name: String, addresses: Arc<[IpAddr]>, now: Instant) {
        let known = &mut self.known;
        if known.len() >= NAMES && !known.contains_key(&name) {
            known.retain(|_, known| now.saturating_duration_since(known.since) < FRESH);
        }
        if known.len() < NAMES || known.contains_key(&name) {
            let since = now;
            known.insert(name, Known { addresses, since });
        }
    }
}

#[cfg(test)]
mod tests {

    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::exchange::Interruption;
    use crate::exchange::test_client::pair as client;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    /// A lookup that answers once for each message, and counts how often it is asked.
    fn held() -> (Lookup, mpsc::Sender<()>, Arc<AtomicUsize>) {
        let (go, gone) = mpsc::channel();
        let (gone, count) = (Mutex::new(gone), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&count);
        let lookup = Lookup::new(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = gone.lock().recv();
            Ok(vec![ADDRESS])
        });
        (lookup, go, count)
    }

    fn until(holds: impl Fn() -> bool) {
        while !holds() {
            thread::yield_now();
        }
    }

    fn callers(lookup: &Lookup) -> usize {
        let state = lookup.0.state.lock();
        state.asked.values().map(|asked| asked.callers.len()).sum()
    }

    #[test]
    fn a_remembered_name_is_not_asked_for_until_it_is_old() {
        let lookup = Lookup::new(|_| Err(io::Error::other("down")));
        let now = Instant::now();
        let remember = |age| {
            let since = now.checked_sub(age).unwrap();
            let mut state = lookup.0.state.lock();
            state.remember("h".to_owned(), Arc::new([ADDRESS]), since);
        };
        let waiter = Waiter::alone();
        for (age, is_usable) in [
            (Duration::ZERO, true),
            (FRESH, true),
            (USABLE / 2, true),
            (USABLE, false),
        ] {
            remember(age);
            assert_eq!(lookup.known("h", FRESH, now).is_some(), age < FRESH);
            let found = lookup.find("h", &waiter);
            assert_eq!(found.is_ok(), is_usable, "{age:?}");
            if let Err(error) = found {
                assert_eq!(error.to_string(), "down");
            }
        }
    }

    #[test]
    fn addresses_need_no_lookup() {
        let lookup = Lookup::new(|_| Err(io::Error::other("asked")));
        let waiter = Waiter::alone();
        for address in ["127.0.0.1", "::1"] {
            let found = lookup.find(address, &waiter).unwrap();
            assert_eq!(found[0].to_string(), address);
        }
        assert!(lookup.find("127.0.0.1.example", &waiter).is_err());
    }

    #[test]
    fn names_without_addresses_are_not_known() {
        let lookup = Lookup::new(|_| Ok(Vec::new()));
        let error = lookup.find("h", &Waiter::alone()).unwrap_err();
        assert_eq!(error.to_string(), "the name does not exist");
    }

    #[test]
    fn one_lookup_serves_all_who_ask_meanwhile() {
        let (lookup, go, count) = held();
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let lookup = lookup.clone();
                thread::spawn(move || lookup.find("h", &Waiter::alone()).unwrap()[0])
            })
            .collect();
        until(|| callers(&lookup) == 8);
        go.send(()).unwrap();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), ADDRESS);
        }
        assert_eq!(lookup.find("h", &Waiter::alone()).unwrap()[0], ADDRESS);
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn so_many_are_looked_up_at_a_time_and_the_rest_later() {
        let (lookup, go, count) = held();
        let names = THREADS + 4;
        let threads: Vec<_> = (0..names)
            .map(|name| {
                let lookup = lookup.clone();
                thread::spawn(move || lookup.find(&format!("h{name}"), &Waiter::alone()).is_ok())
            })
            .collect();
        until(|| callers(&lookup) == names && count.load(Ordering::SeqCst) == THREADS);
        assert_eq!(lookup.0.state.lock().threads, THREADS);
        for _ in 0..names {
            go.send(()).unwrap();
        }
        for thread in threads {
            assert!(thread.join().unwrap());
        }
        assert_eq!(count.load(Ordering::SeqCst), names);
        until(|| lookup.0.state.lock().threads == 0);
    }

    #[test]
    fn a_client_that_hangs_up_ends_its_wait_and_no_other() {
        let (lookup, go, count) = held();
        let staying = {
            let lookup = lookup.clone();
            thread::spawn(move || lookup.find("h", &Waiter::alone()).is_ok())
        };
        until(|| callers(&lookup) == 1);
        let (waiter, other) = client();
        let leaving = lookup.clone();
        let hangs_up = thread::spawn(move || {
            until(|| callers(&leaving) == 2);
            drop(other);
        });
        let error = lookup.find("h", &waiter).unwrap_err();
        assert_eq!(Interruption::of(&error), Some(Interruption::ClientGone));
        hangs_up.join().unwrap();
        assert_eq!(callers(&lookup), 1);
        go.send(()).unwrap();
        assert!(staying.join().unwrap());
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_not_looked_up() {
        let (lookup, go, count) = held();
        let busy: Vec<_> = (0..THREADS)
            .map(|name| {
                let lookup = lookup.clone();
                thread::spawn(move || lookup.find(&format!("h{name}"), &Waiter::alone()).is_ok())
            })
            .collect();
        until(|| count.load(Ordering::SeqCst) == THREADS);
        let (waiter, other) = client();
        drop(other);
        assert!(lookup.find("late", &waiter).is_err());
        for _ in 0..THREADS {
            go.send(()).unwrap();
        }
        for thread in busy {
            assert!(thread.join().unwrap());
        }
        until(|| lookup.0.state.lock().threads == 0);
        assert_eq!(count.load(Ordering::SeqCst), THREADS);
    }
}
