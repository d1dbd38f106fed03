//! The cost of relaying events, alternating between the gateway and nginx.

use std::io;
use std::time::Duration;

use crate::Bench;
use crate::chat::{self, Pace};
use crate::proxy::Proxy;
use crate::report::{Report, micros, middle};
use crate::throughput::{self, Length};
use crate::watching::Plan;

/// An event every 20 ms, as models send them.
const PLAN: Plan = Plan {
    streams: 200,
    pace: Pace {
        events: 100,
        pause: (15, 25),
    },
    ramp: Duration::from_millis(500),
};
const PAIRS: usize = 3;
/// The maximum CPU time per event, as a multiple of nginx's.
const CPU_MULTIPLE: f64 = 1.4;

/// All events at once, as from a cache.
const BURST: Pace = Pace {
    events: 20,
    pause: (0, 0),
};
const BURST_CONNECTIONS: usize = 16;
const BURST_LENGTH: Length = Length {
    pairs: 3,
    round: Duration::from_secs(1),
};
/// The maximum time to the last event, as a multiple of nginx's.
const LAST_MULTIPLE: f64 = 1.8;

pub fn relayed(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let gateway = bench.start()?;
    let nginx = bench.start_nginx()?;
    let mut pairs = Vec::new();
    for _ in 0..PAIRS {
        pairs.push([cpu(&gateway)?, cpu(&nginx)?]);
    }
    let ratio = middle(pairs.iter().map(|[ours, nginx]| ours / nginx).collect());
    let [ours, theirs] = [0, 1].map(|which| middle(pairs.iter().map(|pair| pair[which]).collect()));
    report.figure(
        "events of 200 streams: CPU per event",
        &format!("{ours:.1} µs, {ratio:.2} x nginx"),
        "<= 1.4 x nginx",
        ratio <= CPU_MULTIPLE,
    );
    report.note(&format!("nginx {theirs:.1} µs"));

    let requests: Vec<_> = (0..BURST_CONNECTIONS)
        .map(|n| chat::stream_request(n, BURST))
        .collect();
    let pairs = throughput::compare(bench, [&gateway, &nginx], &requests, BURST_LENGTH)?;
    let of = |pair: &throughput::Pair| pair.measured.median.as_secs_f64();
    let last = Duration::from_secs_f64(throughput::middle_of(&pairs, of));
    let multiple = throughput::middle_of(&pairs, |pair| {
        of(pair) / pair.yardstick.median.as_secs_f64()
    });
    report.figure(
        "burst of 20 events: median to the last",
        &format!("{}, {multiple:.2} x nginx", micros(last)),
        "<= 1.8 x nginx",
        multiple <= LAST_MULTIPLE,
    );
    throughput::note(report, ["gateway", "nginx"], &pairs);
    Ok(())
}

/// CPU time per event, in microseconds.
fn cpu(proxy: &Proxy) -> io::Result<f64> {
    let before = proxy.cpu()?;
    let watched = PLAN.watch(proxy.address)?;
    if !PLAN.is_fulfilled(&watched) {
        return Err(io::Error::other("a stream was not complete"));
    }
    let spent = proxy.cpu()? - before;
    Ok(spent.as_secs_f64() * 1e6 / watched.delays.len() as f64)
}
