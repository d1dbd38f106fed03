//! Checks this machine: open files, memory, folders, the port, certificates, proxies.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{Access, access};

use super::{Finding, Status, bytes};
use crate::capacity::{self, Capacity};
use crate::config::{Config, ProxySetting};
use crate::credential::Credential;
use crate::edge::{self, listener};

/// The recommended least memory, bytes.
const LEAST_MEMORY: u64 = 64 << 20;
/// A certificate that expires sooner gets a warning.
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);
/// How long a program at the configured address may take to identify itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// The environment and the folders for logs and state.
pub struct Surroundings<'a> {
    pub variables: &'a dyn Fn(&str) -> Option<String>,
    pub logs: PathBuf,
    /// `None`: there is no such folder.
    pub state: Option<PathBuf>,
}

/// All findings that need no upstream.
pub fn machine(
    config: &Config,
    credentials: &[Credential],
    surroundings: &Surroundings<'_>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(certificate(config, SystemTime::now()));
    findings.extend(authorities(surroundings));
    findings.extend(proxies(config, credentials, surroundings));
    let capacity = Capacity::of(&config.limits);
    findings.push(open_files(&capacity, config.limits.connections));
    findings.push(memory(&capacity, capacity::memory()));
    findings.extend(folders(config, surroundings));
    findings.push(port(config));
    findings
}

/// Whether the gateway's certificate is valid now. `check` reports a certificate that cannot be loaded.
fn certificate(config: &Config, now: SystemTime) -> Option<Finding> {
    let tls = config.tls.as_ref()?;
    let file = tls.cert.display();
    let subject = "certificate";
    let is_valid = |at| edge::is_valid_at(&tls.cert, at);
    Some(match (is_valid(now), is_valid(now + SOON)) {
        // Reported with the configuration.
        (None, _) | (_, None) => return None,
        (Some(false), _) => Finding::new(
            Status::Error,
            subject,
            format!("{file} has expired, or is not valid yet"),
        )
        .advised("install a new certificate; a reload activates it"),
        (Some(true), Some(false)) => Finding::new(
            Status::Warning,
            subject,
            format!("{file} expires within 14 days"),
        )
        .advised("renew it; a reload activates the new certificate"),
        (Some(true), Some(true)) => Finding::new(Status::Ok, subject, format!("{file} is valid")),
    })
}

/// Certificate authorities named in the environment. `ca-file` is checked with the configuration.
fn authorities(surroundings: &Surroundings<'_>) -> Vec<Finding> {
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .into_iter()
        .filter_map(|name| {
            let value = (surroundings.variables)(name).filter(|value| !value.is_empty())?;
            Some((name, PathBuf::from(value)))
        });
    named
        .map(|(name, path)| {
            let shown = path.display();
            let read = match path.is_dir() {
                true => std::fs::read_dir(&path).map(|_| ()),
                false => std::fs::read(&path).map(|_| ()),
            };
            let subject = "authorities";
            match read {
                Ok(()) => Finding::new(Status::Ok, subject, format!("{name}: {shown} is readable")),
                Err(error) => {
                    let message = format!("{name}: {shown} cannot be read: {error}");
                    let advice = format!("make {shown} readable, or unset {name}");
                    Finding::new(Status::Error, subject, message).advised(advice)
                }
            }
        })
        .collect()
}

/// The proxies of the environment and the configuration.
fn proxies(
    config: &Config,
    credentials: &[Credential],
    surroundings: &Surroundings<'_>,
) -> Vec<Finding> {
    let subject = "proxy";
    let mut findings = Vec::new();
    for names in [
        ["HTTPS_PROXY", "https_proxy"],
        ["HTTP_PROXY", "http_proxy"],
        ["ALL_PROXY", "all_proxy"],
    ] {
        let found = names.iter().find_map(|name| {
            let value = (surroundings.variables)(name)?.trim().to_owned();
            (!value.is_empty()).then_some((*name, value))
        });
        let Some((name, value)) = found else { continue };
        // The scheme is often omitted.
        let url = match value.contains("://") {
            true => value,
            false => format!("http://{value}"),
        };
        findings.push(match ProxySetting::parse(&url) {
            Ok(ProxySetting::Url(url)) => {
                Finding::new(Status::Ok, subject, format!("{name}: {url}"))
            }
            Ok(_) => continue,
            Err(reason) => Finding::new(Status::Error, subject, format!("{name} {reason}"))
                .advised(format!("set {name}=http://HOST:PORT, or unset it")),
        });
    }
    let own = credentials.iter().map(|credential| &credential.proxy);
    let mut urls: Vec<String> = own
        .chain([&config.proxy_url])
        .filter_map(|setting| match setting {
            ProxySetting::Url(url) => Some(url.to_string()),
            ProxySetting::Inherit | ProxySetting::Direct => None,
        })
        .collect();
    urls.sort_unstable();
    urls.dedup();
    findings.extend(
        urls.into_iter()
            .map(|url| Finding::new(Status::Ok, subject, format!("proxy-url: {url}"))),
    );
    if findings.is_empty() {
        findings.push(Finding::new(Status::Ok, subject, "none"));
    }
    findings
}

fn open_files(capacity: &Capacity, wanted: Option<usize>) -> Finding {
    let subject = "open files";
    let connections = capacity.connections;
    let wanted = wanted.unwrap_or(capacity::CONNECTIONS);
    let message = format!("{connections} concurrent client connections");
    match connections < wanted {
        false => Finding::new(Status::Ok, subject, message),
        true => Finding::new(
            Status::Warning,
            subject,
            format!("the limit allows only {message} instead of {wanted}"),
        )
        .advised(
            "raise it: `ulimit -n 65536` before startup, or LimitNOFILE=65536 in the systemd unit",
        ),
    }
}

