//! The queue between the threads that log and the thread that writes. Output that blocks, such as a full pipe or a
//! stalled disk, blocks that thread only and no request.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{io, thread};

use crossbeam_channel::{Receiver, RecvError, Sender, TrySendError, bounded};

/// Lines that wait to be written, at most.
pub const LINES: usize = 4096;
/// Bytes of such lines, at most.
pub const BYTES: usize = 4 << 20;

/// How long lines gather before they are written, if there was nothing to write.
const GATHER: Duration = Duration::from_millis(2);

/// Where lines are written.
pub trait Output: Send + 'static {
    /// What tells this output where a line goes.
    type Target: Clone + PartialEq + Send + 'static;

    /// Bytes of lines that are written together at most, if they wait.
    const TOGETHER: usize = 64 * 1024;

    /// Writes lines, each with its end.
    ///
    /// # Errors
    /// When they are not written.
    fn write(&mut self, to: &Self::Target, lines: &str) -> io::Result<()>;

    /// The line that says that `count` lines were dropped.
    fn dropped(&self, to: &Self::Target, count: u64) -> String;
}

/// The end of the channel at which lines go in. The thread at its other end ends with the last of these.
pub struct Writer<T> {
    sender: Sender<Message<T>>,
    pending: Arc<Pending>,
}

enum Message<T> {
    Line(Box<(T, String)>),
    /// Lines were dropped, and no other line may follow to say so.
    Dropped,
    /// Answered when all before it is written.
    Flush(Sender<()>),
}

#[derive(Default)]
struct Pending {
    /// Bytes of lines that wait or are being written.
    bytes: AtomicUsize,
    /// Lines dropped since the last time that was told.
    dropped: AtomicU64,
}

impl<T: Clone + Send + 'static> Writer<T> {
    /// Starts the thread that writes to `output`. Lines about dropped lines go to `first` until another line
    /// has gone elsewhere.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(output: impl Output<Target = T>, first: T) -> io::Result<Self> {
        let (sender, receiver) = bounded(LINES);
        let pending = Arc::new(Pending::default());
        let seen = Arc::clone(&pending);
        thread::Builder::new()
            .name("log".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || run(&receiver, &seen, output, first))?;
        Ok(Self { sender, pending })
    }

    /// Hands over a line, or drops and counts it if too many wait. Never waits.
    ///
    /// # Errors
    /// The line, if there is no thread any more to write it.
    pub fn put(&self, to: T, line: String) -> Result<(), String> {
        let length = line.len();
        let before = self.pending.bytes.fetch_add(length, Ordering::AcqRel);
        if before.saturating_add(length) > BYTES {
            self.drop_line(length);
            return Ok(());
        }
        match self.sender.try_send(Message::Line(Box::new((to, line)))) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => {
                self.drop_line(length);
                Ok(())
            }
            Err(TrySendError::Disconnected(message)) => {
                self.pending.bytes.fetch_sub(length, Ordering::AcqRel);
                match message {
                    Message::Line(line) => Err(line.1),
                    Message::Dropped | Message::Flush(_) => Ok(()),
                }
            }
        }
    }

    fn drop_line(&self, length: usize) {
        self.pending.bytes.fetch_sub(length, Ordering::AcqRel);
        if self.pending.dropped.fetch_add(1, Ordering::AcqRel) == 0 {
            // If the channel is full, what is in it comes after this and will tell.
            let _ = self.sender.try_send(Message::Dropped);
        }
    }

    /// Waits until what was handed over before is written, for `limit` at most. Returns whether it is.
    pub fn flush(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let (done, written) = bounded(1);
        let sent = self.sender.send_deadline(Message::Flush(done), deadline);
        sent.is_ok() && written.recv_deadline(deadline).is_ok()
    }
}

