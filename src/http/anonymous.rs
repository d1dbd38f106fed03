//! Requests without client keys: programs on this host are served, web pages are not.
//!
//! A web page can send requests to any address that the browser can reach. Browsers send the page's origin (`Origin`, or
//! `Sec-Fetch-Site` without it) and the host name in the URL (`Host`). A host name of the page's own may resolve to this
//! host (DNS rebinding). What serves programs on this host without a key even if keys are configured must also refuse what a
//! reverse proxy on this host passes on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A request to a gateway without client keys, and the settings that apply.
#[derive(Clone, Copy, Debug)]
pub struct AnonymousRequest<'r> {
    pub peer: SocketAddr,
    /// The gateway's listening addresses, or the one that received the request.
    pub local: &'r [SocketAddr],
    /// The configuration key `host`; may be empty.
    pub host: &'r str,
    /// The configuration key `allow-anonymous`.
    pub allow_anonymous: bool,
}

/// Why a request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The request is from another host.
    Peer,
    /// The request's `Host` is not a name of the gateway.
    Host,
    /// The request is from a web page of another origin.
    Origin,
}

/// Checks the origin of a request. `headers` are all its header lines; `authority` is the host of a target in absolute
/// form, which is treated like `Host`.
///
/// # Errors
/// When the request is refused.
pub fn check<'h>(
    request: &AnonymousRequest<'_>,
    authority: Option<&str>,
    headers: impl Iterator<Item = (&'h str, &'h str)> + Clone,
) -> Result<(), Rejection> {
    let values = |name: &'static str| {
        headers
            .clone()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    };
    let is_open = request.allow_anonymous && !request.local.iter().all(|at| is_loopback(at.ip()));
    if !request.allow_anonymous && !is_loopback(request.peer.ip()) {
        return Err(Rejection::Peer);
    }
    let is_own = |authority: &str| Name::parse(authority).is_some_and(|name| request.owns(&name));
    // Browsers always send Host. If other hosts are served, the gateway's names are unknown.
    let are_own = || values("host").all(is_own) && authority.is_none_or(is_own);
    if !is_open && !are_own() {
        return Err(Rejection::Host);
    }
    let mut origins = values("origin").peekable();
    let is_strange = match origins.peek() {
        Some(_) => !origins.all(|origin| self::authority(origin).is_some_and(is_own)),
        None => values("sec-fetch-site").any(|site| site.trim().eq_ignore_ascii_case("cross-site")),
    };
    match is_strange {
        true => Err(Rejection::Origin),
        false => Ok(()),
    }
}

/// Header lines of proxies, in lower case.
const FORWARDED: &[&str] = &["forwarded", "via", "x-real-ip", "cf-connecting-ip"];
const FORWARDED_PREFIX: &str = "x-forwarded-";

/// Whether a request is from a program on this host: neither another host, nor a web page, nor a proxy sent it. Proxies
/// connect from this host and may send its name, so their header lines decide.
pub fn is_from_local_program<'h>(
    peer: SocketAddr,
    headers: impl Iterator<Item = (&'h str, &'h str)>,
) -> bool {
    let (mut is_named, mut is_own) = (false, true);
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "host" => {
                is_named = true;
                is_own &= Name::parse(value).is_some_and(|name| name.is_local());
            }
            "origin" => is_own = false,
            "sec-fetch-site" => {
                let site = value.trim();
                is_own &= ["same-origin", "none"]
                    .iter()
                    .any(|own| site.eq_ignore_ascii_case(own));
            }
            name => is_own &= !FORWARDED.contains(&name) && !name.starts_with(FORWARDED_PREFIX),
        }
    }
    is_named && is_own && is_loopback(peer.ip())
}

impl AnonymousRequest<'_> {
    /// Whether a name is one of the gateway or of the loopback interface. Ports are ignored: they may be forwarded.
    fn owns(&self, name: &Name) -> bool {
        let is_local = match name {
            Name::Address(address) => {
                let address = address.to_canonical();
                let mut local = self.local.iter().map(|at| at.ip().to_canonical());
                is_loopback(address) || (!address.is_unspecified() && local.any(|at| at == address))
            }
            Name::Domain(domain) => {
                let top = domain.rsplit('.').next().unwrap_or_default();
                top == "localhost"
            }
        };
        is_local
            || (!is_unspecified(name) && Name::parse(self.host).is_some_and(|own| own == *name))
    }
}

