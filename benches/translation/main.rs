//! `cargo bench --bench translation`: what it costs to bring a request of 32 KiB, and each event of a stream, from
//! one dialect to another, in instructions; and how much memory a conversation of 1 MiB takes on its way.
//!
//! Instructions are counted by valgrind, as the difference between many and few repetitions.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "A bench ends at the first thing that is not as it must be"
)]

mod answer;
mod conversation;
mod memory;

use std::io;
use std::process::{Command, ExitCode};

use conversation::Results;
use holdfast::unversioned::translate::{self, Stream, TranslationContext};
use holdfast::unversioned::wire::Dialect;
use memory::{MOST, ask};

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting::new();

const REQUEST_BYTES: usize = 32 * 1024;
const LARGE_BYTES: usize = 1024 * 1024;
const PROBE: &str = "probe";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [PROBE, what, from, to, times] => probe(what, dialect(from), dialect(to), times),
        // As `cargo test --benches` calls it.
        [] | ["--test"] => ExitCode::SUCCESS,
        _ => match measure() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("translation: {error}");
                ExitCode::from(2)
            }
        },
    }
}

fn dialect(name: &str) -> Dialect {
    let known = Dialect::ALL.into_iter().find(|known| known.name() == name);
    known.unwrap_or(Dialect::Chat)
}

fn context(client: Dialect, upstream: Dialect) -> Option<TranslationContext> {
    let body = conversation::request(client, 100, Results::Short);
    let translated = translate::request(&ask(client, upstream, &body)).ok()?;
    Some(translated.context)
}

/// What valgrind looks at.
fn probe(what: &str, client: Dialect, upstream: Dialect, times: &str) -> ExitCode {
    let times: usize = times.parse().unwrap_or(0);
    if what == "request" {
        let body = conversation::request(client, REQUEST_BYTES, Results::Short);
        for _ in 0..times {
            let translated = translate::request(&ask(client, upstream, &body));
            assert!(std::hint::black_box(translated).is_ok());
        }
        return ExitCode::SUCCESS;
    }
    let Some(context) = context(client, upstream) else {
        return ExitCode::FAILURE;
    };
    let mut stream = Stream::new(context, false);
    let mut out = Vec::new();
    for event in answer::stream(upstream, times) {
        out.clear();
        stream.read(event.as_bytes(), &mut out);
        std::hint::black_box(&out);
    }
    ExitCode::SUCCESS
}

/// Instructions of one more repetition.
fn instructions(
    what: &str,
    client: Dialect,
    upstream: Dialect,
    few: u64,
    many: u64,
) -> io::Result<u64> {
    let count = |times: u64| -> io::Result<u64> {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(std::env::current_exe()?)
            .args([
                PROBE,
                what,
                client.name(),
                upstream.name(),
                &times.to_string(),
            ])
            .output()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = text
            .lines()
            .find_map(|line| line.split("Collected : ").nth(1));
        line.and_then(|count| count.trim().parse().ok())
            .ok_or_else(|| io::Error::other(format!("valgrind says nothing: {text}")))
    };
    Ok((count(many)? - count(few)?) / (many - few))
}

fn measure() -> io::Result<bool> {
    let mut is_met = true;
    let columns = [
        "client",
        "upstream",
        "32 KiB request",
        "per byte",
        "event of its answer",
        "peak of 1 MiB",
        "in short messages",
    ];
    println!("| {} |", columns.join(" | "));
    println!("|---|---|---:|---:|---:|---:|---:|");
    for client in Dialect::ALL {
        for upstream in Dialect::ALL
            .into_iter()
            .filter(|upstream| *upstream != client)
        {
            let request = instructions("request", client, upstream, 1, 11)?;
            let event = instructions("stream", client, upstream, 200, 2_200)?;
            let peak = |results| {
                let body = conversation::request(client, LARGE_BYTES, results);
                memory::peak(&ALLOCATOR, client, upstream, &body).unwrap_or(f64::NAN)
            };
            let (files, short) = (peak(Results::Files), peak(Results::Short));
            is_met &= files <= MOST && short <= MOST;
            println!(
                "| {} | {} | {request} | {:.0} | {event} | {files:.2} × | {short:.2} × |",
                client.name(),
                upstream.name(),
                request as f64 / REQUEST_BYTES as f64,
            );
        }
    }
    Ok(is_met)
}
