//! Instructions per request, counted by callgrind, independent of other load on the machine.
//!
//! The same request is sent N and 2 N times; the difference is the cost of N requests without start and end of the
//! process.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::process::Command;

use crate::chat::Text;
use crate::client::{self, Until};
use crate::proxy::{Options, Program};
use crate::report::Report;
use crate::{Bench, builds, chat};

const REQUESTS: u64 = 1_000;
/// The number of listed parts and functions.
const PARTS: usize = 8;
const FUNCTIONS: usize = 24;
/// The maximum instructions per request.
const INSTRUCTIONS: u64 = 130_000;
/// Crates whose functions identify the stage of a request.
const STAGES: [&str; 7] = [
    "holdfast",
    "httparse",
    "http",
    "serde_json",
    "log",
    "lru",
    "rustix",
];

pub fn count(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let program = match &bench.program {
        Program::Gateway(_) => Program::Gateway(builds::with_names()?),
        Program::Nginx => return Err(io::Error::other("counts only the gateway")),
    };
    let once = profile(bench, &program, REQUESTS)?;
    let twice = profile(bench, &program, 2 * REQUESTS)?;
    let total = twice.total.saturating_sub(once.total) / REQUESTS;
    report.figure(
        "1 KiB chat: instructions",
        &total.to_string(),
        "<= 130,000",
        total <= INSTRUCTIONS,
    );

    let mut parts = Counts::new();
    for (name, count) in difference(&once.own, &twice.own) {
        *parts.entry(part(&name)).or_default() += count;
    }
    report.note("whose code they are:");
    list(report, parts, PARTS, total);
    let mut stages = difference(&once.inclusive, &twice.inclusive);
    stages.retain(|name, _| STAGES.contains(&crate_of(name)));
    report.note("the largest functions, with all they call:");
    list(report, stages, FUNCTIONS, total);
    Ok(())
}

/// Instructions by the name of a function, or of a part.
type Counts = HashMap<String, u64>;

struct Profile {
    total: u64,
    /// Exclusive counts.
    own: Counts,
    /// Inclusive counts.
    inclusive: Counts,
}

fn profile(bench: &Bench, program: &Program, requests: u64) -> io::Result<Profile> {
    let folder = bench.scratch.folder()?;
    let counts = folder.join("callgrind.out");
    let wrapper = [
        "valgrind".to_owned(),
        "--tool=callgrind".to_owned(),
        format!("--callgrind-out-file={}", counts.display()),
    ];
    let options = Options {
        wrapper: &wrapper,
        ..Options::default()
    };
    let proxy = program.start(options, bench.upstream.address, &folder)?;
    let request = [chat::request(0, 1024, Text::Prose)];
    let streams = client::open(proxy.address, 1)?;
    client::closed_loop(streams, &request, Until::Each(requests))?.all_succeeded()?;
    // The counts are written at the end of the process.
    drop(proxy);
    let (total, own) = annotate(&counts, "no")?;
    let (_, inclusive) = annotate(&counts, "yes")?;
    Ok(Profile {
        total,
        own,
        inclusive,
    })
}

/// Reads the totals and the list of functions that callgrind_annotate makes of the counts.
fn annotate(counts: &Path, inclusive: &str) -> io::Result<(u64, Counts)> {
    let output = Command::new("callgrind_annotate")
        .args(["--threshold=100", "--auto=no", "--show-percs=no"])
        .arg(format!("--inclusive={inclusive}"))
        .arg(counts)
        .output()?;
    let (mut total, mut functions) = (0, Counts::new());
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Some((count, name)) = line.trim().split_once(' ') else {
            continue;
        };
        let Ok(count) = count.replace(',', "").parse::<u64>() else {
            continue;
        };
        if name.contains("PROGRAM TOTALS") {
            total = count;
            continue;
        }
        // A function is listed once per file whose code was inlined into it.
        let known = functions.entry(function(name)).or_default();
        if inclusive == "yes" {
            *known = count.max(*known);
        } else {
            *known += count;
        }
    }
    match total {
        0 => Err(io::Error::other("callgrind_annotate gave no totals")),
        _ => Ok((total, functions)),
    }
}

/// `file:function [object]` without the file and the object.
fn function(name: &str) -> String {
    let name = name.trim().split(" [").next().unwrap_or_default();
    // A path has no double colon in it, a function may.
    let bare = match name.find(':') {
        Some(at) if !name[at..].starts_with("::") => &name[at + 1..],
        _ => name,
    };
    bare.to_owned()
}

/// The cost of each function per request.
fn difference(once: &Counts, twice: &Counts) -> Counts {
    let per_request = |(name, count): (&String, &u64)| {
        let before = once.get(name).copied().unwrap_or(0);
        (name.clone(), count.saturating_sub(before) / REQUESTS)
    };
    twice.iter().map(per_request).collect()
}

fn crate_of(function: &str) -> &str {
    let path = function.trim_start_matches(['<', '&', '*', '[', '(']);
    path.split("::").next().unwrap_or_default()
}

/// The part of a function: its crate, for this crate its top-level module, for C the kind of work.
fn part(function: &str) -> String {
    let name = crate_of(function);
    let room = function.split("::").nth(1);
    match room {
        Some(room) if name == "holdfast" => format!("holdfast::{room}"),
        Some(_) if ["std", "core", "alloc"].contains(&name) => "the standard library".to_owned(),
        Some(_) => name.to_owned(),
        None if name.contains("ring_core") => "ring".to_owned(),
        None if name.contains("mem") => "copying and comparing memory".to_owned(),
        None => match ["alloc", "free", "chunk", "tcache"] {
            words if words.iter().any(|word| name.contains(word)) => "memory allocation".to_owned(),
            _ => "libc and the rest".to_owned(),
        },
    }
}

fn list(report: &Report, counts: Counts, length: usize, total: u64) {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable_by(|(_, a), (_, b)| b.cmp(a));
    for (name, count) in counts.iter().take(length) {
        let percent = *count as f64 * 100.0 / total.max(1) as f64;
        report.note(&format!("  {percent:5.1} %  {count:>7}  {name}"));
    }
}
