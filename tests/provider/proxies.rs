//! Calls through proxies.

use holdfast::unversioned::credential;
use holdfast::unversioned::provider::Variables;

use crate::tls::{Authority, in_front_of};
use crate::*;

/// Passes bytes both ways until either side ends.
fn pass(client: TcpStream, server: TcpStream) {
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let (mut from, mut to) = (server, client);
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}

/// A proxy; `open` performs the handshake and connects to the target.
fn proxy(open: impl Fn(&mut TcpStream) -> Option<TcpStream> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let open = Arc::new(open);
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, open) = (client.unwrap(), open.clone());
            thread::spawn(move || {
                if let Some(server) = open(&mut client) {
                    pass(client, server);
                }
            });
        }
    });
    address
}

fn through(url: &str) -> Call<'_> {
    let mut call = call(UpstreamKind::Compat, "http://upstream.invalid:81", BODY);
    call.target.proxy = ProxySetting::Url(url);
    call
}

#[test]
fn connect_proxies_are_used() {
    let server = Server::answering(json_answer("{}"));
    let (report, asked) = mpsc::channel();
    let target = server.address;
    let proxy = proxy(move |client| {
        report.send(read_request(client)?).ok()?;
        client
            .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            .ok()?;
        TcpStream::connect(target).ok()
    });
    let url = format!("http://u:p%40ss@{proxy}");
    assert_eq!(text(upstream().call(&through(&url)).unwrap()), "{}");
    let asked = asked.recv().unwrap();
    assert_eq!(asked.line(), "CONNECT upstream.invalid:81 HTTP/1.1");
    assert_eq!(asked.header("proxy-authorization"), Some("Basic dTpwQHNz"));
    assert_eq!(server.next().header("proxy-authorization"), None);
}

#[test]
fn socks_proxies_are_used_and_resolve_names() {
    let server = Server::answering(json_answer("{}"));
    let (report, asked) = mpsc::channel();
    let target = server.address;
    let proxy = proxy(move |client| {
        let mut greeting = [0; 4];
        client.read_exact(&mut greeting).ok()?;
        assert_eq!(greeting, [5, 2, 0, 2]);
        client.write_all(&[5, 2]).ok()?;
        let mut login = [0; 1 + 1 + 4 + 1 + 4];
        client.read_exact(&mut login).ok()?;
        assert_eq!(&login, b"\x01\x04user\x04pass");
        client.write_all(&[1, 0]).ok()?;
        let mut head = [0; 5];
        client.read_exact(&mut head).ok()?;
        assert_eq!(head[..4], [5, 1, 0, 3]);
        let mut name = vec![0; usize::from(head[4]) + 2];
        client.read_exact(&mut name).ok()?;
        report.send(name).ok()?;
        client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).ok()?;
        TcpStream::connect(target).ok()
    });
    for scheme in ["socks5", "socks5h"] {
        let url = format!("{scheme}://user:pass@{proxy}");
        assert_eq!(text(upstream().call(&through(&url)).unwrap()), "{}");
        assert_eq!(asked.recv().unwrap(), b"upstream.invalid\x00\x51");
    }
}

#[test]
fn a_failing_proxy_is_not_bypassed() {
    let server = Server::answering(json_answer("{}"));
    let base = server.base();
    let dead = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let refusing = proxy(|client| {
        read_request(client)?;
        let _ = client.write_all(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n");
        None
    });
    let closing = proxy(|_| None);
    for url in [
        format!("http://{dead}"),
        format!("socks5://{dead}"),
        format!("http://{refusing}"),
        format!("http://{closing}"),
        format!("socks5://{closing}"),
        "ftp://h".to_owned(),
    ] {
        let mut call = call(UpstreamKind::Compat, &base, BODY);
        call.target.proxy = ProxySetting::Url(&url);
        let failure = failed(&call);
        assert_eq!(failure.kind, FailureKind::Connect, "{url}: {failure}");
        assert!(server.seen.try_recv().is_err());
    }
}

/// A CONNECT proxy that always connects to `target`, and the requests that it receives.
fn connect_proxy(target: SocketAddr) -> (SocketAddr, Receiver<Seen>) {
    let (report, asked) = mpsc::channel();
    let address = proxy(move |client| {
        report.send(read_request(client)?).ok()?;
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
        TcpStream::connect(target).ok()
    });
    (address, asked)
}

/// A SOCKS 5 proxy without authentication, and the ports that are requested.
fn socks_proxy(target: SocketAddr) -> (SocketAddr, Receiver<u16>) {
    let (report, asked) = mpsc::channel();
    let address = proxy(move |client| {
        let mut greeting = [0; 3];
        client.read_exact(&mut greeting).ok()?;
        client.write_all(&[5, 0]).ok()?;
        let mut head = [0; 5];
        client.read_exact(&mut head).ok()?;
        let mut name = vec![0; usize::from(head[4]) + 2];
        client.read_exact(&mut name).ok()?;
        let port = name.split_off(name.len() - 2);
        report.send(u16::from_be_bytes([port[0], port[1]])).ok()?;
        client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).ok()?;
        TcpStream::connect(target).ok()
    });
    (address, asked)
}

/// Answers with the number of the connection.
fn numbering() -> Server {
    Server::start(|number, stream| {
        let answer = json_answer(&number.to_string());
        stream.write_all(answer.as_bytes()).is_ok()
    })
}

fn asked_in_vain<T>(asked: &Receiver<T>) -> bool {
    asked.try_recv().is_err()
}

