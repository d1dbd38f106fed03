//! The HTTP clients: one per proxy setting, made when first needed.

use std::time::Duration;

use parking_lot::Mutex;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, RustlsConnector};
use ureq::{Agent, Proxy};

use super::dial::{Arrive, Depart, Dial};
use super::resolve::Lookup;
use super::target::ProxySetting;

/// How upstreams are called.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Calls that may run at once: the size of the connection pools.
    pub workers: usize,
    /// The longest wait for a connection, TLS and proxies included.
    pub connect_timeout: Duration,
    /// The longest wait for the head of an answer. Reasoning models take minutes.
    pub head_timeout: Duration,
    /// The longest silence in the body of an answer, and of an upstream that takes no bytes.
    pub silence: Duration,
    /// The longest event of a stream, bytes.
    pub event_bytes: usize,
    /// Certificates, DER, of the authorities to trust in place of the built-in ones.
    pub roots: Option<Vec<Vec<u8>>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: 512,
            connect_timeout: Duration::from_secs(30),
            head_timeout: Duration::from_secs(600),
            silence: Duration::from_secs(300),
            event_bytes: crate::sse::MAX_EVENT,
            roots: None,
        }
    }
}

/// How long an unused connection is kept (spec/config.md 5, "Reuse").
const IDLE: Duration = Duration::from_secs(90);
/// ureq's buffers of a TLS connection, bytes each way: one TLS record. Those of plain connections are our own.
const BUFFER: usize = 16 * 1024;
/// Agents for explicit proxies kept at most; the one that was used longest ago makes room.
const AGENTS: usize = 64;

/// All agents.
pub struct Agents {
    settings: Settings,
    direct: Agent,
    /// By the proxy of the environment, read once.
    environment: Option<Agent>,
    /// By proxy URL, the last used last.
    explicit: Mutex<Vec<(String, Agent)>>,
}

impl Agents {
    pub fn new(settings: Settings) -> Self {
        Self {
            direct: agent(&settings, None),
            environment: Proxy::try_from_env().map(|proxy| agent(&settings, Some(proxy))),
            explicit: Mutex::default(),
            settings,
        }
    }

    /// The agent for a call to `uri`. `None` for a proxy URL that cannot be used: never a direct
    /// connection in its place.
    pub fn pick(&self, proxy: ProxySetting, uri: &Uri) -> Option<Agent> {
        match (proxy, &self.environment) {
            (ProxySetting::Url(url), _) => self.through(url),
            (ProxySetting::Inherit, Some(agent)) if !is_loopback(uri) => Some(agent.clone()),
            (ProxySetting::Inherit | ProxySetting::Direct, _) => Some(self.direct.clone()),
        }
    }

    fn through(&self, url: &str) -> Option<Agent> {
        let mut explicit = self.explicit.lock();
        let known = explicit.iter().position(|(known, _)| known == url);
        let entry = match known {
            Some(at) => explicit.remove(at),
            None => {
                if explicit.len() >= AGENTS {
                    explicit.remove(0);
                }
                (url.to_owned(), agent(&self.settings, Some(proxy(url)?)))
            }
        };
        let agent = entry.1.clone();
        explicit.push(entry);
        Some(agent)
    }
}

/// Reads a proxy URL: the four schemes of spec/config.md 5. With either SOCKS scheme the proxy resolves
/// names, which ureq does only for the second.
fn proxy(url: &str) -> Option<Proxy> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let scheme = match scheme.as_str() {
        "socks5" | "socks5h" => "socks5h",
        "http" | "https" => &scheme,
        _ => return None,
    };
    Proxy::new(&format!("{scheme}://{rest}")).ok()
}

fn agent(settings: &Settings, proxy: Option<Proxy>) -> Agent {
    let roots = match &settings.roots {
        None => RootCerts::WebPki,
        Some(roots) => {
            let roots = roots
                .iter()
                .map(|root| Certificate::from_der(root).to_owned());
            RootCerts::from(roots)
        }
    };
    let config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(proxy)
        .tls_config(TlsConfig::builder().root_certs(roots).build())
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
        .chain(RustlsConnector::default())
        .chain(Arrive);
    Agent::with_parts(config, chain, Lookup::default())
}

/// Whether the environment's proxies are passed by.
fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => bare.eq_ignore_ascii_case("localhost"),
    }
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
        assert!(!proxy("socks5://h:1").unwrap().resolve_target());
        assert!(!proxy("socks5h://h:1").unwrap().resolve_target());
    }

    #[test]
    fn proxies_do_not_pile_up() {
        let agents = Agents::new(Settings::default());
        let uri = Uri::from_static("http://127.0.0.1:1/");
        for port in 1..200 {
            let url = format!("http://127.0.0.1:{port}");
            assert!(agents.pick(ProxySetting::Url(&url), &uri).is_some());
        }
        assert_eq!(agents.explicit.lock().len(), AGENTS);
    }

    #[test]
    fn loopback_is_known() {
        for (uri, expected) in [
            ("http://localhost:1/", true),
            ("http://127.9.9.9/", true),
            ("http://[::1]:5/", true),
            ("http://10.0.0.1/", false),
            ("http://localhost.example/", false),
        ] {
            assert_eq!(is_loopback(&uri.parse().unwrap()), expected, "{uri}");
        }
    }
}
