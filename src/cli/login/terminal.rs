//! The terminal during a sign-in: messages, one line of progress, and lines that the user types.

use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

/// Prints to standard error, so that standard output has the result only.
pub struct Terminal {
    /// Whether a line can be replaced.
    is_live: bool,
    /// Whether there is a line of progress.
    has_progress: bool,
    /// The minutes that were left when that was last told.
    told: Option<u64>,
}

impl Terminal {
    pub fn new() -> Self {
        Self {
            is_live: io::stderr().is_terminal(),
            has_progress: false,
            told: None,
        }
    }

    /// Prints a message.
    pub fn say(&mut self, text: &str) {
        let clear = match std::mem::take(&mut self.has_progress) {
            true => "\r\x1b[K",
            false => "",
        };
        let _ = writeln!(io::stderr().lock(), "{clear}{text}");
    }

    /// Shows what is being waited for and the time that is left, where a line can be replaced.
    pub fn progress(&mut self, text: &str, left: Duration) {
        if !self.is_live {
            return;
        }
        self.has_progress = true;
        let seconds = left.as_secs();
        let mut out = io::stderr().lock();
        let _ = write!(
            out,
            "\r\x1b[K{text} ({}:{:02} left)",
            seconds / 60,
            seconds % 60
        );
        let _ = out.flush();
    }

    /// Tells each minute what is being waited for, while the user may be typing.
    pub fn remind(&mut self, text: &str, left: Duration) {
        let minutes = left.as_secs().div_ceil(60);
        let before = self.told.replace(minutes);
        if before.is_some_and(|before| before != minutes) {
            let unit = if minutes == 1 { "minute" } else { "minutes" };
            self.say(&format!("{text}: {minutes} {unit} left."));
        }
    }

    /// Asks a question, whose answer comes as a line.
    pub fn ask(&mut self, question: &str) {
        if std::mem::take(&mut self.has_progress) {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
        let mut out = io::stderr().lock();
        let _ = write!(out, "{question} ");
        let _ = out.flush();
    }
}

/// Sends each line of standard input, then `None`, until the receiver is gone.
pub fn send_lines<T: Send + 'static>(
    to: Sender<T>,
    event: impl Fn(Option<String>) -> T + Send + 'static,
) {
    // It ends with the process: a read of a terminal cannot be interrupted.
    thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let is_wanted = line.is_ok_and(|line| to.send(event(Some(line))).is_ok());
            if !is_wanted {
                break;
            }
        }
        let _ = to.send(event(None));
    });
}