#[test]
fn connections_through_every_kind_of_proxy_are_reused() {
    let server = numbering();
    let (connect, asked) = connect_proxy(server.address);
    let (socks, asked_socks) = socks_proxy(server.address);
    let upstream = upstream();
    for (url, expected) in [
        (None, "0"),
        (Some(format!("http://{connect}")), "1"),
        (Some(format!("socks5://{socks}")), "2"),
        (Some(format!("socks5h://{socks}")), "3"),
    ] {
        for _ in 0..4 {
            let base = server.base();
            let mut call = call(UpstreamKind::Compat, &base, BODY);
            if let Some(url) = &url {
                call = through(url);
            }
            assert_eq!(text(upstream.call(&call).unwrap()), expected, "{url:?}");
        }
    }
    assert_eq!(asked.try_iter().count(), 1);
    assert_eq!(asked_socks.try_iter().count(), 2);
}

#[test]
fn a_proxy_can_use_tls() {
    let server = numbering();
    let (base, certificate) = in_front_of(server.address);
    let port: u16 = base.rsplit(':').next().unwrap().parse().unwrap();
    let (plain, asked) = connect_proxy(SocketAddr::from(([127, 0, 0, 1], port)));
    let (front, front_certificate) = in_front_of(plain);
    let url = front.replace("https://", "https://u:p@");
    let both = [
        Authority::new(&certificate),
        Authority::new(&front_certificate),
    ];
    let files = both.map(|authority| std::fs::read_to_string(&authority.0).unwrap());
    let authority = Authority::new(&certificate);
    std::fs::write(&authority.0, files.concat()).unwrap();
    let upstream = upstream();
    upstream.trust(Some(&authority.0));
    let long = format!("{{\"x\":\"{}\"}}", "y".repeat(300_000));
    for body in [BODY, &long, BODY] {
        let mut call = call(UpstreamKind::Compat, &base, body);
        call.target.proxy = ProxySetting::Url(&url);
        assert_eq!(text(upstream.call(&call).unwrap()), "0");
        assert!(server.next().text() == body);
    }
    let asked: Vec<Seen> = asked.try_iter().collect();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        asked[0].line(),
        format!("CONNECT localhost:{port} HTTP/1.1")
    );
    assert_eq!(asked[0].header("proxy-authorization"), Some("Basic dTpw"));
    assert_eq!(
        asked[0].header("user-agent"),
        Some(concat!("holdfast/", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn the_proxy_of_the_environment_is_the_default() {
    let server = numbering();
    let (connect, asked) = connect_proxy(server.address);
    let upstream = Upstream::new(Settings {
        variables: Variables::new(move |name| match name {
            "HTTP_PROXY" => Some(format!("http://{connect}")),
            "NO_PROXY" => Some("free.invalid".to_owned()),
            _ => None,
        }),
        ..settings()
    });
    let inheriting = |base| {
        let mut call = call(UpstreamKind::Compat, base, BODY);
        call.target.proxy = ProxySetting::Inherit;
        call
    };
    let away = inheriting("http://upstream.invalid:81");
    assert_eq!(text(upstream.call(&away).unwrap()), "0");
    assert!(!asked_in_vain(&asked));

    // Loopback addresses bypass the proxy.
    let base = server.base();
    assert_eq!(text(upstream.call(&inheriting(&base)).unwrap()), "1");
    // Exempt: not even the name is known here.
    let exempt = upstream.call(&inheriting("http://free.invalid:81"));
    assert_eq!(exempt.err().unwrap().kind, FailureKind::Connect);
    let mut direct = away;
    direct.target.proxy = ProxySetting::Direct;
    assert_eq!(
        upstream.call(&direct).err().unwrap().kind,
        FailureKind::Connect
    );
    assert!(asked_in_vain(&asked));

    // A configured proxy is used on this host as well.
    let url = format!("http://{connect}");
    let mut call = inheriting(&base);
    call.target.proxy = ProxySetting::Url(&url);
    assert!(upstream.call(&call).is_ok());
    let line = asked.recv().unwrap().line().to_owned();
    assert_eq!(line, format!("CONNECT {} HTTP/1.1", server.address));
}

#[test]
fn an_invalid_proxy_in_the_environment_is_an_error() {
    let upstream = Upstream::new(Settings {
        variables: Variables::new(|name| (name == "ALL_PROXY").then(|| "ftp://h".to_owned())),
        ..settings()
    });
    let mut call = call(UpstreamKind::Compat, "http://upstream.invalid:81", BODY);
    call.target.proxy = ProxySetting::Inherit;
    let failure = upstream.call(&call).err().unwrap();
    assert_eq!(failure.message, "the proxy URL cannot be used");
}

#[test]
fn the_proxy_of_a_credential_takes_precedence() {
    use ProxySetting::{Direct, Inherit, Url};
    for (own, global, expected) in [
        ("''", "''", Inherit),
        ("''", "none", Direct),
        ("''", "http://all", Url("http://all")),
        ("direct", "http://all", Direct),
        ("socks5://own", "http://all", Url("socks5://own")),
        ("socks5://own", "direct", Url("socks5://own")),
    ] {
        let text = format!(
            "proxy-url: {global}\ngemini-api-key: [{{api-key: k, proxy-url: '{}'}}]",
            own.trim_matches('\'')
        );
        let config = holdfast::config::load(&text, "test").config.unwrap();
        let (credentials, _) = credential::from_config(&config);
        let target = Target::of(&credentials[0], &[], &config);
        assert_eq!(target.proxy, expected, "{own} {global}");
    }
}
