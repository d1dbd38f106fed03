//! Child processes: the same program with another command, so that their CPU time is measured separately. A child writes
//! its address to standard output and ends when its standard input is closed.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::process;

/// The time for a child to end.
const END: Duration = Duration::from_secs(2);

/// A running child; ends when dropped.
pub struct Helper {
    child: Child,
    pub address: SocketAddr,
}

impl Helper {
    /// Starts this program with these arguments and waits for its address.
    pub fn start(arguments: &[&str]) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        match line.trim().parse() {
            Ok(address) => Ok(Self { child, address }),
            Err(_) => Err(io::Error::other(format!("{arguments:?} did not start"))),
        }
    }

    pub fn cpu(&self) -> io::Result<Duration> {
        process::cpu(self.child.id())
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let asked = Instant::now();
        while asked.elapsed() < END {
            if let Ok(Some(_)) = self.child.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// In the child: writes its address for the parent.
pub fn announce(address: SocketAddr) {
    println!("{address}");
}

/// In the child: waits until the parent ends or closes the pipe.
pub fn wait_for_parent() {
    io::copy(&mut io::stdin(), &mut io::sink()).ok();
}
