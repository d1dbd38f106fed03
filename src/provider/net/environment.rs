//! Proxies of the environment, and `NO_PROXY`. The variables and their meaning are those that curl
//! (<https://everything.curl.dev/usingcurl/proxies/env.html>) and Go (`golang.org/x/net/http/httpproxy`) have in
//! common.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::Uri;

use crate::config::{ProxySetting, ProxyUrl};

/// Looks up environment variables: those of the process by default. A program can add others, for example those of a
/// `.env` file.
#[derive(Clone)]
pub struct Variables(Arc<LookUp>);

type LookUp = dyn Fn(&str) -> Option<String> + Send + Sync;

impl Variables {
    pub fn new(look_up: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(look_up))
    }

    /// The value of a variable, if it is not empty.
    pub fn get(&self, name: &str) -> Option<String> {
        self.first(&[name])
    }

    /// The first of `names` with a value.
    pub(in crate::provider) fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| {
            let value = (self.0)(name)?.trim().to_owned();
            (!value.is_empty()).then_some(value)
        })
    }
}

impl Default for Variables {
    fn default() -> Self {
        Self::new(|name| std::env::var(name).ok())
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Variables(..)")
    }
}

/// The proxies of the environment, read once.
#[derive(Debug)]
pub struct Environment {
    http: Named,
    https: Named,
    exempt: Vec<Exempt>,
}

/// The value of a proxy variable.
#[derive(Debug)]
enum Named {
    Nothing,
    Proxy(ProxyUrl),
    /// An invalid value. It is an error, because the user did not want a direct connection.
    Unusable,
}

impl Environment {
    pub fn of(variables: &Variables) -> Self {
        let exempt = variables.first(&["NO_PROXY", "no_proxy"]);
        let exempt = exempt.as_deref().unwrap_or_default();
        Self {
            http: Named::of(variables, ["HTTP_PROXY", "http_proxy"]),
            https: Named::of(variables, ["HTTPS_PROXY", "https_proxy"]),
            exempt: exempt
                .split([',', ' '])
                .filter_map(|entry| Exempt::parse(entry.trim()))
                .collect(),
        }
    }

    /// The URL of the proxy for a call to `uri`, if there is one.
    ///
    /// # Errors
    /// When the value is invalid.
    pub fn proxy(&self, uri: &Uri) -> Result<Option<&str>, ()> {
        let is_https = uri.scheme_str() == Some("https");
        let named = if is_https { &self.https } else { &self.http };
        if matches!(named, Named::Nothing) {
            return Ok(None);
        }
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let address = host.parse().ok();
        let is_exempt = |exempt: &Exempt| exempt.covers(&host, address, port);
        match named {
            _ if is_loopback(&host, address) || self.exempt.iter().any(is_exempt) => Ok(None),
            Named::Proxy(url) => Ok(Some(url.reveal())),
            Named::Nothing => Ok(None),
            Named::Unusable => Err(()),
        }
    }
}

impl Named {
    fn of(variables: &Variables, [upper, lower]: [&'static str; 2]) -> Self {
        let Some(text) = variables.first(&[upper, lower, "ALL_PROXY", "all_proxy"]) else {
            return Self::Nothing;
        };
        // The scheme is often omitted.
        let url = match text.contains("://") {
            true => text,
            false => format!("http://{text}"),
        };
        match ProxySetting::parse(&url) {
            Ok(ProxySetting::Url(url)) => {
                log::info!("proxy from the environment ({upper}): {url}");
                Self::Proxy(url)
            }
            Ok(_) => Self::Nothing,
            Err(reason) => {
                log::error!("environment variable {upper} {reason}; calls that need it will fail");
                Self::Unusable
            }
        }
    }
}

/// One entry of `NO_PROXY`.
#[derive(Debug)]
struct Exempt {
    target: Target,
    /// `None` for all ports.
    port: Option<u16>,
}

#[derive(Debug, PartialEq, Eq)]
enum Target {
    All,
    /// Addresses with this prefix length.
    Network(IpAddr, u32),
    /// This name, unless the entry begins with a dot, and its subdomains.
    Domain {
        name: String,
        itself: bool,
    },
}

impl Exempt {
    fn parse(entry: &str) -> Option<Self> {
        let (text, port) = split_port(entry);
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        let target = if text == "*" {
            Target::All
        } else if let Ok(address) = bare.parse() {
            Target::Network(address, 128)
        } else if let Some((address, bits)) = text.split_once('/') {
            Target::Network(address.parse().ok()?, bits.parse().ok()?)
        } else {
            let text = text.strip_prefix('*').unwrap_or(text);
            let name = text.trim_matches('.').to_ascii_lowercase();
            if name.is_empty() {
                return None;
            }
            Target::Domain {
                name,
                itself: !text.starts_with('.'),
            }
        };
        Some(Self { target, port })
    }

