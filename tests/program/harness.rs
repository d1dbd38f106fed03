//! The real binary in a folder of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{fs, thread};

pub const PATIENCE: Duration = Duration::from_secs(30);

/// A folder that goes away with the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "holdfast-test-{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// A proxy that nobody listens at. Calls within this host go without one, all others fail: no test reaches a vendor.
pub const NO_WAY_OUT: (&str, &str) = ("HTTPS_PROXY", "socks5://localhost:9");

/// A call of the program that nothing outside the test has a say in.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    let (name, value) = NO_WAY_OUT;
    command.env(name, value);
    command
}

/// What a call that ends by itself came to: exit code, standard output, standard error.
pub fn outcome(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running `holdfast`, with all it has printed.
pub struct Program {
    child: Child,
    printed: Arc<Mutex<String>>,
    writable: Folder,
}

impl Program {
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    pub fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::spawn(command(arguments).envs(environment.iter().copied()))
    }

    /// Its folder of logs is in one of its own, unless the command says otherwise.
    pub fn spawn(command: &mut Command) -> Self {
        let writable = Folder::new();
        if command.get_envs().all(|(name, _)| name != "WRITABLE_PATH") {
            command.env("WRITABLE_PATH", &writable.0);
        }
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self::of(child, writable)
    }

    /// As [`Program::spawn`], with something to write to its standard input.
    pub fn spawn_with_input(command: &mut Command) -> (Self, std::process::ChildStdin) {
        let mut program = Self::spawn(command);
        let input = program.child.stdin.take().unwrap();
        (program, input)
    }

    fn of(mut child: Child, writable: Folder) -> Self {
        let printed = Arc::new(Mutex::new(String::new()));
        let streams: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for stream in streams {
            let printed = Arc::clone(&printed);
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    *printed.lock().unwrap() += &(line + "\n");
                }
            });
        }
        Self {
            child,
            printed,
            writable,
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    /// The folder in which it makes its folder of logs.
    pub fn writable(&self) -> &Path {
        &self.writable.0
    }

    /// Its logs: names and texts, in the order of the names.
    pub fn logs(&self) -> Vec<(String, String)> {
        let Ok(entries) = fs::read_dir(self.writable.0.join("logs")) else {
            return Vec::new();
        };
        let mut logs: Vec<(String, String)> = entries
            .map(|entry| entry.unwrap())
            .filter_map(|entry| {
                // Some go away meanwhile.
                let bytes = fs::read(entry.path()).ok()?;
                let text = String::from_utf8_lossy(&bytes).into_owned();
                Some((entry.file_name().into_string().unwrap(), text))
            })
            .collect();
        logs.sort();
        logs
    }

    /// Waits until `text` has been printed.
    pub fn expect(&self, text: &str) {
        eventually(
            || self.printed().contains(text),
            || format!("{text:?} was not printed, but\n{}", self.printed()),
        );
    }

    /// The address it says it listens on.
    pub fn address(&self) -> SocketAddr {
        self.expect("http://127.0.0.1:");
        let printed = self.printed();
        let (_, rest) = printed.split_once("http://").unwrap();
        let end = rest.find(|c: char| !(c.is_ascii_digit() || ".:".contains(c)));
        rest[..end.unwrap()].parse().unwrap()
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        assert!(sent.success());
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "it did not end\n{}",
                self.printed()
            );
            thread::yield_now();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn eventually(condition: impl Fn() -> bool, complaint: impl Fn() -> String) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{}", complaint());
        thread::yield_now();
    }
}

/// Status and text of an answer to a request that closes its connection.
pub fn call(address: SocketAddr, method: &str, path: &str, key: &str, body: &str) -> (u16, String) {
    call_with(address, method, path, key, "", body)
}

/// The same with more header lines, each with its end.
pub fn call_with(
    address: SocketAddr,
    method: &str,
    path: &str,
    key: &str,
    headers: &str,
    body: &str,
) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let authorization = match key {
        "" => String::new(),
        key => format!("Authorization: Bearer {key}\r\n"),
    };
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{authorization}{headers}Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}
