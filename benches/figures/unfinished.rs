//! Clients that send unauthorized bodies, or never finish them.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::chat::Text;
use crate::proxy::{Options, Proxy};
use crate::report::{Report, mebibytes, millis, quantile};
use crate::{Bench, MIB, chat, client};

const UNFINISHED: usize = 520;
const CLAIMED_BYTES: usize = 1 << 20;
const GOOD_REQUESTS: usize = 10;
const GOOD: Duration = Duration::from_millis(50);

const SENDERS: usize = 40;
const BODY_BYTES: usize = 24 << 20;
const GROWTH_BYTES: u64 = 8 * MIB;

/// A total deadline, shorter than the default.
const DEADLINE: Duration = Duration::from_secs(3);
/// The default grace period before the rate of a body is checked.
const BY_RATE: Duration = Duration::from_secs(10);
/// The tolerance for the end of the connection: after a refusal the gateway reads for two seconds, so that the answer
/// arrives, and a client detects the close only at a later write.
const ROOM: Duration = Duration::from_secs(5);
const GIVEN_UP: Duration = Duration::from_secs(20);

pub fn bodies(bench: &Bench, report: &mut Report) -> io::Result<()> {
    unfinished(&bench.start()?, report)?;
    unwanted(&bench.start()?, report)
}

fn unfinished(proxy: &Proxy, report: &mut Report) -> io::Result<()> {
    let mut start = chat::head(CLAIMED_BYTES, false);
    start.resize(start.len() + 1024, b' ');
    let mut open = Vec::with_capacity(UNFINISHED);
    for _ in 0..UNFINISHED {
        let mut stream = client::connect(proxy.address)?;
        stream.write_all(&start)?;
        open.push(stream);
    }
    let request = chat::request(0, 1024, Text::Prose);
    let mut times = Vec::with_capacity(GOOD_REQUESTS);
    for _ in 0..GOOD_REQUESTS {
        let began = Instant::now();
        let mut stream = client::connect(proxy.address)?;
        match client::exchange(&mut stream, &request)? {
            200 => times.push(began.elapsed()),
            status => return Err(io::Error::other(format!("status {status}"))),
        }
    }
    let slowest = quantile(&mut times, 1.0);
    report.figure(
        "520 unfinished bodies, no key: good request",
        &millis(slowest),
        "< 50 ms",
        slowest < GOOD,
    );
    report.note(&format!(
        "the slowest of {GOOD_REQUESTS}; {} threads",
        proxy.threads()
    ));
    Ok(())
}

fn unwanted(proxy: &Proxy, report: &mut Report) -> io::Result<()> {
    let before = proxy.resident()?;
    let running = AtomicUsize::new(SENDERS);
    let mut highest = before;
    let sent = thread::scope(|scope| -> io::Result<usize> {
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                scope.spawn(|| {
                    let sent = send_all(proxy);
                    running.fetch_sub(1, Ordering::AcqRel);
                    sent
                })
            })
            .collect();
        while running.load(Ordering::Acquire) > 0 {
            highest = highest.max(proxy.resident()?);
            thread::sleep(Duration::from_millis(5));
        }
        let sent = senders.into_iter().map(|sender| sender.join());
        Ok(sent.map(|sent| sent.unwrap_or(0)).sum())
    })?;
    let growth = highest.max(proxy.resident()?).saturating_sub(before);
    report.figure(
        "40 x 24 MiB, no key: memory",
        &format!("+{}", mebibytes(growth)),
        "<= 8 MiB more",
        growth <= GROWTH_BYTES,
    );
    report.note(&format!(
        "{} of the bodies were taken",
        mebibytes(sent as u64)
    ));
    Ok(())
}

/// Sends a body without a key until it is complete or the connection ends; returns the bytes sent.
fn send_all(proxy: &Proxy) -> usize {
    let piece = [b' '; 64 * 1024];
    let Ok(mut stream) = client::connect(proxy.address) else {
        return 0;
    };
    let mut sent = 0;
    if stream.write_all(&chat::head(BODY_BYTES, false)).is_ok() {
        while sent < BODY_BYTES {
            match stream.write(&piece[..piece.len().min(BODY_BYTES - sent)]) {
                Ok(more) => sent += more,
                Err(_) => break,
            }
        }
    }
    sent
}

/// Bodies that are too slow to complete.
pub fn slow(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let config = format!("limits: {{body-timeout: {}s}}\n", DEADLINE.as_secs());
    let hasty = bench.start_with(Options {
        config: &config,
        ..Options::default()
    })?;
    let usual = bench.start()?;
    // One byte per second is below the minimum rate; 1 KiB per 250 ms is not.
    let (trickle, steady) = (
        (1, Duration::from_secs(1)),
        (1024, Duration::from_millis(250)),
    );
    let cases = [
        (
            "1 byte/s, with key: ended by rate",
            &usual,
            true,
            trickle,
            BY_RATE + ROOM,
        ),
        ("1 byte/s, no key: ended", &usual, false, trickle, ROOM),
        (
            "4 KiB/s, with key: ended by deadline",
            &hasty,
            true,
            steady,
            DEADLINE + ROOM,
        ),
        ("4 KiB/s, no key: ended", &hasty, false, steady, ROOM),
    ];
    let ends = thread::scope(|scope| {
        let running = cases.map(|(.., proxy, has_key, pace, _)| {
            scope.spawn(move || send_slowly(proxy, has_key, pace))
        });
        running.map(|one| one.join())
    });
    for ((name, _, _, _, limit), end) in cases.into_iter().zip(ends) {
        let end = end.map_err(|_| io::Error::other("a sending thread failed"))??;
        report.figure(
            name,
            &format!("{:.1} s, status {}", end.after.as_secs_f64(), end.status),
            &format!("<= {} s", limit.as_secs()),
            end.after <= limit && (400..500).contains(&end.status),
        );
    }
    Ok(())
}

struct End {
    after: Duration,
    /// The status that was received before the end, or 0.
    status: u16,
}

/// Sends bytes at the given interval until the connection ends.
fn send_slowly(proxy: &Proxy, has_key: bool, pace: (usize, Duration)) -> io::Result<End> {
    let (bytes, interval) = pace;
    let mut stream: TcpStream = client::connect(proxy.address)?;
    stream.write_all(&chat::head(CLAIMED_BYTES, has_key))?;
    stream.set_read_timeout(Some(interval))?;
    let began = Instant::now();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while began.elapsed() < GIVEN_UP {
        let next = Instant::now() + interval;
        if stream.write_all(&vec![b' '; bytes]).is_err() {
            break;
        }
        match stream.read(&mut buffer) {
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let digits = answer.get(9..12).unwrap_or_default();
    let status = std::str::from_utf8(digits).ok();
    Ok(End {
        after: began.elapsed(),
        status: status.and_then(|status| status.parse().ok()).unwrap_or(0),
    })
}
