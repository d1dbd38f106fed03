//! Resources after five hundred streams: immediately, and a minute later.

use std::time::Duration;
use std::{io, thread};

use crate::chat::{self, Pace, Text};
use crate::proxy::Proxy;
use crate::report::{Report, mebibytes};
use crate::throughput::{self, Length, Pair, middle_of};
use crate::watching::Plan;
use crate::{Bench, MIB, client};

/// All streams are open at the same time: each lasts longer than opening them.
const STREAMS: Plan = Plan {
    streams: 500,
    pace: Pace {
        events: 10,
        pause: (80, 120),
    },
    ramp: Duration::from_millis(300),
};
/// Shorter than the idle timeout of the threads that served the streams.
const LENGTH: Length = Length {
    pairs: 3,
    round: Duration::from_secs(1),
};
/// The tolerated difference in CPU time and requests to a new process.
const AS_FRESH: f64 = 0.1;
const REST: Duration = Duration::from_secs(60);
const THREADS: usize = 16;
const GROWTH_BYTES: u64 = 4 * MIB;
/// Time for work after the first answer.
const SETTLE: Duration = Duration::from_millis(500);

pub fn measure(bench: &Bench, report: &mut Report) -> io::Result<()> {
    at_once(bench, report)?;
    a_minute_later(bench, report)
}

fn at_once(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let (used, fresh) = (bench.start()?, bench.start()?);
    for (clients, what) in [
        (64, "after 500 streams, 64 connections"),
        (1, "after 500 streams, 1 connection"),
    ] {
        stream(&used)?;
        let state = format!(
            "{} threads, {} open files",
            used.threads(),
            used.descriptors()
        );
        let requests: Vec<_> = (0..clients)
            .map(|n| chat::request(n, 1024, Text::Prose))
            .collect();
        let pairs = throughput::compare(bench, [&used, &fresh], &requests, LENGTH)?;
        let rates = middle_of(&pairs, Pair::rates);
        report.figure(
            &format!("{what}: requests/s"),
            &format!("{rates:.2} of fresh"),
            ">= 0.9 of fresh",
            rates >= 1.0 - AS_FRESH,
        );
        let cpus = middle_of(&pairs, Pair::cpus);
        report.figure(
            &format!("{what}: CPU"),
            &format!("{cpus:.2} x fresh"),
            "<= 1.1 x fresh",
            cpus <= 1.0 + AS_FRESH,
        );
        report.note(&format!(
            "{state}; {} threads, {} open files when measured",
            used.threads(),
            used.descriptors()
        ));
        throughput::note(report, ["after streams", "fresh"], &pairs);
    }
    Ok(())
}

fn a_minute_later(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let proxy = bench.start()?;
    let request = chat::request(STREAMS.streams, 1024, Text::Prose);
    let status = client::exchange(&mut client::connect(proxy.address)?, &request)?;
    if status != 200 {
        return Err(io::Error::other(format!("status {status}")));
    }
    thread::sleep(SETTLE);
    let before = proxy.resident()?;
    stream(&proxy)?;
    let (threads_then, then) = (proxy.threads(), proxy.resident()?);
    thread::sleep(REST);
    let threads = proxy.threads();
    report.figure(
        "60 s after 500 streams: threads",
        &threads.to_string(),
        "<= 16",
        threads <= THREADS,
    );
    let growth = proxy.resident()?.saturating_sub(before);
    report.figure(
        "60 s after 500 streams: memory",
        &format!("+{}", mebibytes(growth)),
        "<= 4 MiB more",
        growth <= GROWTH_BYTES,
    );
    report.note(&format!(
        "{} before; right after the streams {} and {threads_then} threads",
        mebibytes(before),
        mebibytes(then)
    ));
    Ok(())
}

fn stream(proxy: &Proxy) -> io::Result<()> {
    let watched = STREAMS.watch(proxy.address)?;
    match STREAMS.is_fulfilled(&watched) {
        true => Ok(()),
        false => Err(io::Error::other("a stream was not complete")),
    }
}
