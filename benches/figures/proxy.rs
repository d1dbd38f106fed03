//! The measured proxy: the gateway, or nginx as the reference.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::chat::{self, CLIENT_KEY, MODEL};
use crate::{client, process};

/// The usual soft limit of open files.
const USUAL_DESCRIPTORS: u64 = 1024;
/// The timeout of start and end of a process.
const START_OR_END: Duration = Duration::from_secs(10);
/// nginx workers: one for each core of the smallest host that is measured on.
const NGINX_WORKERS: usize = 2;

/// A program to be measured.
#[derive(Clone, Debug)]
pub enum Program {
    Gateway(PathBuf),
    /// Plain `proxy_pass` with keep-alive on both sides.
    Nginx,
}

/// Options of a program.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// A command in front of the program (`valgrind …`).
    pub wrapper: &'a [String],
    /// Further lines of the gateway's configuration.
    pub config: &'a str,
    /// Whether clients use TLS. Then the start does not wait for an answer.
    pub is_tls: bool,
}

impl Program {
    /// The gateway's binary, if this is the gateway.
    pub fn binary(&self) -> Option<&Path> {
        match self {
            Self::Gateway(path) => Some(path),
            Self::Nginx => None,
        }
    }

    /// Starts it in front of `upstream` on a free port, with its files in `scratch`, and waits for the
    /// first answer.
    pub fn start(
        &self,
        options: Options<'_>,
        upstream: SocketAddr,
        scratch: &Path,
    ) -> io::Result<Proxy> {
        let address = free_address()?;
        let mut words = options.wrapper.to_vec();
        let log = scratch.join("log");
        match self {
            Self::Gateway(binary) => {
                let config = scratch.join("gateway.yaml");
                let text = gateway_config(address, upstream) + options.config;
                fs::write(&config, text)?;
                words.push(binary.display().to_string());
                words.push("--config".to_owned());
                words.push(config.display().to_string());
            }
            Self::Nginx => {
                let config = scratch.join("nginx.conf");
                fs::write(&config, nginx_config(address, upstream, scratch))?;
                words.push("nginx".to_owned());
                words.push("-c".to_owned());
                words.push(config.display().to_string());
            }
        }
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command.stdin(Stdio::null()).stdout(File::create(&log)?);
        command.stderr(File::options().append(true).open(&log)?);
        let started = Instant::now();
        let child = with_usual_descriptors(|| command.spawn())?;
        let mut proxy = Proxy {
            child,
            address,
            started,
            first_answer: Duration::ZERO,
            working: Vec::new(),
        };
        if let Err(error) = proxy.wait_for_answer(options.is_tls) {
            let said = fs::read_to_string(&log).unwrap_or_default();
            let program = words.join(" ");
            return Err(io::Error::other(format!("{program}: {error}\n{said}")));
        }
        proxy.working = match self {
            Self::Gateway(_) => vec![proxy.child.id()],
            Self::Nginx => process::children(proxy.child.id())?,
        };
        Ok(proxy)
    }
}

/// A running program; ends when dropped.
pub struct Proxy {
    child: Child,
    pub address: SocketAddr,
    started: Instant,
    /// From the start of the process to the first answered `/healthz`.
    pub first_answer: Duration,
    working: Vec<u32>,
}

impl Proxy {
    /// CPU time of the working processes.
    pub fn cpu(&self) -> io::Result<Duration> {
        self.working.iter().map(|pid| process::cpu(*pid)).sum()
    }

    /// Their resident memory in bytes.
    pub fn resident(&self) -> io::Result<u64> {
        self.working.iter().map(|pid| process::resident(*pid)).sum()
    }

    pub fn threads(&self) -> usize {
        self.working.iter().map(|pid| process::threads(*pid)).sum()
    }

    /// Open files and sockets.
    pub fn descriptors(&self) -> usize {
        let each = self.working.iter();
        each.map(|pid| process::descriptors(*pid)).sum()
    }

    /// Context switches so far, by thread.
    pub fn switches(&self) -> io::Result<HashMap<String, u64>> {
        let mut all = HashMap::new();
        for pid in &self.working {
            all.extend(process::switches(*pid)?);
        }
        Ok(all)
    }

    fn wait_for_answer(&mut self, is_tls: bool) -> io::Result<()> {
        let request = chat::health_request();
        while self.started.elapsed() < START_OR_END {
            let answer = client::connect(self.address).and_then(|mut stream| match is_tls {
                true => Ok(200),
                false => client::exchange(&mut stream, &request),
            });
            match answer {
                Ok(200) => {
                    self.first_answer = self.started.elapsed();
                    return Ok(());
                }
                Ok(status) => return Err(io::Error::other(format!("/healthz gave {status}"))),
                Err(_) => std::thread::sleep(Duration::from_micros(100)),
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("ended with {status}")));
            }
        }
        Err(io::Error::other("no answer from /healthz"))
    }
}

impl Drop for Proxy {
    /// SIGTERM first, so that callgrind writes its counts and nginx ends its workers.
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().ok();
        let asked = Instant::now();
        while asked.elapsed() < START_OR_END {
            if let Ok(Some(_)) = self.child.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Two keys of one provider, so that session affinity applies.
fn gateway_config(address: SocketAddr, upstream: SocketAddr) -> String {
    format!(
        "host: {}\nport: {}\napi-keys: [{CLIENT_KEY}]\nrouting:\n  session-affinity: true\n\
         openai-compatibility:\n  - name: figures\n    base-url: http://{upstream}/v1\n\
         \x20   api-key-entries: [{{api-key: first}}, {{api-key: second}}]\n\
         \x20   models: [{{name: {MODEL}, alias: {MODEL}}}]\n",
        address.ip(),
        address.port()
    )
}

fn nginx_config(address: SocketAddr, upstream: SocketAddr, scratch: &Path) -> String {
    let scratch = scratch.display();
    format!(
        "daemon off; worker_processes {NGINX_WORKERS}; worker_rlimit_nofile 16384;
pid {scratch}/nginx.pid; error_log {scratch}/nginx.log warn;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 300s; tcp_nodelay on;
  client_max_body_size 64m; client_body_buffer_size 1m;
  client_body_temp_path {scratch}/body; proxy_temp_path {scratch}/proxy;
  fastcgi_temp_path {scratch}/fastcgi; uwsgi_temp_path {scratch}/uwsgi; scgi_temp_path {scratch}/scgi;
  upstream figures {{ server {upstream}; keepalive 1024; keepalive_requests 1000000000; }}
  server {{
    listen {address} backlog=4096 reuseport;
    location = /healthz {{ return 200 ok; }}
    location / {{ proxy_pass http://figures; proxy_http_version 1.1; proxy_set_header Connection \"\"; }}
  }}
}}
"
    )
}

/// Lowers the limit for the started process; the tool itself may need more.
fn with_usual_descriptors<T>(start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let (soft, hard) = rlimit::Resource::NOFILE.get()?;
    rlimit::Resource::NOFILE.set(soft.min(USUAL_DESCRIPTORS), hard)?;
    let started = start();
    rlimit::Resource::NOFILE.set(soft, hard)?;
    started
}

/// A loopback address whose port was free a moment ago.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?.local_addr()
}
