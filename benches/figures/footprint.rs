//! Binary size, start time and idle memory.

use std::io;
use std::time::Duration;

use crate::report::{Report, mebibytes, median, millis};
use crate::{Bench, MIB, builds};

const BINARY_BYTES: u64 = 8 * MIB;
const LEAN_BYTES: u64 = 4 * MIB;
const START: Duration = Duration::from_millis(10);
const STARTS: usize = 15;
const IDLE_BYTES: u64 = 6 * MIB;
/// Time for work after the first answer.
const SETTLE: Duration = Duration::from_millis(500);

pub fn size(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let Some(binary) = bench.program.binary() else {
        report.note("no binary of ours to weigh");
        return Ok(());
    };
    let bytes = std::fs::metadata(binary)?.len();
    report.figure(
        "release binary, stripped",
        &mebibytes(bytes),
        "< 8 MiB",
        bytes < BINARY_BYTES,
    );
    let lean = std::fs::metadata(builds::without_features()?)?.len();
    report.figure(
        "the same with --no-default-features",
        &mebibytes(lean),
        "<= 4 MiB",
        lean <= LEAN_BYTES,
    );
    Ok(())
}

pub fn start(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        times.push(bench.start()?.first_answer);
    }
    let middle = median(&mut times);
    report.figure(
        "start to first answered /healthz",
        &millis(middle),
        "<= 10 ms",
        middle <= START,
    );
    let slowest = times.last().copied().unwrap_or_default();
    report.note(&format!(
        "median of {STARTS} starts, slowest {}",
        millis(slowest)
    ));
    Ok(())
}

pub fn idle(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let proxy = bench.start()?;
    std::thread::sleep(SETTLE);
    let resident = proxy.resident()?;
    report.figure(
        "resident memory, idle after start",
        &mebibytes(resident),
        "<= 6 MiB",
        resident <= IDLE_BYTES,
    );
    report.note(&format!("{} threads", proxy.threads()));
    Ok(())
}