fn run<O: Output>(
    receiver: &Receiver<Message<O::Target>>,
    pending: &Pending,
    mut output: O,
    mut current: O::Target,
) {
    let mut kept = None;
    while let Ok(message) = kept.take().map_or_else(|| next(receiver), Ok) {
        if let Message::Line(line) = &message {
            current = line.0.clone();
        }
        let dropped = pending.dropped.swap(0, Ordering::AcqRel);
        if dropped > 0 {
            let is_told = attempt(|| {
                let line = output.dropped(&current, dropped);
                output.write(&current, &line)
            });
            if !is_told {
                pending.dropped.fetch_add(dropped, Ordering::AcqRel);
            }
        }
        match message {
            Message::Line(line) => {
                let (to, mut lines) = *line;
                let mut count = 1;
                while lines.len() < O::TOGETHER {
                    match receiver.try_recv() {
                        Ok(Message::Line(more)) if more.0 == to => {
                            lines.push_str(&more.1);
                            count += 1;
                        }
                        Ok(other) => {
                            kept = Some(other);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                if !attempt(|| output.write(&to, &lines)) {
                    pending.dropped.fetch_add(count, Ordering::AcqRel);
                }
                pending.bytes.fetch_sub(lines.len(), Ordering::AcqRel);
            }
            Message::Dropped => {}
            Message::Flush(done) => drop(done.try_send(())),
        }
    }
}

/// The next message. When none waits, those of the next moment are left to gather before this thread waits for one:
/// whoever sends to a thread that waits has to wake it, which costs more than the line.
fn next<T>(receiver: &Receiver<T>) -> Result<T, RecvError> {
    if let Ok(message) = receiver.try_recv() {
        return Ok(message);
    }
    thread::sleep(GATHER);
    receiver.try_recv().or_else(|_| receiver.recv())
}

/// Whether it went well. A panic must not end the log: it costs a line.
fn attempt(write: impl FnOnce() -> io::Result<()>) -> bool {
    matches!(catch_unwind(AssertUnwindSafe(write)), Ok(Ok(())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// Takes a line for each time it is allowed to, and tells what it was.
    struct Gate {
        allowed: Receiver<io::Result<()>>,
        written: Sender<String>,
    }

    impl Output for Gate {
        type Target = &'static str;
        const TOGETHER: usize = 0;

        fn write(&mut self, to: &&'static str, line: &str) -> io::Result<()> {
            match self.allowed.recv() {
                Ok(allowed) => allowed?,
                Err(_) => panic!("the gate is broken"),
            }
            let _ = self.written.send(format!("{to}: {line}"));
            Ok(())
        }

        fn dropped(&self, _: &&'static str, count: u64) -> String {
            format!("{count} dropped")
        }
    }

    fn gate() -> (
        Writer<&'static str>,
        Sender<io::Result<()>>,
        Receiver<String>,
    ) {
        let (allow, allowed) = crossbeam_channel::unbounded();
        let (written, seen) = crossbeam_channel::unbounded();
        let writer = Writer::start(Gate { allowed, written }, "first").unwrap();
        (writer, allow, seen)
    }

    fn next(seen: &Receiver<String>) -> String {
        seen.recv_timeout(PATIENCE).expect("a line")
    }

    #[test]
    fn lines_are_written_in_their_order_and_where_they_belong() {
        let (writer, allow, seen) = gate();
        for n in 0..100 {
            let to = if n % 2 == 0 { "even" } else { "odd" };
            writer.put(to, n.to_string()).unwrap();
            allow.send(Ok(())).unwrap();
        }
        assert!(writer.flush(PATIENCE));
        let lines: Vec<String> = seen.try_iter().collect();
        assert_eq!(lines.len(), 100);
        assert_eq!(lines[42], "even: 42");
        assert_eq!(lines[99], "odd: 99");
    }

    #[test]
    fn what_is_too_much_is_dropped_counted_and_told() {
        for (line, fits) in [("x".repeat(100), LINES), ("x".repeat(64 << 10), 64)] {
            let (writer, allow, seen) = gate();
            let put = 2 * LINES;
            for _ in 0..put {
                writer.put("a", line.clone()).unwrap();
                assert!(writer.pending.bytes.load(Ordering::Acquire) <= BYTES);
            }
            assert!(!writer.flush(Duration::ZERO), "nothing can be written");
            for _ in 0..2 * put {
                allow.send(Ok(())).unwrap();
            }
            assert!(writer.flush(PATIENCE));
            let told = |line: &String| {
                let (_, count) = line.strip_suffix(" dropped")?.rsplit_once(' ')?;
                count.parse().ok()
            };
            let lines: Vec<String> = seen.try_iter().collect();
            let dropped: Vec<usize> = lines.iter().filter_map(told).collect();
            let kept = lines.len() - dropped.len();
            assert_eq!(kept + dropped.iter().sum::<usize>(), put);
            // One may have been at the gate already.
            assert!(kept.abs_diff(fits) <= 1, "{kept} {fits}");
            assert_eq!(writer.pending.bytes.load(Ordering::Acquire), 0);
        }
    }

    #[test]
    fn what_is_dropped_is_told_though_no_line_follows() {
        let (writer, allow, seen) = gate();
        writer.put("a", "x".repeat(BYTES + 1)).unwrap();
        allow.send(Ok(())).unwrap();
        assert_eq!(next(&seen), "first: 1 dropped");
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted() {
        let (writer, allow, seen) = gate();
        let full = || Err(io::ErrorKind::StorageFull.into());
        for allowed in [full(), full(), full(), Ok(()), Ok(())] {
            allow.send(allowed).unwrap();
        }
        writer.put("a", "one".to_owned()).unwrap();
        // Neither can what says so.
        writer.put("a", "two".to_owned()).unwrap();
        writer.put("a", "three".to_owned()).unwrap();
        assert_eq!(next(&seen), "a: 2 dropped");
        assert_eq!(next(&seen), "a: three");
    }

    #[test]
    fn a_panic_costs_a_line_and_not_the_log() {
        let (writer, allow, seen) = gate();
        drop(allow);
        writer.put("a", "one".to_owned()).unwrap();
        assert!(writer.flush(PATIENCE));
        writer.put("a", "two".to_owned()).unwrap();
        assert!(writer.flush(PATIENCE), "the thread is still there");
        assert!(seen.is_empty());
        assert_eq!(writer.pending.dropped.load(Ordering::Acquire), 2);
    }
}
