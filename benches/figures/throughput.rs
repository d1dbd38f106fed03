//! Closed loops through the gateway and nginx in turns, to the same upstream.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use crate::chat::Text;
use crate::client::{self, Until};
use crate::proxy::Proxy;
use crate::report::{Report, median, micros, middle};
use crate::{Bench, chat, process};

const WARM_UP: Duration = Duration::from_millis(500);
const LENGTH: Length = Length {
    pairs: 5,
    round: Duration::from_millis(1200),
};

/// The length of a measurement.
#[derive(Clone, Copy)]
pub struct Length {
    /// Pairs of rounds, one through the measured program and one through nginx.
    pub pairs: usize,
    pub round: Duration,
}

/// The targets relative to nginx.
struct Reach {
    /// The minimum share of nginx's requests per second.
    share: f64,
    /// The maximum CPU time per request, as a multiple of nginx's.
    multiple: f64,
}

pub fn small(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let many = Reach {
        share: 0.4,
        multiple: 3.5,
    };
    let requests = |clients| requests(clients, 1024, Text::Prose);
    beside_nginx(bench, report, "1 KiB, 64 connections", &requests(64), many)?;
    let one = Reach {
        share: 0.75,
        multiple: 2.0,
    };
    beside_nginx(bench, report, "1 KiB, 1 connection", &requests(1), one)
}

pub fn large(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let reach = Reach {
        share: 0.4,
        multiple: 4.5,
    };
    let requests = requests(4, 512 * 1024, Text::Code);
    beside_nginx(bench, report, "512 KiB, 4 connections", &requests, reach)
}

fn requests(clients: usize, size: usize, text: Text) -> Vec<Vec<u8>> {
    (0..clients).map(|n| chat::request(n, size, text)).collect()
}

fn beside_nginx(
    bench: &Bench,
    report: &mut Report,
    what: &str,
    requests: &[Vec<u8>],
    reach: Reach,
) -> io::Result<()> {
    let Reach { share, multiple } = reach;
    let (gateway, nginx) = (bench.start()?, bench.start_nginx()?);
    let pairs = compare(bench, [&gateway, &nginx], requests, LENGTH)?;
    let rate = middle_of(&pairs, |pair| pair.measured.per_second);
    let rates = middle_of(&pairs, Pair::rates);
    report.figure(
        &format!("{what}: requests/s"),
        &format!("{rate:.0}, {rates:.2} of nginx"),
        &format!(">= {share} of nginx"),
        rates >= share,
    );
    let cpu = middle_of(&pairs, |pair| pair.measured.proxy_cpu);
    let cpus = middle_of(&pairs, Pair::cpus);
    report.figure(
        &format!("{what}: CPU per request"),
        &format!("{cpu:.1} µs, {cpus:.2} x nginx"),
        &format!("<= {multiple} x nginx"),
        cpus <= multiple,
    );
    let switches = middle_of(&pairs, |pair| pair.measured.switches);
    report.reported(
        &format!("{what}: context switches"),
        &format!("{switches:.2} per request"),
    );
    note(report, ["gateway", "nginx"], &pairs);
    Ok(())
}

/// Two consecutive rounds, so that other load on the machine affects both.
pub struct Pair {
    pub measured: Round,
    pub yardstick: Round,
}

pub struct Round {
    pub per_second: f64,
    pub median: Duration,
    /// CPU time per request, in microseconds.
    pub proxy_cpu: f64,
    upstream_cpu: f64,
    client_cpu: f64,
    /// Context switches of the proxy per request.
    switches: f64,
}

impl Pair {
    /// Requests per second, as a share of nginx's.
    pub fn rates(&self) -> f64 {
        self.measured.per_second / self.yardstick.per_second
    }

    /// CPU time per request, as a multiple of nginx's.
    pub fn cpus(&self) -> f64 {
        self.measured.proxy_cpu / self.yardstick.proxy_cpu
    }
}

/// Sends each of `requests` on a connection of its own, to the first proxy and to the second in turns.
pub fn compare(
    bench: &Bench,
    [measured, yardstick]: [&Proxy; 2],
    requests: &[Vec<u8>],
    length: Length,
) -> io::Result<Vec<Pair>> {
    for proxy in [measured, yardstick] {
        round(bench, proxy, requests, WARM_UP)?;
    }
    let pair = |_| {
        Ok(Pair {
            measured: round(bench, measured, requests, length.round)?,
            yardstick: round(bench, yardstick, requests, length.round)?,
        })
    };
    (0..length.pairs).map(pair).collect()
}

fn round(bench: &Bench, proxy: &Proxy, requests: &[Vec<u8>], time: Duration) -> io::Result<Round> {
    let used = || -> io::Result<[Duration; 3]> {
        let client = process::cpu(std::process::id())?;
        Ok([proxy.cpu()?, bench.upstream.cpu()?, client])
    };
    let switched = proxy.switches()?;
    let before = used()?;
    let streams = client::open(proxy.address, requests.len())?;
    let mut outcome =
        client::closed_loop(streams, requests, Until::Elapsed(time))?.all_succeeded()?;
    let after = used()?;
    let switches = more(&switched, &proxy.switches()?);
    let each = |index: usize| {
        let spent: Duration = after[index] - before[index];
        spent.as_secs_f64() * 1e6 / outcome.answered as f64
    };
    Ok(Round {
        proxy_cpu: each(0),
        upstream_cpu: each(1),
        client_cpu: each(2),
        switches: switches as f64 / outcome.answered as f64,
        per_second: outcome.per_second(),
        median: median(&mut outcome.latencies),
    })
}

/// The increase of the counts of existing and new threads.
fn more(before: &HashMap<String, u64>, after: &HashMap<String, u64>) -> u64 {
    let added = |(thread, count): (&String, &u64)| {
        let earlier = before.get(thread).copied().unwrap_or(0);
        count.saturating_sub(earlier)
    };
    after.iter().map(added).sum()
}

pub fn middle_of(pairs: &[Pair], value: impl Fn(&Pair) -> f64) -> f64 {
    middle(pairs.iter().map(value).collect())
}

/// Prints the measurements of both programs under these names.
pub fn note(report: &Report, [measured, yardstick]: [&str; 2], pairs: &[Pair]) {
    note_one(report, measured, pairs, |pair| &pair.measured);
    note_one(report, yardstick, pairs, |pair| &pair.yardstick);
}

fn note_one(report: &Report, name: &str, pairs: &[Pair], which: impl Fn(&Pair) -> &Round) {
    let of = |value: fn(&Round) -> f64| middle_of(pairs, |pair| value(which(pair)));
    let rates = pairs.iter().map(|pair| which(pair).per_second);
    let rates: Vec<_> = rates.map(|rate| format!("{rate:.0}")).collect();
    let latency = Duration::from_secs_f64(of(|round| round.median.as_secs_f64()));
    report.note(&format!(
        "{name}: {} requests/s; median {}; CPU per request {:.1} µs, upstream {:.1}, client {:.1}; {:.2} switches",
        rates.join(", "),
        micros(latency),
        of(|round| round.proxy_cpu),
        of(|round| round.upstream_cpu),
        of(|round| round.client_cpu),
        of(|round| round.switches),
    ));
}
