//! Closed loops through the gateway and through nginx, in turns, to the same upstream.

use std::io;
use std::time::Duration;

use crate::client::{self, Until};
use crate::proxy::{Program, Proxy};
use crate::report::{Report, median, micros, middle};
use crate::{Bench, chat, process};

/// Rounds of each, the gateway's and nginx's alternating.
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(2);
const WARM_UP: Duration = Duration::from_millis(500);
/// Least share of nginx's requests per second.
const RATE_SHARE: f64 = 0.25;
/// Most CPU time per request, in multiples of nginx's.
const CPU_MULTIPLE: f64 = 6.0;

pub fn small(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let compared = compare(bench, report, 64, 1024)?;
    compared.report_rate(report, "1 KiB chat, 64 connections");
    compared.report_cpu(report, "1 KiB chat, 64 connections");
    Ok(())
}

pub fn large(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let compared = compare(bench, report, 4, 512 * 1024)?;
    compared.report_rate(report, "512 KiB chat, 4 connections");
    Ok(())
}

/// The middle rounds of both.
struct Compared {
    gateway: Middle,
    nginx: Middle,
}

struct Middle {
    per_second: f64,
    /// CPU time per request, in microseconds.
    cpu_micros: f64,
}

fn compare(bench: &Bench, report: &Report, clients: usize, size: usize) -> io::Result<Compared> {
    let requests: Vec<_> = (0..clients).map(|n| chat::request(n, size)).collect();
    let gateway = bench.start()?;
    let nginx = bench.start_other(&Program::Nginx)?;
    for proxy in [&gateway, &nginx] {
        client::closed_loop(proxy.address, &requests, Until::Elapsed(WARM_UP))?;
    }
    let mut rounds = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (proxy, rounds) in [&gateway, &nginx].into_iter().zip(&mut rounds) {
            rounds.push(round(bench, proxy, &requests)?);
        }
    }
    let [gateway, nginx] = rounds;
    let compared = Compared {
        gateway: summarise(report, "gateway", gateway),
        nginx: summarise(report, "nginx", nginx),
    };
    Ok(compared)
}

struct Round {
    per_second: f64,
    median: Duration,
    /// CPU time per request of the proxy, the upstream and the client, in microseconds.
    cpu_micros: [f64; 3],
}

fn round(bench: &Bench, proxy: &Proxy, requests: &[Vec<u8>]) -> io::Result<Round> {
    let used = || -> io::Result<[Duration; 3]> {
        let client = process::cpu(std::process::id())?;
        Ok([proxy.cpu()?, bench.upstream.cpu()?, client])
    };
    let before = used()?;
    let mut outcome = client::closed_loop(proxy.address, requests, Until::Elapsed(ROUND))?;
    let after = used()?;
    if outcome.failed > 0 {
        let failed = outcome.failed;
        return Err(io::Error::other(format!("{failed} connections failed")));
    }
    let each = |index: usize| {
        let spent: Duration = after[index] - before[index];
        spent.as_secs_f64() * 1e6 / outcome.answered as f64
    };
    Ok(Round {
        cpu_micros: [each(0), each(1), each(2)],
        per_second: outcome.per_second(),
        median: median(&mut outcome.latencies),
    })
}

fn summarise(report: &Report, name: &str, rounds: Vec<Round>) -> Middle {
    let rates: Vec<_> = rounds.iter().map(|round| round.per_second).collect();
    let of = |index: usize| middle(rounds.iter().map(|round| round.cpu_micros[index]).collect());
    let mut medians: Vec<_> = rounds.iter().map(|round| round.median).collect();
    let shown: Vec<_> = rates.iter().map(|rate| format!("{rate:.0}")).collect();
    report.note(&format!(
        "{name}: {} requests/s; median {}; CPU per request: own {:.1}, upstream {:.1}, client {:.1} µs",
        shown.join(", "),
        micros(median(&mut medians)),
        of(0),
        of(1),
        of(2)
    ));
    Middle {
        per_second: middle(rates),
        cpu_micros: of(0),
    }
}

impl Compared {
    fn report_rate(&self, report: &mut Report, what: &str) {
        let share = self.gateway.per_second / self.nginx.per_second;
        report.figure(
            &format!("{what}: requests/s"),
            &format!("{:.0}, {share:.2} of nginx", self.gateway.per_second),
            ">= 1/4 of nginx",
            share >= RATE_SHARE,
        );
    }

    fn report_cpu(&self, report: &mut Report, what: &str) {
        let multiple = self.gateway.cpu_micros / self.nginx.cpu_micros;
        report.figure(
            &format!("{what}: CPU"),
            &format!("{:.1} µs, {multiple:.2} x nginx", self.gateway.cpu_micros),
            "<= 6 x nginx",
            multiple <= CPU_MULTIPLE,
        );
    }
}
