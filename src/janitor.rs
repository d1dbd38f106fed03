//! Runs periodic tasks on one thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

/// A periodic task.
pub struct Task {
    pub name: &'static str,
    /// The pause after each run; called each time, so that a reload can change it.
    pub every: Box<dyn Fn() -> Duration + Send>,
    pub run: Box<dyn FnMut(Instant) + Send>,
}

/// The running thread. Dropping it stops the thread.
pub struct Janitor {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Janitor {
    /// # Errors
    /// When the system has no thread.
    pub fn start(tasks: Vec<Task>) -> std::io::Result<Self> {
        let (stop, stopped) = bounded(0);
        let thread = thread::Builder::new()
            .name("janitor".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || {
                let mut schedule = Schedule::new(tasks, Instant::now());
                loop {
                    match stopped.recv_timeout(schedule.pause(Instant::now())) {
                        Err(RecvTimeoutError::Timeout) => schedule.run_due(Instant::now()),
                        Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                    }
                }
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Schedule {
    tasks: Vec<(Instant, Task)>,
}

impl Schedule {
    fn new(tasks: Vec<Task>, now: Instant) -> Self {
        let tasks = tasks
            .into_iter()
            .map(|task| (now + (task.every)(), task))
            .collect();
        Self { tasks }
    }

    /// The time until the next task is due.
    fn pause(&self, now: Instant) -> Duration {
        self.tasks
            .iter()
            .map(|(due, _)| due.saturating_duration_since(now))
            .min()
            .unwrap_or(Duration::from_secs(3600))
    }

    fn run_due(&mut self, now: Instant) {
        for (due, task) in &mut self.tasks {
            if *due <= now {
                log::trace!("janitor: {}", task.name);
                // A panicking task must not stop the others.
                if catch_unwind(AssertUnwindSafe(|| (task.run)(now))).is_err() {
                    log::error!("periodic task '{}' panicked; it will run again", task.name);
                }
                *due = now + (task.every)();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn each_task_keeps_its_own_time() {
        let counts: [Arc<AtomicUsize>; 2] = Default::default();
        let start = Instant::now();
        let tasks = counts
            .iter()
            .zip([1, 3])
            .map(|(count, seconds)| {
                let count = Arc::clone(count);
                Task {
                    name: "count",
                    every: Box::new(move || Duration::from_secs(seconds)),
                    run: Box::new(move |_| {
                        count.fetch_add(1, Ordering::Relaxed);
                    }),
                }
            })
            .collect();
        let mut schedule = Schedule::new(tasks, start);
        assert_eq!(schedule.pause(start), Duration::from_secs(1));
        for second in 1..=6 {
            schedule.run_due(start + Duration::from_secs(second));
        }
        assert_eq!(counts[0].load(Ordering::Relaxed), 6);
        assert_eq!(counts[1].load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_task_that_fails_is_tried_again_and_keeps_nobody_up() {
        let start = Instant::now();
        let count = Arc::new(AtomicUsize::new(0));
        let every = || Box::new(|| Duration::from_secs(1));
        let (failing, counted) = (Arc::clone(&count), Arc::clone(&count));
        let tasks = vec![
            Task {
                name: "fail",
                every: every(),
                run: Box::new(move |_| {
                    failing.fetch_add(1, Ordering::Relaxed);
                    panic!("as planned");
                }),
            },
            Task {
                name: "count",
                every: every(),
                run: Box::new(move |_| {
                    counted.fetch_add(100, Ordering::Relaxed);
                }),
            },
        ];
        let mut schedule = Schedule::new(tasks, start);
        for second in 1..=3 {
            schedule.run_due(start + Duration::from_secs(second));
        }
        assert_eq!(count.load(Ordering::Relaxed), 303);
    }

    #[test]
    fn dropping_it_ends_it_at_once() {
        let task = Task {
            name: "never",
            every: Box::new(|| Duration::from_secs(3600)),
            run: Box::new(|_| {}),
        };
        let janitor = Janitor::start(vec![task]).unwrap();
        let (report, ended) = bounded(1);
        thread::spawn(move || {
            drop(janitor);
            report.send(())
        });
        assert_eq!(ended.recv_timeout(Duration::from_secs(60)), Ok(()));
    }
}
