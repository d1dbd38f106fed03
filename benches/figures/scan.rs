//! Throughput of scanning a request body for model, stream flag and session.

use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

use holdfast::unversioned::session::{identity, scan};

use crate::chat::Text;
use crate::report::{Report, median};
use crate::{Bench, chat};

const BODY_BYTES: usize = 512 * 1024;
const LASTING: Duration = Duration::from_secs(1);
/// Gigabytes (10^9) per second.
const RATE: f64 = 1.0;

pub fn rate(_: &Bench, report: &mut Report) -> io::Result<()> {
    let body = chat::body(0, BODY_BYTES, Text::Prose).into_bytes();
    let fault = |what: &str| Err(io::Error::other(format!("the scan {what}")));
    let Ok(scanned) = scan::scan(&body) else {
        return fault("refuses a good body");
    };
    let model = scanned.model.and_then(|model| model.text);
    if model.as_deref() != Some(chat::MODEL) {
        return fault("does not find the model");
    }
    // Near the end, where only a scan of everything comes by: no JSON, and no UTF-8.
    for byte in [b'\n', 0xff] {
        let mut damaged = body.clone();
        damaged[BODY_BYTES - 100] = byte;
        if scan::scan(&damaged).is_ok() {
            return fault("overlooks a fault");
        }
    }

    let prose = measure(&body);
    report.figure(
        "512 KiB: identity and model scan",
        &format!("{prose:.2} GB/s"),
        ">= 1 GB/s",
        prose >= RATE,
    );
    let code = measure(chat::body(0, BODY_BYTES, Text::Code).as_bytes());
    report.reported(
        "512 KiB of source code: the same",
        &format!("{code:.2} GB/s"),
    );
    Ok(())
}

/// Gigabytes per second, by the median of many scans.
fn measure(body: &[u8]) -> f64 {
    let mut times = Vec::new();
    let began = Instant::now();
    while began.elapsed() < LASTING {
        let before = Instant::now();
        if let Ok(scanned) = scan::scan(black_box(body)) {
            black_box(identity::identify([], &scanned));
        }
        times.push(before.elapsed());
    }
    body.len() as f64 / median(&mut times).as_secs_f64() / 1e9
}
