//! Hundreds and thousands of concurrent slow streams.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::chat::{self, Pace, Text};
use crate::proxy::Proxy;
use crate::report::{Report, mebibytes, median, micros, millis, quantile};
use crate::watching::{Plan, Watched};
use crate::{Bench, MIB, client};

/// 200 ms between two events on average.
const FIVE_HUNDRED: Plan = Plan {
    streams: 500,
    pace: Pace {
        events: 50,
        pause: (100, 300),
    },
    ramp: Duration::from_secs(1),
};
/// The maximum delay of the slowest events, as a multiple of nginx's.
const DELAY_MULTIPLE: f64 = 1.3;
const RESIDENT_BYTES: u64 = 28 * MIB;
const SHORT_MEDIAN: Duration = Duration::from_millis(2);
/// Pause between two short requests.
const SHORT_PAUSE: Duration = Duration::from_millis(20);
/// Each stream outlasts the time in which all are opened.
const TWO_THOUSAND: Plan = Plan {
    streams: 2_000,
    pace: SLOW,
    ramp: Duration::from_secs(3),
};
const THREE_THOUSAND: Plan = Plan {
    streams: 3_000,
    ..TWO_THOUSAND
};
const SLOW: Pace = Pace {
    events: 15,
    pause: (300, 500),
};
const RESIDENT_BYTES_OF_TWO_THOUSAND: u64 = 90 * MIB;

pub fn relay(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let plan = FIVE_HUNDRED;
    let mut direct = plan.watch(bench.upstream.address)?;
    let mut yardstick = plan.watch(bench.start_nginx()?.address)?;
    let (mut streams, mut meanwhile) = held(&bench.start()?, plan)?;

    complete(report, "500 slow streams", plan, &streams);
    let p99 = quantile(&mut streams.delays, 0.99);
    let multiple = p99.as_secs_f64() / quantile(&mut yardstick.delays, 0.99).as_secs_f64();
    report.figure(
        "500 slow streams: relay delay p99",
        &format!("{}, {multiple:.2} x nginx", micros(p99)),
        "<= 1.3 x nginx",
        multiple <= DELAY_MULTIPLE,
    );
    for (name, delays) in [
        ("gateway", &mut streams.delays),
        ("nginx", &mut yardstick.delays),
        ("without any proxy", &mut direct.delays),
    ] {
        report.note(&format!(
            "{name}: median {}, p99 {}, slowest {}",
            micros(median(delays)),
            micros(quantile(delays, 0.99)),
            millis(quantile(delays, 1.0)),
        ));
    }
    report.figure(
        "500 slow streams: resident memory",
        &mebibytes(meanwhile.resident),
        "<= 28 MiB",
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

/// Thousands of streams with the default limits.
pub fn thousands(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let (streams, meanwhile) = held(&bench.start()?, TWO_THOUSAND)?;
    complete(report, "2,000 slow streams", TWO_THOUSAND, &streams);
    report.figure(
        "2,000 slow streams: resident memory",
        &mebibytes(meanwhile.resident),
        "<= 90 MiB",
        meanwhile.resident <= RESIDENT_BYTES_OF_TWO_THOUSAND,
    );
    report.note(&format!("{} threads", meanwhile.threads));
    let (streams, meanwhile) = held(&bench.start()?, THREE_THOUSAND)?;
    complete(report, "3,000 slow streams", THREE_THOUSAND, &streams);
    report.note(&format!(
        "{} resident, {} threads, {} of {} short requests failed",
        mebibytes(meanwhile.resident),
        meanwhile.threads,
        meanwhile.failed,
        meanwhile.latencies.len() + meanwhile.failed,
    ));
    Ok(())
}

fn complete(report: &mut Report, what: &str, plan: Plan, watched: &Watched) {
    report.figure(
        &format!("{what}: complete"),
        &format!("{} with {} events", watched.complete, watched.delays.len()),
        "all",
        plan.is_fulfilled(watched),
    );
}

/// Measurements of the gateway while the streams run.
#[derive(Default)]
struct Meanwhile {
    latencies: Vec<Duration>,
    failed: usize,
    resident: u64,
    threads: usize,
}

/// Reads all streams to their ends, and measures the gateway meanwhile.
fn held(proxy: &Proxy, plan: Plan) -> io::Result<(Watched, Meanwhile)> {
    let over = AtomicBool::new(false);
    let (streams, meanwhile) = std::thread::scope(|scope| {
        let meanwhile = scope.spawn(|| look_after(proxy, plan, &over));
        let streams = plan.watch(proxy.address);
        over.store(true, Ordering::Release);
        (streams, meanwhile.join())
    });
    let meanwhile = meanwhile.map_err(|_| io::Error::other("the watching thread failed"))?;
    Ok((streams?, meanwhile?))
}

/// Measures after the ramp: the latency of sequential short requests, and the peak resident memory.
fn look_after(proxy: &Proxy, plan: Plan, over: &AtomicBool) -> io::Result<Meanwhile> {
    let mut seen = Meanwhile::default();
    let request = chat::request(plan.streams, 1024, Text::Prose);
    std::thread::sleep(plan.ramp);
    let mut stream = client::connect(proxy.address)?;
    // Reading the memory map takes a lock in the measured process, so it is done rarely and not during a request.
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
