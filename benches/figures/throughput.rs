//! Closed loops through the gateway and through nginx, in turns, to the same upstream.

use std::io;
use std::time::Duration;

use crate::client::{self, Until};
use crate::proxy::{Program, Proxy};
use crate::report::{Report, median, micros, middle};
use crate::{Bench, chat, process};

/// Pairs of rounds, one through the gateway and one through nginx.
const PAIRS: usize = 5;
const ROUND: Duration = Duration::from_millis(1200);
const WARM_UP: Duration = Duration::from_millis(500);
/// Least share of nginx's requests per second.
const RATE_SHARE: f64 = 0.25;
/// Most CPU time per request, in multiples of nginx's.
const CPU_MULTIPLE: f64 = 6.0;

pub fn small(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let pairs = compare(bench, 64, 1024)?;
    report_rate(report, "1 KiB chat, 64 connections", &pairs);
    report_cpu(report, "1 KiB chat, 64 connections", &pairs);
    note_both(report, &pairs);
    Ok(())
}

pub fn large(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let pairs = compare(bench, 4, 512 * 1024)?;
    report_rate(report, "512 KiB chat, 4 connections", &pairs);
    note_both(report, &pairs);
    Ok(())
}

/// Two rounds, one after the other, so that what else happens on the machine happens to both.
struct Pair {
    gateway: Round,
    nginx: Round,
}

struct Round {
    per_second: f64,
    median: Duration,
    /// CPU time per request, in microseconds.
    proxy_cpu: f64,
    upstream_cpu: f64,
    client_cpu: f64,
}

fn compare(bench: &Bench, clients: usize, size: usize) -> io::Result<Vec<Pair>> {
    let requests: Vec<_> = (0..clients).map(|n| chat::request(n, size)).collect();
    let gateway = bench.start()?;
    let nginx = bench.start_other(&Program::Nginx)?;
    for proxy in [&gateway, &nginx] {
        round(bench, proxy, &requests, WARM_UP)?;
    }
    let pair = |_| {
        Ok(Pair {
            gateway: round(bench, &gateway, &requests, ROUND)?,
            nginx: round(bench, &nginx, &requests, ROUND)?,
        })
    };
    (0..PAIRS).map(pair).collect()
}

fn round(bench: &Bench, proxy: &Proxy, requests: &[Vec<u8>], time: Duration) -> io::Result<Round> {
    let used = || -> io::Result<[Duration; 3]> {
        let client = process::cpu(std::process::id())?;
        Ok([proxy.cpu()?, bench.upstream.cpu()?, client])
    };
    let before = used()?;
    let streams = client::open(proxy.address, requests.len())?;
    let mut outcome = client::closed_loop(streams, requests, Until::Elapsed(time))?.all_well()?;
    let after = used()?;
    let each = |index: usize| {
        let spent: Duration = after[index] - before[index];
        spent.as_secs_f64() * 1e6 / outcome.answered as f64
    };
    Ok(Round {
        proxy_cpu: each(0),
        upstream_cpu: each(1),
        client_cpu: each(2),
        per_second: outcome.per_second(),
        median: median(&mut outcome.latencies),
    })
}

fn middle_of(pairs: &[Pair], value: impl Fn(&Pair) -> f64) -> f64 {
    middle(pairs.iter().map(value).collect())
}

fn report_rate(report: &mut Report, what: &str, pairs: &[Pair]) {
    let rate = middle_of(pairs, |pair| pair.gateway.per_second);
    let share = middle_of(pairs, |pair| {
        pair.gateway.per_second / pair.nginx.per_second
    });
    report.figure(
        &format!("{what}: requests/s"),
        &format!("{rate:.0}, {share:.2} of nginx"),
        ">= 1/4 of nginx",
        share >= RATE_SHARE,
    );
}

fn report_cpu(report: &mut Report, what: &str, pairs: &[Pair]) {
    let cpu = middle_of(pairs, |pair| pair.gateway.proxy_cpu);
    let multiple = middle_of(pairs, |pair| pair.gateway.proxy_cpu / pair.nginx.proxy_cpu);
    report.figure(
        &format!("{what}: CPU"),
        &format!("{cpu:.1} µs, {multiple:.2} x nginx"),
        "<= 6 x nginx",
        multiple <= CPU_MULTIPLE,
    );
}

fn note_both(report: &Report, pairs: &[Pair]) {
    note(report, "gateway", pairs, |pair| &pair.gateway);
    note(report, "nginx", pairs, |pair| &pair.nginx);
}

fn note(report: &Report, name: &str, pairs: &[Pair], which: impl Fn(&Pair) -> &Round) {
    let of = |value: fn(&Round) -> f64| middle_of(pairs, |pair| value(which(pair)));
    let rates = pairs.iter().map(|pair| which(pair).per_second);
    let rates: Vec<_> = rates.map(|rate| format!("{rate:.0}")).collect();
    let latency = Duration::from_secs_f64(of(|round| round.median.as_secs_f64()));
    report.note(&format!(
        "{name}: {} requests/s; median {}; CPU per request {:.1} µs, upstream {:.1}, client {:.1}",
        rates.join(", "),
        micros(latency),
        of(|round| round.proxy_cpu),
        of(|round| round.upstream_cpu),
        of(|round| round.client_cpu),
    ));
}
