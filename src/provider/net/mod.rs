//! Connections to upstreams: name resolution, pooling, proxies, TLS and HTTP/1.1. Every wait uses the [`Waiter`] of its
//! call and therefore ends when the client disconnects.

mod body;
mod connection;
mod dial;
mod environment;
mod http11;
mod input;
mod pool;
mod proxy;
mod resolve;
mod settings;
mod socket;
mod socks;
mod tls;
mod trust;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use body::Body;
use dial::Dial;
use environment::Environment;
pub use environment::Variables;
use http::Uri;
use http11::Limits;
pub use http11::request;
pub use pool::Origin;
use pool::{Name, Pool};
use resolve::Lookup;
pub use settings::Settings;
use trust::{System, Trust};

use super::target::ProxySetting;
use crate::exchange::Waiter;
use crate::failure::Headers;

/// The network: resolver, pool and TLS configuration.
pub struct Network {
    settings: Settings,
    environment: Environment,
    system: Arc<System>,
    trust: ArcSwap<Trust>,
    pool: Pool,
    dial: Dial,
}

/// The stage of a call, on which the meaning of a failure depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It uses a pooled connection, and no byte of an answer has arrived.
    Reused,
    /// It is opening a connection: name resolution, proxy, TLS.
    Connecting,
    /// It has opened a connection, or a part of an answer has arrived.
    Connected,
}

/// A call without an answer.
#[derive(Debug)]
pub struct CallError {
    pub error: io::Error,
    pub stage: Stage,
}

impl Network {
    pub fn new(settings: Settings) -> Self {
        let system = Arc::new(System::of(&settings.variables));
        let trust = Trust::new(Arc::clone(&system), Vec::new());
        Self {
            environment: Environment::of(&settings.variables),
            system,
            trust: ArcSwap::from_pointee(trust),
            pool: Pool::new(settings.idle_per_origin, settings.workers),
            dial: Dial {
                lookup: Lookup::default(),
                timeout: settings.connect_timeout,
                handshake_timeout: settings.handshake_timeout,
            },
            settings,
        }
    }

    /// Sets a file (PEM) of trusted authorities, in addition to those that are always trusted. Connections are kept if its
    /// content is unchanged. A file that cannot be read changes nothing.
    pub fn trust(&self, file: Option<&Path>) {
        let more = match file.map(std::fs::read) {
            None => Vec::new(),
            Some(Ok(pem)) => pem,
            Some(Err(error)) => {
                log::error!(
                    "config: ca-file cannot be read; the previous one stays in use: {error}"
                );
                return;
            }
        };
        if self.trust.load().more() != more {
            let trust = Trust::new(Arc::clone(&self.system), more);
            self.trust.store(Arc::new(trust));
            self.pool.clear();
        }
    }

    /// The origin for a call to `uri`. `None` if the proxy URL is invalid: a proxy is never bypassed.
    pub fn origin(&self, proxy: ProxySetting, uri: &Uri) -> Option<Arc<Origin>> {
        let proxy = match proxy {
            ProxySetting::Url(url) => Some(url),
            ProxySetting::Direct => None,
            ProxySetting::Inherit => self.environment.proxy(uri).ok()?,
        };
        let is_tls = uri.scheme_str() == Some("https");
        let name = Name {
            is_tls,
            host: proxy::bare(uri.host()?),
            port: uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            proxy,
        };
        self.pool.origin(name, &self.trust.load())
    }

    /// Sends a request, with its head as bytes ([`request`]), to `origin` and waits for the head of its answer; on a new
    /// connection if `is_fresh`.
    ///
    /// # Errors
    /// Any failure before the head of the answer.
    pub fn ask(
        &self,
        origin: &Arc<Origin>,
        head: &[u8],
        body: &[&[u8]],
        waiter: &Waiter,
        is_fresh: bool,
    ) -> Result<(u16, Headers, Body), CallError> {
        let reused = match is_fresh {
            true => None,
            false => origin.take(Instant::now()),
        };
        let (mut connection, mut stage) = match reused {
            Some(connection) => (connection, Stage::Reused),
            None => {
                let opened = self.dial.open(origin, waiter);
                let opened = opened.map_err(|error| CallError {
                    error,
                    stage: Stage::Connecting,
                })?;
                (opened, Stage::Connected)
            }
        };
        let silence = self.settings.silence;
        let mut exchange = || {
            let mut limits = Limits {
                silence: Some(silence),
                deadline: None,
                late: "the upstream did not answer in time",
            };
            http11::send(&mut connection, head, body, waiter, limits)?;
            limits.deadline = Instant::now().checked_add(self.settings.head_timeout);
            let mut has_begun = false;
            let head = http11::read_head(&mut connection, false, waiter, limits, &mut has_begun);
            if has_begun {
                stage = Stage::Connected;
            }
            head
        };
        match exchange() {
            Ok((head, input)) => {
                let origin = Arc::clone(origin);
                let waiter = waiter.clone();
                let (end, is_kept) = (head.end, head.is_kept);
                let body = Body::new(end, is_kept, connection, input, origin, waiter, silence);
                Ok((head.status, head.headers, body))
            }
            Err(error) => Err(CallError { error, stage }),
        }
    }

    /// Closes expired connections. Call it every few seconds.
    pub fn sweep(&self, now: Instant) {
        self.pool.sweep(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_proxy_is_never_a_direct_connection() {
        let network = Network::new(Settings::default());
        let uri = Uri::from_static("http://127.0.0.1:1/");
        for url in ["", "nowhere", "ftp://h:1", "socks4://h:1", "h:8080"] {
            let proxy = ProxySetting::Url(url);
            assert!(network.origin(proxy, &uri).is_none(), "{url}");
        }
        let origin = network.origin(ProxySetting::Url("SOCKS5://u:p@h:1080"), &uri);
        assert!(origin.unwrap().proxy.is_some());
        let origin = network.origin(ProxySetting::Direct, &uri).unwrap();
        assert!(origin.proxy.is_none());
    }
}