    fn covers(&self, host: &str, address: Option<IpAddr>, port: u16) -> bool {
        if self.port.is_some_and(|own| own != port) {
            return false;
        }
        match &self.target {
            Target::All => true,
            Target::Network(network, bits) => {
                address.is_some_and(|address| is_within(address, *network, *bits))
            }
            Target::Domain { name, itself } => host
                .strip_suffix(name.as_str())
                .is_some_and(|rest| rest.ends_with('.') || (rest.is_empty() && *itself)),
        }
    }
}

/// An entry without its port. An entry with several colons is an IPv6 address.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    let parts = entry.rsplit_once(':');
    let parts = parts.filter(|(host, _)| host.ends_with(']') || !host.contains(':'));
    match parts.and_then(|(host, port)| Some((host, port.parse().ok()?))) {
        Some((host, port)) => (host, Some(port)),
        None => (entry, None),
    }
}

fn is_within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let differing = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros().min(32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        _ => return false,
    };
    let width = if address.is_ipv4() { 32 } else { 128 };
    differing >= bits.min(width)
}

fn is_loopback(host: &str, address: Option<IpAddr>) -> bool {
    match address {
        Some(address) => address.is_loopback(),
        None => host == "localhost" || host.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &'static [(&'static str, &'static str)]) -> Environment {
        Environment::of(&Variables::new(|name| {
            let found = pairs.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        }))
    }

    fn proxy(environment: &Environment, uri: &str) -> Option<String> {
        let proxy = environment.proxy(&uri.parse().unwrap()).unwrap();
        proxy.map(str::to_owned)
    }

    #[test]
    fn each_scheme_has_its_proxy() {
        let both = environment(&[
            ("HTTP_PROXY", "http://plain:1"),
            ("https_proxy", "socks5://u:p@tls:2"),
            ("ALL_PROXY", "http://all:3"),
        ]);
        assert_eq!(proxy(&both, "http://h/").unwrap(), "http://plain:1");
        assert_eq!(proxy(&both, "https://h/").unwrap(), "socks5://u:p@tls:2");
        let one = environment(&[("HTTP_PROXY", "plain:1"), ("HTTPS_PROXY", " ")]);
        assert_eq!(proxy(&one, "http://h/").unwrap(), "http://plain:1");
        assert_eq!(proxy(&one, "https://h/"), None);
        let all = environment(&[("all_proxy", "socks5h://s:3"), ("HTTP_PROXY", "")]);
        assert_eq!(proxy(&all, "http://h/").unwrap(), "socks5h://s:3");
        assert_eq!(proxy(&all, "https://h/").unwrap(), "socks5h://s:3");
        assert_eq!(proxy(&environment(&[]), "https://h/"), None);
    }

    #[test]
    fn upper_case_goes_before_lower_case() {
        let both = environment(&[
            ("HTTPS_PROXY", "http://upper"),
            ("https_proxy", "http://lower"),
        ]);
        assert_eq!(proxy(&both, "https://h/").unwrap(), "http://upper");
    }

    #[test]
    fn what_cannot_be_used_is_no_direct_connection() {
        let bad = environment(&[("HTTPS_PROXY", "ftp://h"), ("NO_PROXY", "free.example")]);
        for (uri, expected) in [
            ("https://h/", Err(())),
            ("http://h/", Ok(None)),
            ("https://free.example/", Ok(None)),
            ("https://127.0.0.1/", Ok(None)),
        ] {
            assert_eq!(bad.proxy(&uri.parse().unwrap()), expected, "{uri}");
        }
    }

    #[test]
    fn loopback_targets_pass_it_by() {
        let environment = environment(&[("ALL_PROXY", "http://p")]);
        for (uri, passes) in [
            ("http://localhost:1/", true),
            ("http://LOCALHOST./", true),
            ("http://a.localhost/", true),
            ("http://127.9.9.9/", true),
            ("https://[::1]:5/", true),
            ("http://10.0.0.1/", false),
            ("http://localhost.example/", false),
        ] {
            assert_eq!(proxy(&environment, uri).is_none(), passes, "{uri}");
        }
    }

    #[test]
    fn no_proxy_is_read_entry_by_entry() {
        let environment = environment(&[
            ("HTTPS_PROXY", "http://p"),
            (
                "NO_PROXY",
                "example.com, .sub.test,*.star.test 10.1.0.0/16,192.0.2.7,port.test:8443,[2001:db8::1]:1,2001:db8:1::/48,,/,a/b",
            ),
        ]);
        for (uri, passes) in [
            ("https://example.com/", true),
            ("https://API.Example.com/", true),
            ("https://myexample.com/", false),
            ("https://sub.test/", false),
            ("https://a.sub.test/", true),
            ("https://star.test/", false),
            ("https://a.star.test/", true),
            ("https://10.1.255.1/", true),
            ("https://10.2.0.1/", false),
            ("https://192.0.2.7:5/", true),
            ("https://192.0.2.8/", false),
            ("https://port.test:8443/", true),
            ("https://port.test/", false),
            ("https://[2001:db8::1]:1/", true),
            ("https://[2001:db8::1]/", false),
            ("https://[2001:db8:1::9]/", true),
            ("https://[2001:db8:2::9]/", false),
        ] {
            assert_eq!(proxy(&environment, uri).is_none(), passes, "{uri}");
        }
        assert_eq!(Exempt::parse("*").unwrap().target, Target::All);
    }
}
