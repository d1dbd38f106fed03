//! Idle clients, and bursts of new clients.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::chat::Text;
use crate::client::{self, Until};
use crate::proxy::{Options, Proxy};
use crate::report::{Report, mebibytes, median, micros, millis};
use crate::{Bench, MIB, chat};

const IDLE_CONNECTIONS: usize = 5_000;
const GROWTH_BYTES: u64 = 32 * MIB;
/// New connections, one request on each, for a median.
const PROBES: usize = 400;
/// The tolerance for the noise of two medians measured seconds apart.
const AS_FAST: f64 = 1.25;
const BURST: usize = 300;

pub fn idle(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let proxy = bench.start()?;
    probe(proxy.address)?;
    let before = probe(proxy.address)?;
    let growth = growth(&proxy, || client::connect(proxy.address))?;
    report.figure(
        "5,000 idle connections: memory",
        &format!("+{}, {} each", mebibytes(growth.bytes), each(&growth)),
        "<= 32 MiB more",
        growth.bytes <= GROWTH_BYTES,
    );
    let after = probe(proxy.address)?;
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
    drop((growth, proxy));
    idle_with_tls(bench, report)
}

fn idle_with_tls(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
    let rcgen::CertifiedKey { cert, signing_key } = made.map_err(io::Error::other)?;
    let folder = bench.scratch.folder()?;
    let (chain, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&chain, pem("CERTIFICATE", cert.der()))?;
    std::fs::write(&key, pem("PRIVATE KEY", &signing_key.serialize_der()))?;
    let proxy = bench.start_with(Options {
        config: &format!(
            "tls: {{enable: true, cert: '{}', key: '{}'}}\n",
            chain.display(),
            key.display()
        ),
        is_tls: true,
        ..Options::default()
    })?;
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).map_err(io::Error::other)?;
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    let open = || {
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let protocol =
            ClientConnection::new(Arc::clone(&config), name).map_err(io::Error::other)?;
        Ok(StreamOwned::new(protocol, client::connect(proxy.address)?))
    };
    let growth = growth(&proxy, open)?;
    report.reported(
        "5,000 idle connections, TLS: memory",
        &format!("+{}, {} each", mebibytes(growth.bytes), each(&growth)),
    );
    Ok(())
}

/// Base64 in lines of 64 characters, as RFC 7468 has it.
fn pem(what: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(String::from_utf8_lossy);
    let lines: Vec<_> = lines.collect();
    format!(
        "-----BEGIN {what}-----\n{}\n-----END {what}-----\n",
        lines.join("\n")
    )
}

/// The memory of idle connections, which stay open until this is dropped.
struct Growth<S> {
    bytes: u64,
    _kept: Vec<S>,
}

fn each<S>(growth: &Growth<S>) -> String {
    let kibibytes = growth.bytes as f64 / 1024.0 / IDLE_CONNECTIONS as f64;
    format!("{kibibytes:.2} KiB")
}

/// Opens connections and keeps them after one answered request each. One connection exists before the measurement.
fn growth<S: Read + Write>(
    proxy: &Proxy,
    open: impl Fn() -> io::Result<S>,
) -> io::Result<Growth<S>> {
    let health = chat::health_request();
    let mut kept = Vec::with_capacity(IDLE_CONNECTIONS + 1);
    let mut resident = 0;
    for index in 0..=IDLE_CONNECTIONS {
        let mut stream = open()?;
        match client::exchange(&mut stream, &health)? {
            200 => kept.push(stream),
            status => return Err(io::Error::other(format!("/healthz gave {status}"))),
        }
        if index == 0 {
            resident = proxy.resident()?;
        }
    }
    Ok(Growth {
        bytes: proxy.resident()?.saturating_sub(resident),
        _kept: kept,
    })
}

pub fn burst(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let proxy = bench.start()?;
    let requests: Vec<_> = (0..BURST)
        .map(|n| chat::request(n, 1024, Text::Prose))
        .collect();
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
    let request = chat::request(0, 1024, Text::Prose);
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
