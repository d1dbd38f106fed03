//! Many connections in all states, with stalls and resets.

use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::time::Duration;

use holdfast::unversioned::budget::Budget;
use holdfast::unversioned::edge::Limits;

use super::harness::{SetupOver, Wire, eventually, limits};
use super::tls_client::Tls;

const THREADS: usize = 4;

/// Pseudo-random numbers with a fixed seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

/// The steps of a client. `None` closes its side.
fn plan(random: &mut Random) -> Vec<Option<String>> {
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    let post = "POST /echo HTTP/1.1\r\nHost: h\r\n";
    let some = |text: &str| Some(text.to_owned());
    match random.below(12) {
        0 => vec![],
        1 => vec![some("GET /echo HT")],
        2 => vec![
            some("GET /echo HT"),
            some("TP/1.1\r\nHost: h\r\n"),
            some("\r\n"),
        ],
        3 => vec![some(&format!("{post}Content-Length: 9\r\n\r\nabc"))],
        4 => vec![
            some(&format!("{post}Transfer-Encoding: chunked\r\n\r\n5\r\nab")),
            some("cde\r\n0\r\n\r\n"),
        ],
        5 => vec![some(&get("/stream/20000"))],
        6 => vec![some(&get("/wait"))],
        7 => vec![some(&get("/wait")), None],
        8 => vec![some(&get("/echo").repeat(5)), None],
        9 => vec![
            some(&get("/cheap").repeat(3)),
            some("GET / HTTP/1.1\r\n\r\n"),
        ],
        10 => vec![some(&format!(
            "{post}Content-Length: 200000\r\n\r\n{}",
            "x".repeat(random.below(200_001))
        ))],
        _ => vec![some(&get("/panic")), some(&get("/echo"))],
    }
}

/// Drives `count` connections at a time, one step each in turn, and ends them in different ways.
fn drive<W: Wire>(setup: &SetupOver<W>, count: usize, seed: u64) {
    let mut random = Random(seed);
    let mut clients: Vec<(W, std::vec::IntoIter<Option<String>>)> = (0..count)
        .map(|_| (W::connect(setup.address), plan(&mut random).into_iter()))
        .collect();
    while !clients.is_empty() {
        let at = random.below(clients.len());
        let (wire, steps) = &mut clients[at];
        wire.tcp().set_nonblocking(true).unwrap();
        let is_over = match steps.next() {
            // A client that does not read or was refused may be disconnected; then its next steps fail.
            Some(Some(text)) => wire.write_all(text.as_bytes()).is_err() && random.below(2) == 0,
            Some(None) => wire.tcp().shutdown(Shutdown::Write).is_err(),
            None => true,
        };
        if random.below(4) == 0 {
            let _ = wire.read(&mut [0; 3000]);
        }
        if is_over || random.below(40) == 0 {
            let (wire, _) = clients.swap_remove(at);
            if random.below(3) == 0 {
                let socket = socket2::SockRef::from(wire.tcp());
                let _ = socket.set_linger(Some(Duration::ZERO));
            }
        }
    }
}

fn every_state<W: Wire>(connections: usize) {
    rlimit::increase_nofile_limit(1 << 16).unwrap();
    let limits = Limits {
        workers: 64,
        connections,
        head_timeout: Duration::from_millis(300),
        body_idle: Duration::from_millis(200),
        body_timeout: Duration::from_secs(1),
        write_stall: Duration::from_millis(500),
        idle: Duration::from_millis(400),
        linger: Duration::from_millis(300),
        queue_timeout: Duration::from_millis(200),
        thread_idle: Duration::from_millis(200),
        ..limits()
    };
    let setup = SetupOver::<W>::within(limits, Budget::new(8 << 20));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let setup = &setup;
            scope.spawn(move || drive(setup, connections / THREADS, 88_172_645 + thread as u64));
        }
    });
    eventually(|| setup.edge().connections() == 0);
    eventually(|| setup.edge().active() == 0);
    eventually(|| setup.budget.used() == 0);
    eventually(|| setup.shared.holding.load(Ordering::Acquire) == 0);
    eventually(|| setup.edge().threads() <= 4);
    for _ in 0..100 {
        assert_eq!(setup.client().get("/echo").status, 200);
    }
}

#[test]
fn two_thousand_connections_release_all_resources() {
    every_state::<TcpStream>(2000);
}

#[test]
fn tls_connections_release_all_resources() {
    every_state::<Tls>(400);
}
