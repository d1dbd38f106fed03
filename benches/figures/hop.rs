//! What the way through edge and lane costs: one and the same relay, once with the clients connected to
//! tiny_http, once behind the edge.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use holdfast::edge::{Edge, Hooks, Limits};

use crate::client::{self, Until};
use crate::helper::{self, Helper};
use crate::report::{Report, median, micros, middle};
use crate::{Bench, chat};

/// The command under which this program is a relay, followed by its way in and the upstream's address.
pub const COMMAND: &str = "relay";
const ALONE: &str = "alone";
const BEHIND_EDGE: &str = "behind-edge";

const CLIENTS: usize = 64;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(800);
/// Most that the median may grow, with one client.
const ADDED_MEDIAN_MICROS: f64 = 40.0;
/// Most CPU time per request with 64 clients, in multiples of tiny_http's alone.
const CPU_MULTIPLE: f64 = 1.5;

pub fn measure(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let upstream = bench.upstream.address.to_string();
    let alone = Helper::start(&[COMMAND, ALONE, &upstream])?;
    let behind_edge = Helper::start(&[COMMAND, BEHIND_EDGE, &upstream])?;
    let one = compare(&alone, &behind_edge, 1)?;
    let many = compare(&alone, &behind_edge, CLIENTS)?;

    let added = middle(one.iter().map(Pair::added_median_micros).collect());
    report.figure(
        "edge and lane: added to the median, 1 client",
        &format!("{added:.0} µs"),
        "<= 40 µs",
        added <= ADDED_MEDIAN_MICROS,
    );
    let multiple = middle(many.iter().map(Pair::cpu_multiple).collect());
    report.figure(
        "edge and lane: CPU, 64 clients",
        &format!("{multiple:.2} x tiny_http alone"),
        "<= 1.5 x",
        multiple <= CPU_MULTIPLE,
    );
    for (clients, pairs) in [(1, &one), (CLIENTS, &many)] {
        note(report, clients, "tiny_http alone", pairs, |pair| {
            &pair.alone
        });
        note(report, clients, "behind the edge", pairs, |pair| {
            &pair.behind_edge
        });
    }
    Ok(())
}

/// Two rounds, one after the other.
struct Pair {
    alone: Round,
    behind_edge: Round,
}

struct Round {
    median: Duration,
    per_second: f64,
    cpu_micros: f64,
}

impl Pair {
    fn added_median_micros(&self) -> f64 {
        let [alone, behind_edge] = [&self.alone, &self.behind_edge].map(|r| r.median.as_secs_f64());
        (behind_edge - alone) * 1e6
    }

    fn cpu_multiple(&self) -> f64 {
        self.behind_edge.cpu_micros / self.alone.cpu_micros
    }
}

fn compare(alone: &Helper, behind_edge: &Helper, clients: usize) -> io::Result<Vec<Pair>> {
    let requests: Vec<_> = (0..clients).map(|n| chat::request(n, 1024)).collect();
    // To warm up: threads, lanes, connections to the upstream.
    round(alone, &requests)?;
    round(behind_edge, &requests)?;
    let pair = |_| {
        Ok(Pair {
            alone: round(alone, &requests)?,
            behind_edge: round(behind_edge, &requests)?,
        })
    };
    (0..ROUNDS).map(pair).collect()
}

fn round(relay: &Helper, requests: &[Vec<u8>]) -> io::Result<Round> {
    // One after another, each confirmed by an answer: of connections opened at once tiny_http alone
    // would leave some waiting behind the others for ever.
    let mut streams = Vec::with_capacity(requests.len());
    for request in requests {
        let mut stream = client::connect(relay.address)?;
        client::exchange(&mut stream, request)?;
        streams.push(stream);
    }
    let before = relay.cpu()?;
    let mut outcome = client::closed_loop(streams, requests, Until::Elapsed(ROUND))?.all_well()?;
    let spent = relay.cpu()? - before;
    Ok(Round {
        per_second: outcome.per_second(),
        cpu_micros: spent.as_secs_f64() * 1e6 / outcome.answered as f64,
        median: median(&mut outcome.latencies),
    })
}

fn note(
    report: &Report,
    clients: usize,
    name: &str,
    pairs: &[Pair],
    which: impl Fn(&Pair) -> &Round,
) {
    let of =
        |value: fn(&Round) -> f64| middle(pairs.iter().map(|pair| value(which(pair))).collect());
    report.note(&format!(
        "{clients:>2} clients, {name}: median {}, {:.0} requests/s, {:.1} µs CPU per request",
        micros(Duration::from_secs_f64(of(|round| round
            .median
            .as_secs_f64()))),
        of(|round| round.per_second),
        of(|round| round.cpu_micros),
    ));
}

/// Serves until the parent ends. `way` is one of the two above.
pub fn serve(way: &str, upstream: &str) -> io::Result<()> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let address = listener.local_addr()?;
    if way == ALONE {
        let _server = start_alone(listener, upstream)?;
        helper::announce(address);
        helper::wait_for_parent();
        return Ok(());
    }
    let (agent, url) = (agent(), url(upstream));
    let limits = Limits {
        lanes: CLIENTS,
        ..Limits::default()
    };
    let hooks = Hooks {
        is_cheap: |_, _| false,
        on_lane: Box::new(move |mut lane| {
            let (agent, url) = (agent.clone(), url.clone());
            thread::Builder::new().spawn(move || {
                while let Ok(delivery) = lane.receive() {
                    if relay(&delivery.body, &agent, &url, &mut lane).is_err() {
                        return;
                    }
                }
            })?;
            Ok(())
        }),
    };
    let edge = Edge::start(vec![listener], limits, hooks, None)?;
    helper::announce(address);
    helper::wait_for_parent();
    edge.stop();
    Ok(())
}

/// On tiny_http, with one thread for each client.
fn start_alone(listener: TcpListener, upstream: &str) -> io::Result<Arc<tiny_http::Server>> {
    let server = tiny_http::Server::from_listener(listener, None)
        .map_err(|error| io::Error::other(error.to_string()))?;
    let server = Arc::new(server);
    let (agent, url) = (agent(), url(upstream));
    for _ in 0..CLIENTS {
        let (server, agent, url) = (Arc::clone(&server), agent.clone(), url.clone());
        thread::spawn(move || {
            while let Ok(mut request) = server.recv() {
                let mut body = Vec::with_capacity(request.body_length().unwrap_or(0));
                if request.as_reader().read_to_end(&mut body).is_ok() {
                    // A client that has gone needs no answer.
                    relay(&body, &agent, &url, &mut request.into_writer()).ok();
                }
            }
        });
    }
    Ok(server)
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_idle_connections(CLIENTS)
        .max_idle_connections_per_host(CLIENTS)
        .build()
        .into()
}

fn url(upstream: &str) -> String {
    format!("http://{upstream}{}", chat::PATH)
}

/// The plainest gateway there can be: each request goes to the upstream as it is.
fn relay(body: &[u8], agent: &ureq::Agent, url: &str, out: &mut impl Write) -> io::Result<()> {
    let response = agent
        .post(url)
        .content_type("application/json")
        .send(body)
        .map_err(io::Error::other)?;
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        response.body().content_length().unwrap_or(0)
    )
    .into_bytes();
    response
        .into_body()
        .into_reader()
        .read_to_end(&mut answer)?;
    out.write_all(&answer)?;
    out.flush()
}
