//! Clients that are merely there, and clients that come all at once.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::client::{self, Until};
use crate::report::{Report, mebibytes, median, micros, millis};
use crate::{Bench, MIB, chat};

const IDLE_CONNECTIONS: usize = 5_000;
const GROWTH_BYTES: u64 = 32 * MIB;
/// New connections, one request on each, for a median.
const PROBES: usize = 400;
/// "As fast as before" allows for the noise of two medians taken seconds apart.
const AS_FAST: f64 = 1.25;
const BURST: usize = 300;

pub fn idle(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let proxy = bench.start()?;
    probe(proxy.address)?;
    let before = probe(proxy.address)?;
    let resident_before = proxy.resident()?;
    let mut kept = Vec::with_capacity(IDLE_CONNECTIONS);
    let health = chat::health_request();
    for _ in 0..IDLE_CONNECTIONS {
        let mut stream = client::connect(proxy.address)?;
        match client::exchange(&mut stream, &health)? {
            200 => kept.push(stream),
            status => return Err(io::Error::other(format!("/healthz gave {status}"))),
        }
    }
    let after = probe(proxy.address)?;
    let growth = proxy.resident()?.saturating_sub(resident_before);
    report.figure(
        "5,000 idle connections: memory",
        &format!("+{}", mebibytes(growth)),
        "<= 32 MiB more",
        growth <= GROWTH_BYTES,
    );
    report.figure(
        "5,000 idle connections: new request, median",
        &format!("{}, before {}", micros(after), micros(before)),
        "as before (<= 1.25 x)",
        after.as_secs_f64() <= before.as_secs_f64() * AS_FAST,
    );
    report.note(&format!(
        "each kept after one answered request; {} threads",
        proxy.threads()
    ));
    Ok(())
}

pub fn burst(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let proxy = bench.start()?;
    let requests: Vec<_> = (0..BURST).map(|n| chat::request(n, 1024)).collect();
    let streams = client::open(proxy.address, BURST)?;
    let mut outcome = client::closed_loop(streams, &requests, Until::Each(1))?;
    report.figure(
        "300 connections in one burst, kept open",
        &format!("{} answered", outcome.answered),
        "every one",
        outcome.answered == BURST as u64,
    );
    report.note(&format!(
        "median {}, the last after {}; {} failed; {} threads",
        millis(median(&mut outcome.latencies)),
        millis(outcome.elapsed),
        outcome.failed,
        proxy.threads()
    ));
    Ok(())
}

/// Median time from opening a connection to the answer of a chat request on it.
fn probe(address: SocketAddr) -> io::Result<Duration> {
    let request = chat::request(0, 1024);
    let mut times = Vec::with_capacity(PROBES);
    for _ in 0..PROBES {
        let began = Instant::now();
        let mut stream = client::connect(address)?;
        match client::exchange(&mut stream, &request)? {
            200 => times.push(began.elapsed()),
            status => return Err(io::Error::other(format!("status {status}"))),
        }
    }
    Ok(median(&mut times))
}