fn memory(capacity: &Capacity, memory: u64) -> Finding {
    let subject = "memory";
    let budget = u64::try_from(capacity.budget).unwrap_or(u64::MAX);
    let message = format!(
        "{}, of which {} for bodies and answers; {} concurrent requests",
        bytes(memory),
        bytes(budget),
        capacity.workers
    );
    if memory < LEAST_MEMORY {
        return Finding::new(Status::Warning, subject, message).advised(
            "provide 64 MiB or more (MemoryMax= in the systemd unit, or the container's limit)",
        );
    }
    if budget > memory / 4 * 3 {
        return Finding::new(Status::Warning, subject, message)
            .advised("limits.memory leaves too little for the rest: set it to at most half of the memory, or remove it");
    }
    Finding::new(Status::Ok, subject, message)
}

/// Whether files can be created where they are configured.
fn folders(config: &Config, surroundings: &Surroundings<'_>) -> Vec<Finding> {
    let beside = |file: &Path| match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let sessions = config.routing.session_affinity_file.as_deref();
    let usage = config.usage.file.as_deref();
    let logs = Some(surroundings.logs.clone()).filter(|_| !config.logs.commercial);
    let folders = [
        ("logs", logs, true),
        ("state", surroundings.state.clone(), true),
        ("session-affinity-file", sessions.map(beside), false),
        ("usage-statistics-file", usage.map(beside), false),
    ];
    let folders = folders.into_iter();
    let mut findings: Vec<Finding> = folders
        .filter_map(|(what, folder, is_made)| Some(writable(what, &folder?, is_made)))
        .collect();
    if surroundings.state.is_none() {
        let message =
            "there is no folder for state, so lists of models are fetched again at each startup";
        let advice = "set WRITABLE_PATH or HOME";
        findings.push(Finding::new(Status::Warning, "state", message).advised(advice));
    }
    findings
}

/// `is_made`: a missing folder is created when it is needed.
fn writable(what: &str, folder: &Path, is_made: bool) -> Finding {
    let shown = folder.display();
    let there = match is_made {
        true => folder.ancestors().find(|at| at.exists()).unwrap_or(folder),
        false => folder,
    };
    let there = match there.as_os_str().is_empty() {
        true => Path::new("."),
        false => there,
    };
    let can = there.is_dir() && access(there, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    let is_there = folder.is_dir();
    match (can, is_there) {
        (true, true) => Finding::new(Status::Ok, what, format!("{shown} is writable")),
        (true, false) => Finding::new(Status::Ok, what, format!("{shown} can be created")),
        (false, _) => Finding::new(Status::Error, what, format!("{shown} is not writable"))
            .advised(format!(
                "create the folder and make the user that runs holdfast its owner: mkdir -p {shown} && chown USER {shown}"
            )),
    }
}

/// Whether the address is free or in use by a running holdfast.
fn port(config: &Config) -> Finding {
    let hosts = config.listen_hosts();
    let host = hosts.first().map_or("", String::as_str);
    let shown = match host {
        "" => format!("port {}", config.port),
        host => format!("{host}:{}", config.port),
    };
    let error = match listener::bind(host, config.port) {
        Ok(_) => return Finding::new(Status::Ok, "port", format!("{shown} is free")),
        Err(error) => error,
    };
    if error.kind() == io::ErrorKind::AddrInUse && has_gateway(host, config.port) {
        return Finding::new(
            Status::Ok,
            "port",
            format!("holdfast is running at {shown}"),
        );
    }
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "another program uses it: choose another `port`, or stop that program (find it with lsof -i :{})",
            config.port
        ),
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 require root: choose a higher `port`".to_owned()
        }
        _ => "check that `host` is an address of this machine".to_owned(),
    };
    let message = format!("cannot listen on {shown}: {error}");
    Finding::new(Status::Error, "port", message).advised(advice)
}

/// Whether the program at the address identifies itself as holdfast.
fn has_gateway(host: &str, port: u16) -> bool {
    use std::io::{Read, Write};
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = match bare {
        "" => Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        _ => (bare, port)
            .to_socket_addrs()
            .ok()
            .and_then(|mut all| all.next()),
    };
    let Some(mut address) = address else {
        return false;
    };
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let asked = || -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(4096).read_to_string(&mut answer)?;
        Ok(answer)
    };
    asked().is_ok_and(|answer| answer.contains("\"message\":\"holdfast "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_looked_at_where_it_will_be() {
        let folder = std::env::temp_dir().join(format!("holdfast-doctor-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("file");
        std::fs::write(&file, "").unwrap();
        for (path, is_made, expected) in [
            (folder.clone(), false, Status::Ok),
            (folder.join("a/b"), true, Status::Ok),
            (folder.join("a/b"), false, Status::Error),
            (file.join("a"), true, Status::Error),
        ] {
            let found = writable("logs", &path, is_made);
            assert_eq!(found.status, expected, "{found:?}");
            assert_eq!(found.advice.is_some(), expected == Status::Error);
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn little_memory_and_few_files_are_told() {
        let capacity = Capacity {
            workers: 8,
            connections: 100,
            budget: 48 << 20,
        };
        assert_eq!(memory(&capacity, 60 << 20).status, Status::Warning);
        assert_eq!(memory(&capacity, 512 << 20).status, Status::Ok);
        let greedy = Capacity {
            budget: 500 << 20,
            ..capacity
        };
        assert_eq!(memory(&greedy, 512 << 20).status, Status::Warning);
        assert_eq!(open_files(&capacity, Some(100)).status, Status::Ok);
        assert_eq!(open_files(&capacity, None).status, Status::Warning);
    }
}