/// The host of an authority.
#[derive(Debug, PartialEq, Eq)]
enum Name {
    Address(IpAddr),
    /// In lower case, without a trailing dot.
    Domain(String),
}

impl Name {
    /// Whether it is the usual name or address of the loopback interface.
    fn is_local(&self) -> bool {
        match self {
            Self::Address(IpAddr::V4(address)) => *address == Ipv4Addr::LOCALHOST,
            Self::Address(IpAddr::V6(address)) => *address == Ipv6Addr::LOCALHOST,
            Self::Domain(domain) => domain == "localhost",
        }
    }

    /// Parses `host` or `host:port`, IPv6 in brackets. `None` for everything else; user names and zones are refused since
    /// browsers send neither.
    fn parse(authority: &str) -> Option<Self> {
        if let Some(rest) = authority.strip_prefix('[') {
            let (address, port) = rest.split_once(']')?;
            let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
            let address = address.parse().ok().filter(|_| is_port)?;
            return Some(Self::Address(IpAddr::V6(address)));
        }
        let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let is_name = host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        if host.is_empty() || !is_name || !is_port(port) {
            return None;
        }
        Some(match host.parse() {
            Ok(address) => Self::Address(IpAddr::V4(address)),
            Err(_) => Self::Domain(host),
        })
    }
}

