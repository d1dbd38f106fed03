//! Five hundred conversations that are being answered slowly, at the same time.
//!
//! Every event carries the time at which the upstream made it. The delay is from there to the moment
//! the client has read it, so it holds the upstream's write, the gateway, and the client's read.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use memchr::memmem;
use mio::{Events, Interest, Poll, Token};

use crate::client;
use crate::framing::Messages;
use crate::proxy::Proxy;
use crate::report::{Report, mebibytes, median, micros, millis, quantile};
use crate::{Bench, MIB, chat, upstream};

const STREAMS: usize = 500;
/// The streams are opened evenly over this time.
const RAMP: Duration = Duration::from_secs(1);
/// 50 events, 200 ms apart on average and 300 ms at most, after the ramp, with room to spare.
const ALL_OVER: Duration = Duration::from_secs(25);
const DELAY_P99: Duration = Duration::from_millis(2);
const RESIDENT_BYTES: u64 = 40 * MIB;
const SHORT_MEDIAN: Duration = Duration::from_millis(2);
/// Pause between two short requests.
const SHORT_PAUSE: Duration = Duration::from_millis(20);

pub fn relay(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let mut direct = follow_streams(bench.upstream.address)?;
    let proxy = bench.start()?;
    let over = AtomicBool::new(false);
    let (streams, meanwhile) = std::thread::scope(|scope| {
        let meanwhile = scope.spawn(|| watch(&proxy, &over));
        let streams = follow_streams(proxy.address);
        over.store(true, Ordering::Release);
        (streams, meanwhile.join())
    });
    let mut streams = streams?;
    let mut meanwhile = meanwhile.map_err(|_| io::Error::other("the watching thread failed"))??;

    let complete = streams.complete == STREAMS;
    report.figure(
        "500 slow streams: complete",
        &format!("{} with {} events", streams.complete, streams.delays.len()),
        "all",
        complete && streams.delays.len() == STREAMS * upstream::EVENTS,
    );
    let p99 = quantile(&mut streams.delays, 0.99);
    report.figure(
        "500 slow streams: relay delay p99",
        &micros(p99),
        "<= 2 ms",
        p99 <= DELAY_P99,
    );
    report.note(&format!(
        "median {}, slowest {}; without any proxy: median {}, p99 {}, slowest {}",
        micros(median(&mut streams.delays)),
        millis(quantile(&mut streams.delays, 1.0)),
        micros(median(&mut direct.delays)),
        micros(quantile(&mut direct.delays, 0.99)),
        millis(quantile(&mut direct.delays, 1.0)),
    ));
    report.figure(
        "500 slow streams: resident memory",
        &mebibytes(meanwhile.resident),
        "<= 40 MiB",
        meanwhile.resident <= RESIDENT_BYTES,
    );
    report.note(&format!("{} threads", meanwhile.threads));
    let short = median(&mut meanwhile.latencies);
    report.figure(
        "500 slow streams: short request, median",
        &micros(short),
        "<= 2 ms",
        short <= SHORT_MEDIAN && meanwhile.failed == 0,
    );
    report.note(&format!(
        "p99 {} of {} requests, {} failed",
        micros(quantile(&mut meanwhile.latencies, 0.99)),
        meanwhile.latencies.len(),
        meanwhile.failed
    ));
    Ok(())
}

/// What was seen of the gateway while the streams were running.
#[derive(Default)]
struct Meanwhile {
    latencies: Vec<Duration>,
    failed: usize,
    resident: u64,
    threads: usize,
}

/// From the end of the ramp on: short requests one after another, and the highest resident memory.
fn watch(proxy: &Proxy, over: &AtomicBool) -> io::Result<Meanwhile> {
    let mut seen = Meanwhile::default();
    let request = chat::request(STREAMS, 1024);
    std::thread::sleep(RAMP);
    let mut stream = client::connect(proxy.address)?;
    // Reading the memory map takes a lock in the measured process: seldom, and not during a request.
    let mut next_look = Instant::now();
    while !over.load(Ordering::Acquire) {
        let began = Instant::now();
        match client::exchange(&mut stream, &request) {
            Ok(200) => seen.latencies.push(began.elapsed()),
            _ => {
                seen.failed += 1;
                stream = client::connect(proxy.address)?;
            }
        }
        if Instant::now() >= next_look {
            seen.resident = seen.resident.max(proxy.resident()?);
            seen.threads = seen.threads.max(proxy.threads());
            next_look += Duration::from_secs(1);
        }
        std::thread::sleep(SHORT_PAUSE);
    }
    Ok(seen)
}

struct Streams {
    complete: usize,
    delays: Vec<Duration>,
}

struct Stream {
    socket: mio::net::TcpStream,
    messages: Messages,
    /// The start of an event whose end has not come yet.
    partial: Vec<u8>,
}

/// Opens all streams and reads them to their ends.
fn follow_streams(address: SocketAddr) -> io::Result<Streams> {
    let mut poll = Poll::new()?;
    let mut open: Vec<Option<Stream>> = Vec::with_capacity(STREAMS);
    let mut followed = Streams {
        complete: 0,
        delays: Vec::with_capacity(STREAMS * upstream::EVENTS),
    };
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; 64 * 1024];
    let started = Instant::now();
    let mut ended = 0;
    while ended < STREAMS && started.elapsed() < ALL_OVER {
        while open.len() < STREAMS && started.elapsed() >= opening(open.len()) {
            let token = Token(open.len());
            let mut socket = client::connect(address)?;
            socket.write_all(&chat::stream_request(open.len()))?;
            socket.set_nonblocking(true)?;
            let mut socket = mio::net::TcpStream::from_std(socket);
            poll.registry()
                .register(&mut socket, token, Interest::READABLE)?;
            open.push(Some(Stream {
                socket,
                messages: Messages::default(),
                partial: Vec::new(),
            }));
        }
        match poll.poll(&mut events, Some(Duration::from_millis(1))) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &events {
            let slot = &mut open[event.token().0];
            let Some(stream) = slot else { continue };
            let complete = match stream.read(&mut buffer, &mut followed.delays) {
                Ok(false) => continue,
                Ok(true) => stream.messages.status() == 200,
                Err(_) => false,
            };
            followed.complete += usize::from(complete);
            ended += 1;
            *slot = None;
        }
    }
    Ok(followed)
}

/// When the stream with this index is opened.
fn opening(index: usize) -> Duration {
    RAMP.mul_f64(index as f64 / STREAMS as f64)
}

impl Stream {
    /// Reads what is there and notes the delay of each event in it; true at the end of the answer.
    fn read(&mut self, buffer: &mut [u8], delays: &mut Vec<Duration>) -> io::Result<bool> {
        loop {
            let read = match self.socket.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            };
            let arrived = chat::now_nanos();
            let partial = &mut self.partial;
            let fed = self.messages.feed(&buffer[..read], |body| {
                partial.extend_from_slice(body);
                while let Some(end) = memmem::find(partial, b"\n\n") {
                    if let Some(made) = chat::stamp(&partial[..end]) {
                        delays.push(Duration::from_nanos(arrived.saturating_sub(made)));
                    }
                    partial.drain(..end + 2);
                }
            })?;
            if fed.complete {
                return Ok(true);
            }
        }
    }
}
