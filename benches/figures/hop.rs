//! What the way through edge and lane costs: one and the same relay on tiny_http, once with the clients
//! connected to tiny_http, once behind the edge.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use holdfast::edge::{Edge, Hooks, Limits};
use holdfast::server::envelope;
use holdfast::server::lane::{LaneAddress, Presence};

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
        let _relay = Relay::start(listener, upstream, None)?;
        helper::announce(address);
        helper::wait_for_parent();
        return Ok(());
    }
    let (lanes, lane_address) = LaneAddress::bind()?;
    let limits = Limits {
        lanes: CLIENTS,
        ..Limits::default()
    };
    let presence = Presence::new(limits.lanes + limits.reserved_lanes)?;
    let _relay = Relay::start(lanes, upstream, Some(&presence))?;
    let hooks = Hooks {
        is_cheap: |_, _| false,
        on_lane: Box::new(|_| {}),
    };
    let edge = Edge::start(
        vec![listener],
        Arc::new(lane_address),
        presence,
        limits,
        hooks,
    )?;
    helper::announce(address);
    helper::wait_for_parent();
    edge.stop();
    Ok(())
}

/// The plainest gateway there can be: each request goes to the upstream as it is.
struct Relay {
    _server: Arc<tiny_http::Server>,
}

impl Relay {
    /// With `presence`, requests come in the edge's envelopes.
    fn start(
        listener: impl Into<tiny_http::Listener>,
        upstream: &str,
        presence: Option<&Arc<Presence>>,
    ) -> io::Result<Self> {
        let server = tiny_http::Server::from_listener(listener, None)
            .map_err(|error| io::Error::other(error.to_string()))?;
        let server = Arc::new(server);
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_idle_connections(CLIENTS)
            .max_idle_connections_per_host(CLIENTS)
            .build()
            .into();
        let url = format!("http://{upstream}{}", chat::PATH);
        for _ in 0..CLIENTS {
            let (server, agent, url) = (Arc::clone(&server), agent.clone(), url.clone());
            let presence = presence.cloned();
            thread::spawn(move || {
                while let Ok(request) = server.recv() {
                    // A client that has gone needs no answer.
                    relay(request, &agent, &url, presence.as_deref()).ok();
                }
            });
        }
        Ok(Self { _server: server })
    }
}

fn relay(
    mut request: tiny_http::Request,
    agent: &ureq::Agent,
    url: &str,
    presence: Option<&Presence>,
) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(request.body_length().unwrap_or(0));
    request.as_reader().read_to_end(&mut bytes)?;
    let envelope = presence.and_then(|presence| envelope::unwrap(&bytes, presence));
    let body = match &envelope {
        Some(envelope) => &bytes[envelope.body_start..],
        None => &bytes,
    };
    let mut answer = Vec::new();
    // The edge's first question on a lane, which is not for the upstream, has none.
    if !body.is_empty() {
        let response = agent
            .post(url)
            .content_type("application/json")
            .send(body)
            .map_err(io::Error::other)?;
        response
            .into_body()
            .into_reader()
            .read_to_end(&mut answer)?;
    }
    let mut writer = request.into_writer();
    write!(
        writer,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        answer.len()
    )?;
    writer.write_all(&answer)?;
    writer.flush()
}