fn is_port(text: &str) -> bool {
    text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_unspecified(name: &Name) -> bool {
    matches!(name, Name::Address(address) if address.to_canonical().is_unspecified())
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// The authority of an `http` or `https` origin; `None` for `null` and everything else.
fn authority(origin: &str) -> Option<&str> {
    let (scheme, authority) = origin.split_once("://")?;
    let is_web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    is_web.then_some(authority)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOCAL: &str = "127.0.0.1:8317";

    fn request<'r>(
        peer: &str,
        local: &'r [SocketAddr],
        host: &'r str,
        allow: bool,
    ) -> AnonymousRequest<'r> {
        AnonymousRequest {
            peer: peer.parse().unwrap(),
            local,
            host,
            allow_anonymous: allow,
        }
    }

    fn checked(request: &AnonymousRequest<'_>, headers: &[(&str, &str)]) -> Result<(), Rejection> {
        check(request, None, headers.iter().copied())
    }

    #[test]
    fn other_hosts_are_refused_without_allow_anonymous() {
        for (peer, allow, expected) in [
            ("127.0.0.1:1", false, Ok(())),
            ("127.8.9.1:1", false, Ok(())),
            ("[::1]:1", false, Ok(())),
            ("[::ffff:127.0.0.1]:1", false, Ok(())),
            ("192.0.2.1:1", false, Err(Rejection::Peer)),
            ("[::ffff:192.0.2.1]:1", false, Err(Rejection::Peer)),
            ("[2001:db8::1]:1", false, Err(Rejection::Peer)),
            ("0.0.0.0:1", false, Err(Rejection::Peer)),
            ("192.0.2.1:1", true, Ok(())),
        ] {
            for local in ["0.0.0.0:8317", "[::]:8317", "192.0.2.9:8317", LOCAL] {
                let local = [local.parse().unwrap()];
                let request = request(peer, &local, "", allow);
                let result = checked(&request, &[("Host", "localhost:8317")]);
                assert_eq!(result, expected, "{peer} at {local:?}");
            }
        }
    }

    #[test]
    fn foreign_host_names_are_refused() {
        let local =
            ["127.0.0.1:8317", "[::1]:8317", "192.0.2.9:8317"].map(|at| at.parse().unwrap());
        let request = request("127.0.0.1:1", &local, "gateway.test", false);
        for own in [
            "127.0.0.1",
            "127.0.0.1:8317",
            "127.0.0.1:1",
            "127.0.0.1.",
            "127.255.0.3:8317",
            "localhost",
            "LocalHost:8317",
            "localhost.",
            "localhost.:8317",
            "localhost:",
            "app.localhost:3000",
            "[::1]",
            "[::1]:8317",
            "[0:0:0:0:0:0:0:1]:8317",
            "[::ffff:127.0.0.1]:8317",
            "192.0.2.9",
            "[::ffff:192.0.2.9]",
            "gateway.test:8317",
            "GATEWAY.test.",
        ] {
            assert_eq!(checked(&request, &[("hOST", own)]), Ok(()), "{own}");
        }
        for strange in [
            "",
            " ",
            ".",
            "evil.example",
            "evil.example:8317",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8317",
            "evillocalhost",
            "localhost..",
            "gateway.test.evil.example",
            "agateway.test",
            "192.0.2.10",
            "0.0.0.0:8317",
            "[::]:8317",
            "0",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "::1",
            "[::1",
            "::1]",
            "[::1]x",
            "[::1]:x",
            "[::1%lo]:8317",
            "[::1%25lo]:8317",
            "[127.0.0.1]",
            "localhost:80:80",
            "localhost:123456",
            "localhost:8317x",
            "localhost/",
            "localhost,evil.example",
            "localhost evil.example",
            "user@localhost",
            "localhost@evil.example",
            "localhost:8317@evil.example",
            "localhost#.evil.example",
            "localhost\\.evil.example",
            "loc%61lhost",
            "http://localhost",
            "löcalhost",
        ] {
            let result = checked(&request, &[("Host", strange)]);
            assert_eq!(result, Err(Rejection::Host), "{strange}");
            // Also next to a valid one, and as the host of an absolute target.
            let result = checked(&request, &[("Host", "localhost"), ("Host", strange)]);
            assert_eq!(result, Err(Rejection::Host), "{strange}");
            let result = check(&request, Some(strange), [("Host", "localhost")].into_iter());
            assert_eq!(result, Err(Rejection::Host), "{strange}");
        }
        // HTTP/1.0 has no Host, and browsers do not use HTTP/1.0.
        assert_eq!(checked(&request, &[]), Ok(()));
    }

    #[test]
    fn foreign_origins_are_refused_on_every_listening_address() {
        let cases: &[(&[(&str, &str)], bool)] = &[
            (&[], true),
            (&[("Origin", "http://localhost:3000")], true),
            (&[("Origin", "https://LOCALHOST")], true),
            (&[("Origin", "http://app.localhost")], true),
            (&[("Origin", "http://127.0.0.1:8317")], true),
            (&[("Origin", "HTTP://[::1]:5173")], true),
            (&[("Origin", "http://192.0.2.9:3000")], true),
            (&[("Origin", "null")], false),
            (&[("Origin", "")], false),
            (&[("Origin", "https://evil.example")], false),
            (&[("Origin", "http://localhost.evil.example")], false),
            (&[("Origin", "http://localhost@evil.example")], false),
            (&[("Origin", "http://evil.example@localhost")], false),
            (&[("Origin", "http://localhost/")], false),
            (&[("Origin", "http://localhost http://evil.example")], false),
            (
                &[("Origin", "http://localhost, https://evil.example")],
                false,
            ),
            (&[("Origin", "localhost")], false),
            (&[("Origin", "//localhost")], false),
            (&[("Origin", "file://localhost")], false),
            (&[("Origin", "chrome-extension://localhost")], false),
            (&[("Origin", "http://192.0.2.10")], false),
            (&[("Origin", "http://0.0.0.0:8317")], false),
            (
                &[
                    ("Origin", "http://localhost"),
                    ("origin", "https://evil.example"),
                ],
                false,
            ),
            (&[("Sec-Fetch-Site", "cross-site")], false),
            (&[("sec-fetch-site", " Cross-Site ")], false),
            (&[("Sec-Fetch-Site", "same-origin")], true),
            (&[("Sec-Fetch-Site", "same-site")], true),
            (&[("Sec-Fetch-Site", "none")], true),
            // A page at 127.0.0.1 that calls localhost.
            (
                &[
                    ("Sec-Fetch-Site", "cross-site"),
                    ("Origin", "http://127.0.0.1"),
                ],
                true,
            ),
            (
                &[
                    ("Sec-Fetch-Site", "same-origin"),
                    ("Origin", "https://evil.example"),
                ],
                false,
            ),
        ];
        for (at, allow) in [
            (LOCAL, false),
            (LOCAL, true),
            ("0.0.0.0:1", true),
            ("192.0.2.9:1", true),
        ] {
            let local = [at.parse().unwrap(), "192.0.2.9:1".parse().unwrap()];
            let request = request("127.0.0.1:1", &local, "", allow);
            for (headers, is_served) in cases {
                let result = checked(&request, headers);
                let expected = match is_served {
                    true => Ok(()),
                    false => Err(Rejection::Origin),
                };
                assert_eq!(result, expected, "{headers:?} at {at}");
            }
        }
    }

    #[test]
    fn with_allow_anonymous_any_host_name_is_accepted_unless_only_loopback_is_listened_on() {
        let open = ["0.0.0.0:8317".parse().unwrap()];
        let host = [("Host", "gateway.example")];
        assert_eq!(
            checked(&request("192.0.2.1:1", &open, "", true), &host),
            Ok(())
        );
        // A loopback address cannot be reached from other hosts.
        let local = [LOCAL.parse().unwrap()];
        let result = checked(&request("127.0.0.1:1", &local, "", true), &host);
        assert_eq!(result, Err(Rejection::Host));
    }

    fn is_local(peer: &str, headers: &[(&str, &str)]) -> bool {
        is_from_local_program(peer.parse().unwrap(), headers.iter().copied())
    }

    #[test]
    fn only_programs_on_this_host_are_local() {
        for (peer, host, expected) in [
            ("127.0.0.1:1", "127.0.0.1:8317", true),
            ("127.0.0.1:1", "localhost", true),
            ("[::1]:1", "[::1]:8317", true),
            ("[::1]:1", "[::1]", true),
            ("[::ffff:127.0.0.1]:1", "LOCALHOST:1", true),
            ("192.0.2.1:1", "127.0.0.1", false),
            ("127.0.0.1:1", "192.0.2.1", false),
            ("127.0.0.1:1", "localhost.example:8317", false),
            ("127.0.0.1:1", "app.localhost", false),
            ("127.0.0.1:1", "::1", false),
            ("127.0.0.1:1", "", false),
        ] {
            assert_eq!(is_local(peer, &[("Host", host)]), expected, "{peer} {host}");
        }
        assert!(!is_local("127.0.0.1:1", &[]));
        let hosts = [("Host", "localhost"), ("host", "gateway.example")];
        assert!(!is_local("127.0.0.1:1", &hosts));
    }

    #[test]
    fn web_pages_and_proxies_are_not_local_programs() {
        for (name, value, expected) in [
            ("User-Agent", "agent/1", true),
            ("X-Forward", "x", true),
            ("Sec-Fetch-Site", "none", true),
            ("Sec-Fetch-Site", "Same-Origin", true),
            ("Sec-Fetch-Site", "same-site", false),
            ("Sec-Fetch-Site", "cross-site", false),
            ("sec-fetch-site", "", false),
            ("Origin", "null", false),
            ("Origin", "http://localhost", false),
            ("Forwarded", "for=192.0.2.1", false),
            ("Via", "1.1 proxy", false),
            ("X-Forwarded-For", "127.0.0.1", false),
            ("x-forwarded-host", "localhost", false),
            ("X-FORWARDED-PROTO", "https", false),
            ("X-Forwarded-Anything", "", false),
            ("X-Real-IP", "192.0.2.1", false),
            ("CF-Connecting-IP", "192.0.2.1", false),
        ] {
            let host = ("Host", "127.0.0.1:8317");
            for headers in [[host, (name, value)], [(name, value), host]] {
                assert_eq!(
                    is_local("127.0.0.1:1", &headers),
                    expected,
                    "{name}: {value}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn names_below_a_foreign_domain_are_refused(
            before in "([a-z0-9@.:\\[\\]%/-]{0,12})",
            own in prop::sample::select(vec!["localhost", "127.0.0.1", "[::1]"]),
            host in "[a-z]{1,8}\\.(com|test|example)",
            port in "(:[0-9]{1,5})?",
        ) {
            let local = [LOCAL.parse().unwrap()];
            let request = request("127.0.0.1:1", &local, "", false);
            for name in [format!("{before}.{host}{port}"), format!("{before}{own}.{host}{port}"), format!("{own}{port}@{host}")] {
                prop_assert!(checked(&request, &[("Host", &name)]).is_err(), "{name}");
                let origin = format!("http://{name}");
                prop_assert!(checked(&request, &[("Origin", &origin)]).is_err(), "{origin}");
            }
        }
    }
}
