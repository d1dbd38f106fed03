//! A log that nobody reads.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use super::harness::{Folder, PATIENCE, call, command};

/// A program of whose log only the beginning has been read.
struct Unread {
    child: Child,
    log: BufReader<ChildStderr>,
    address: SocketAddr,
    _folder: Folder,
}

impl Unread {
    fn start() -> Self {
        let folder = Folder::new();
        let text = "host: 127.0.0.1\nport: 0\napi-keys: [first]\nlog-format: json\n";
        let path = folder.write("config.yaml", text);
        let mut child = command(&["--config", path.to_str().unwrap()])
            .env("WRITABLE_PATH", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening on") {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0);
        }
        let (_, rest) = line.split_once("http://").unwrap();
        let (address, _) = rest.split_once('"').unwrap();
        Self {
            address: address.parse().unwrap(),
            child,
            log,
            _folder: folder,
        }
    }

    /// More than a pipe and what waits before it can hold.
    fn flood(&self) -> usize {
        let count = 2000;
        let path = format!("/{}", "x".repeat(4000));
        for _ in 0..count {
            assert_eq!(call(self.address, "GET", &path, "", "").0, 404);
        }
        count
    }

    fn terminate(&self) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status();
        assert!(sent.unwrap().success());
    }

    fn wait(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return assert_eq!(status.code(), Some(0));
            }
            assert!(Instant::now() < deadline, "it did not end");
            std::thread::yield_now();
        }
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_holds_up_no_request_and_what_was_dropped_is_told() {
    let mut program = Unread::start();
    let count = program.flood();
    if cfg!(target_os = "linux") {
        let status = format!("/proc/{}/status", program.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: usize = line.unwrap().trim_end_matches("kB").trim().parse().unwrap();
        assert!(kib < 64 * 1024, "{kib} KiB");
    }
    program.terminate();
    let (mut dropped, mut told) = (0, 0);
    let mut line = String::new();
    while program.log.read_line(&mut line).unwrap() > 0 {
        let json: Value = serde_json::from_str(&line).unwrap();
        let message = json["message"].as_str().unwrap();
        if let Some((count, _)) = message.split_once(" log lines were dropped") {
            assert_eq!(json["level"], "warn");
            dropped += count.parse::<usize>().unwrap();
        }
        told += usize::from(json["status"] == 404);
        line.clear();
    }
    program.wait();
    assert!(dropped > 0);
    // Lines of the end may be among those that were dropped.
    assert!(
        (count..count + 5).contains(&(told + dropped)),
        "{told} {dropped}"
    );
}

#[test]
fn it_does_not_hold_up_the_end() {
    let mut program = Unread::start();
    program.flood();
    program.terminate();
    program.wait();
}

/// Nothing that is logged can be written, to the file or to standard error, and there are no descriptors to spare.
#[cfg(target_os = "linux")]
#[test]
fn one_that_cannot_be_written_ends_nothing() {
    let folder = Folder::new();
    let text = "host: 127.0.0.1\nport: 0\napi-keys: [first]\nlogging-to-file: true\n";
    let config = folder.write("config.yaml", text);
    folder.write("logs", "in the way");
    let name = folder.path().join("notify");
    let manager = std::os::unix::net::UnixDatagram::bind(&name).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let full = || {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        Stdio::from(full.unwrap())
    };
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -n 24 && exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_holdfast"))
        .arg("--config")
        .arg(&config)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("WRITABLE_PATH", folder.path())
        .env("NOTIFY_SOCKET", &name)
        .stdin(Stdio::null())
        .stdout(full())
        .stderr(full())
        .spawn()
        .unwrap();
    let mut told = [0; 256];
    let count = manager.recv(&mut told).unwrap();
    let told = str::from_utf8(&told[..count]).unwrap();
    let (_, address) = told.split_once("http://").unwrap();
    let address: SocketAddr = address.trim().parse().unwrap();
    let idle: Vec<_> = (0..30)
        .map(|_| std::net::TcpStream::connect(address).unwrap())
        .collect();
    drop(idle);
    for _ in 0..20 {
        // While the others are being closed there may be no descriptor for this one.
        let is_answered = || call(address, "GET", "/nowhere", "", "").0 == 404;
        super::harness::eventually(is_answered, || "it does not answer".to_owned());
    }
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
}
