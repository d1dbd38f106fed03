//! The two kinds of URL a configuration holds: where an upstream is, and the proxy on the way to it.

use std::fmt;

use super::secret::Secret;

/// How the upstreams of a credential are reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProxySetting {
    /// As the next wider setting says: credential, then global, then environment.
    #[default]
    Inherit,
    /// No proxy, whatever the environment says.
    Direct,
    /// This proxy.
    Url(ProxyUrl),
}

/// A checked `http`, `https`, `socks5` or `socks5h` URL. It may hold a password, so it prints as
/// `scheme://host`.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl {
    url: Secret,
    shown: String,
}

impl ProxySetting {
    /// Reads `proxy-url`. The message on failure never repeats the text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::Inherit);
        }
        if text.eq_ignore_ascii_case("direct") || text.eq_ignore_ascii_case("none") {
            return Ok(Self::Direct);
        }
        let parts = Parts::of(text).ok_or("must be a proxy URL such as `socks5://host:1080`")?;
        let scheme = parts.scheme.to_ascii_lowercase();
        if !matches!(scheme.as_str(), "http" | "https" | "socks5" | "socks5h") {
            return Err("must start with http://, https://, socks5:// or socks5h://");
        }
        if !matches!(parts.rest, "" | "/") {
            return Err("must end after the host and port");
        }
        Ok(Self::Url(ProxyUrl {
            url: Secret::new(text),
            shown: format!("{scheme}://{}", parts.host),
        }))
    }

    /// The setting as text, for what identifies a credential.
    pub fn reveal(&self) -> &str {
        match self {
            Self::Inherit => "",
            Self::Direct => "direct",
            Self::Url(url) => url.reveal(),
        }
    }
}

impl ProxyUrl {
    /// The whole URL, with user name and password.
    pub fn reveal(&self) -> &str {
        self.url.reveal()
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyUrl({self})")
    }
}

/// Reads `base-url`: `http` or `https`, a host, perhaps a path; without the slashes at its end.
pub fn base(text: &str) -> Result<String, &'static str> {
    let text = text.trim().trim_end_matches('/');
    let parts = Parts::of(text).ok_or("must be a URL such as `https://api.example.com/v1`")?;
    if !parts.scheme.eq_ignore_ascii_case("http") && !parts.scheme.eq_ignore_ascii_case("https") {
        return Err("must start with http:// or https://");
    }
    if parts.user.is_some() {
        return Err("must not hold a user name or password, use `headers`");
    }
    if parts.rest.contains(['?', '#']) {
        return Err("must not have a query or fragment");
    }
    Ok(text.to_owned())
}

struct Parts<'a> {
    scheme: &'a str,
    user: Option<&'a str>,
    host: &'a str,
    rest: &'a str,
}

impl<'a> Parts<'a> {
    /// `scheme://[user@]host[:port][rest]`, all of it visible ASCII.
    fn of(text: &'a str) -> Option<Self> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let (scheme, after) = text.split_once("://")?;
        let (authority, rest) = after.split_at(after.find(['/', '?', '#']).unwrap_or(after.len()));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        (!scheme.is_empty() && is_host(host)).then_some(Self {
            scheme,
            user,
            host,
            rest,
        })
    }
}

/// `name`, `1.2.3.4` or `[::1]`, each with an optional port.
fn is_host(text: &str) -> bool {
    let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            (address, port)
        }
        None => {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            let part =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
            if !name.bytes().all(part) {
                return false;
            }
            (name, port)
        }
    };
    let port = match port.strip_prefix(':') {
        Some(digits) => digits.parse::<u16>().is_ok_and(|port| port > 0),
        None => port.is_empty(),
    };
    !name.is_empty() && port
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies() {
        use ProxySetting::{Direct, Inherit};
        assert_eq!(ProxySetting::parse("  "), Ok(Inherit));
        assert_eq!(ProxySetting::parse(" Direct "), Ok(Direct));
        assert_eq!(ProxySetting::parse("NONE"), Ok(Direct));
        for (text, shown) in [
            ("http://proxy:3128", "http://proxy:3128"),
            (
                "https://user:pa:ss@proxy.example.com",
                "https://proxy.example.com",
            ),
            ("SOCKS5://u:p@[::1]:1080/", "socks5://[::1]:1080"),
            ("socks5h://10.0.0.1:1080", "socks5h://10.0.0.1:1080"),
        ] {
            let Ok(ProxySetting::Url(url)) = ProxySetting::parse(text) else {
                panic!("{text}");
            };
            assert_eq!(url.to_string(), shown);
            assert_eq!(url.reveal(), text);
            assert!(!format!("{url:?}").contains("p@"), "{url:?}");
        }
        for text in [
            "ftp://x",
            "proxy:3128",
            "http://",
            "http://:80",
            "http://h:0",
            "http://h:99999",
            "http://h:port",
            "socks5://h/path",
            "http://a b",
            "http://[::1",
            "http://[zz]:1",
            "http://h@",
            "://h",
        ] {
            assert!(ProxySetting::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bases() {
        for (text, kept) in [
            ("https://api.anthropic.com", "https://api.anthropic.com"),
            (" http://127.0.0.1:8080/v1// ", "http://127.0.0.1:8080/v1"),
            ("HTTPS://[::1]:1/a/b", "HTTPS://[::1]:1/a/b"),
        ] {
            assert_eq!(base(text).as_deref(), Ok(kept));
        }
        for text in [
            "",
            "api.example.com",
            "ftp://x",
            "https://",
            "https://u:p@h",
            "https://h?x=1",
            "https://h/#a",
            "https://h/ü",
        ] {
            assert!(base(text).is_err(), "{text}");
        }
    }
}
