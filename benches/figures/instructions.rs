//! Instructions per request, counted by callgrind: a number that no neighbour on the machine changes.
//!
//! The same requests are sent N and 2 N times; the difference is what N requests cost, without start
//! and end of the process.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::client::{self, Until};
use crate::proxy::Program;
use crate::report::Report;
use crate::{Bench, chat};

/// The Cargo profile that is the release profile plus names.
const PROFILE: &str = "profiling";
const REQUESTS: u64 = 1_000;
/// How many shares and functions are named.
const LISTED: usize = 8;

pub fn count(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let program = match &bench.program {
        Program::Gateway(_) => Program::Gateway(build_with_names()?),
        Program::Nginx => return Err(io::Error::other("counts only the gateway")),
    };
    let once = profile(bench, &program, REQUESTS)?;
    let twice = profile(bench, &program, 2 * REQUESTS)?;
    let each = |once: u64, twice: u64| twice.saturating_sub(once) / REQUESTS;
    let total = each(once.total, twice.total);
    report.note(&format!("{total} instructions per 1 KiB chat request"));

    let mut functions: Vec<(u64, String)> = twice
        .functions
        .iter()
        .map(|(name, count)| {
            let before = once.functions.get(name).copied().unwrap_or(0);
            (each(before, *count), name.clone())
        })
        .collect();
    let mut parts: HashMap<String, u64> = HashMap::new();
    for (count, name) in &functions {
        *parts.entry(part(name)).or_default() += count;
    }
    let mut parts: Vec<_> = parts
        .into_iter()
        .map(|(name, count)| (count, name))
        .collect();
    list(
        report,
        "the largest shares, by whose code it is:",
        &mut parts,
        total,
    );
    list(
        report,
        "the largest single functions:",
        &mut functions,
        total,
    );
    Ok(())
}

fn list(report: &Report, title: &str, counts: &mut [(u64, String)], total: u64) {
    report.note(title);
    counts.sort_unstable_by(|a, b| b.cmp(a));
    for (count, name) in counts.iter().take(LISTED) {
        let percent = *count as f64 * 100.0 / total.max(1) as f64;
        report.note(&format!("  {percent:5.1} %  {count:>7}  {name}"));
    }
}

/// Whose code a function is: the crate, for our own the room, for C the kind of work.
fn part(function: &str) -> String {
    let path = function.trim_start_matches(['<', '&', '*', '[', '(']);
    let mut words = path.split("::");
    let first = words.next().unwrap_or_default();
    let room = words.next();
    match room {
        Some(room) if first == "holdfast" => format!("holdfast::{room}"),
        Some(_) if ["std", "core", "alloc"].contains(&first) => "the standard library".to_owned(),
        Some(_) => first.to_owned(),
        None if ["alloc", "free", "chunk", "tcache"]
            .iter()
            .any(|word| first.contains(word)) =>
        {
            "memory allocation".to_owned()
        }
        None if first.contains("mem") => "copying and comparing memory".to_owned(),
        None if first.contains("ring_core") => "ring".to_owned(),
        None => "libc and the rest".to_owned(),
    }
}

/// Builds the shipped code with the names of its functions, and gives its path.
fn build_with_names() -> io::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--bin",
            "holdfast",
            "--profile",
            PROFILE,
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    if !status.success() {
        return Err(io::Error::other(format!("the {PROFILE} build failed")));
    }
    let shipped = Path::new(env!("CARGO_BIN_EXE_holdfast"));
    let target = shipped.ancestors().nth(2).unwrap_or(Path::new("target"));
    Ok(target.join(PROFILE).join("holdfast"))
}

struct Profile {
    total: u64,
    /// Instructions of each function itself, without those it calls.
    functions: HashMap<String, u64>,
}

fn profile(bench: &Bench, program: &Program, requests: u64) -> io::Result<Profile> {
    let folder = bench.scratch.folder()?;
    let counts = folder.join("callgrind.out");
    let wrapper = [
        "valgrind".to_owned(),
        "--tool=callgrind".to_owned(),
        format!("--callgrind-out-file={}", counts.display()),
    ];
    let proxy = program.start_under(&wrapper, bench.upstream.address, &folder)?;
    let request = [chat::request(0, 1024)];
    let streams = client::open(proxy.address, 1)?;
    client::closed_loop(streams, &request, Until::Each(requests))?.all_well()?;
    // The counts are written at the end of the process.
    drop(proxy);
    annotate(&counts)
}

/// Reads the list of functions that callgrind_annotate makes of the counts.
fn annotate(counts: &Path) -> io::Result<Profile> {
    let output = Command::new("callgrind_annotate")
        .args(["--threshold=100", "--auto=no", "--show-percs=no"])
        .arg(counts)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut profile = Profile {
        total: 0,
        functions: HashMap::new(),
    };
    for line in text.lines() {
        let Some((count, name)) = line.trim().split_once(' ') else {
            continue;
        };
        let Ok(count) = count.replace(',', "").parse::<u64>() else {
            continue;
        };
        if name.contains("PROGRAM TOTALS") {
            profile.total = count;
        } else {
            *profile.functions.entry(function(name)).or_default() += count;
        }
    }
    match profile.total {
        0 => Err(io::Error::other("callgrind_annotate gave no totals")),
        _ => Ok(profile),
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
