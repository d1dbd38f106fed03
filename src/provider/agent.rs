//! The HTTP clients: one per proxy setting, made when first needed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector};
use ureq::{Agent, Proxy};

use super::dial::{Arrive, Depart, Dial};
use super::environment::{Environment, Variables};
use super::headers::PRODUCT;
use super::resolve::Lookup;
use super::target::ProxySetting;
use super::tls::Tls;
use super::trust::{System, Trust};

/// How upstreams are called.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Calls that may run at once: the size of the connection pools.
    pub workers: usize,
    /// The longest wait for a connection, TLS and proxies included.
    pub connect_timeout: Duration,
    /// The longest TLS handshake, which is a part of that.
    pub handshake_timeout: Duration,
    /// The longest wait for the head of an answer. Reasoning models take minutes.
    pub head_timeout: Duration,
    /// The longest silence in the body of an answer, and of an upstream that takes no bytes.
    pub silence: Duration,
    /// The longest event of a stream, bytes.
    pub event_bytes: usize,
    /// Where the environment's proxies and authorities are looked up, once.
    pub variables: Variables,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: 512,
            connect_timeout: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(600),
            silence: Duration::from_secs(300),
            event_bytes: crate::sse::MAX_EVENT,
            variables: Variables::default(),
        }
    }
}

/// How long an unused connection is kept (spec/config.md 5, "Reuse").
const IDLE: Duration = Duration::from_secs(90);
/// ureq's buffers of a TLS connection, bytes each way: one TLS record. Those of plain connections are our own.
const BUFFER: usize = 16 * 1024;
/// Agents for proxies kept at most; the one that was used longest ago makes room.
const AGENTS: usize = 64;

/// All agents.
pub struct Agents {
    settings: Settings,
    environment: Environment,
    system: Arc<System>,
    made: Mutex<Made>,
}

/// The agents there are.
struct Made {
    trust: Arc<Trust>,
    direct: Agent,
    /// By proxy URL, the last used last.
    proxied: Vec<(String, Agent)>,
}

impl Made {
    fn new(settings: &Settings, trust: Trust) -> Self {
        let trust = Arc::new(trust);
        Self {
            direct: agent(settings, &trust, None),
            trust,
            proxied: Vec::new(),
        }
    }
}

impl Agents {
    pub fn new(settings: Settings) -> Self {
        let system = Arc::new(System::of(&settings.variables));
        let trust = Trust::new(Arc::clone(&system), Vec::new());
        Self {
            environment: Environment::of(&settings.variables),
            system,
            made: Mutex::new(Made::new(&settings, trust)),
            settings,
        }
    }

    /// Trusts the authorities in `file` (PEM) from now on, beside those that are always trusted. Connections
    /// are kept if they are the same as before. A file that cannot be read changes nothing.
    pub fn trust(&self, file: Option<&Path>) {
        let more = match file.map(std::fs::read) {
            None => Vec::new(),
            Some(Ok(pem)) => pem,
            Some(Err(error)) => {
                log::error!("config: ca-file cannot be read, the old one stays: {error}");
                return;
            }
        };
        let mut made = self.made.lock();
        if made.trust.more() != more {
            *made = Made::new(&self.settings, Trust::new(Arc::clone(&self.system), more));
        }
    }

    /// The agent for a call to `uri`. `None` for a proxy that cannot be used: never a direct connection in
    /// its place.
    pub fn pick(&self, proxy: ProxySetting, uri: &Uri) -> Option<Agent> {
        let url = match proxy {
            ProxySetting::Url(url) => Some(url),
            ProxySetting::Direct => None,
            ProxySetting::Inherit => self.environment.proxy(uri).ok()?,
        };
        let mut made = self.made.lock();
        let Some(url) = url else {
            return Some(made.direct.clone());
        };
        let known = made.proxied.iter().position(|(known, _)| known == url);
        let entry = match known {
            Some(at) => made.proxied.remove(at),
            None => {
                let agent = agent(&self.settings, &made.trust, Some(proxied(url)?));
                if made.proxied.len() >= AGENTS {
                    made.proxied.remove(0);
                }
                (url.to_owned(), agent)
            }
        };
        let agent = entry.1.clone();
        made.proxied.push(entry);
        Some(agent)
    }
}

/// Reads a proxy URL: the four schemes of spec/config.md 5. With either SOCKS scheme the proxy resolves
/// names, which ureq does only for the second.
fn proxied(url: &str) -> Option<Proxy> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let scheme = match scheme.as_str() {
        "socks5" | "socks5h" => "socks5h",
        "http" | "https" => &scheme,
        _ => return None,
    };
    Proxy::new(&format!("{scheme}://{rest}")).ok()
}

fn agent(settings: &Settings, trust: &Arc<Trust>, proxy: Option<Proxy>) -> Agent {
    let config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        // What a proxy is told: calls have their own.
        .user_agent(PRODUCT)
        .proxy(proxy)
        .input_buffer_size(BUFFER)
        .output_buffer_size(BUFFER)
        .max_idle_connections(settings.workers)
        .max_idle_connections_per_host(settings.workers)
        .max_idle_age(IDLE)
        .timeout_connect(Some(settings.connect_timeout))
        .timeout_recv_response(Some(settings.head_timeout))
        .build();
    let chain = ()
        .chain(Depart)
        .chain(ConnectProxyConnector::default())
        .chain(Dial {
            silence: settings.silence,
        })
        .chain(Tls {
            trust: Arc::clone(trust),
            timeout: settings.handshake_timeout,
        })
        .chain(Arrive);
    Agent::with_parts(config, chain, Lookup::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_proxy_is_never_a_direct_connection() {
        let agents = Agents::new(Settings::default());
        let uri = Uri::from_static("http://127.0.0.1:1/");
        for url in [
            "",
            "nowhere",
            "ftp://h:1",
            "socks4://h:1",
            "http://",
            "h:8080",
        ] {
            assert!(agents.pick(ProxySetting::Url(url), &uri).is_none(), "{url}");
        }
        assert!(
            agents
                .pick(ProxySetting::Url("SOCKS5://u:p@h:1080"), &uri)
                .is_some()
        );
    }

    #[test]
    fn names_are_resolved_by_socks_proxies() {
        assert!(!proxied("socks5://h:1").unwrap().resolve_target());
        assert!(!proxied("socks5h://h:1").unwrap().resolve_target());
    }

    #[test]
    fn proxies_do_not_pile_up() {
        let agents = Agents::new(Settings::default());
        let uri = Uri::from_static("http://127.0.0.1:1/");
        for port in 1..200 {
            let url = format!("http://127.0.0.1:{port}");
            assert!(agents.pick(ProxySetting::Url(&url), &uri).is_some());
        }
        assert_eq!(agents.made.lock().proxied.len(), AGENTS);
    }
}
