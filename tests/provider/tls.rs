//! Upstreams with TLS.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use holdfast::unversioned::provider::Variables;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::*;

/// Puts TLS in front of an upstream. Returns the URL and the certificate.
pub fn in_front_of(target: SocketAddr) -> (String, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, config) = (client.unwrap(), config.clone());
            thread::spawn(move || terminate(client, config, target));
        }
    });
    (base, certificate.to_vec())
}

/// Relays one connection in both directions.
fn terminate(client: TcpStream, config: Arc<rustls::ServerConfig>, target: SocketAddr) {
    let inner = TcpStream::connect(target).unwrap();
    inner.set_nonblocking(true).unwrap();
    client
        .set_read_timeout(Some(Duration::from_millis(5)))
        .unwrap();
    let connection = rustls::ServerConnection::new(config).unwrap();
    let mut outer = rustls::StreamOwned::new(connection, client);
    let mut buffer = [0; 4096];
    let is_pause = |error: &io::Error| {
        matches!(
            error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
        )
    };
    loop {
        match outer.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => (&inner).write_all(&buffer[..count]).unwrap(),
            Err(error) if is_pause(&error) => {}
            Err(_) => return,
        }
        match (&inner).read(&mut buffer) {
            Ok(0) => {
                outer.conn.send_close_notify();
                let _ = outer.flush();
                return;
            }
            Ok(count) => outer.write_all(&buffer[..count]).unwrap(),
            Err(error) if is_pause(&error) => {}
            Err(_) => return,
        }
    }
}

/// A file that holds a certificate, PEM; gone when it is dropped.
pub struct Authority(pub PathBuf);

impl Authority {
    pub fn new(certificate: &[u8]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("holdfast-authority-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name).join("ca.pem");
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        let base64 = BASE64_STANDARD.encode(certificate);
        let pem = format!(
            "A comment.\n-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n"
        );
        std::fs::write(&path, pem).unwrap();
        Self(path)
    }

    fn folder(&self) -> &Path {
        self.0.parent().unwrap()
    }

    /// As a variable of the environment.
    pub fn named(&self, name: &'static str) -> Variables {
        let value = match name {
            "SSL_CERT_DIR" => self.folder().to_owned(),
            _ => self.0.clone(),
        };
        Variables::new(move |asked| (asked == name).then(|| value.to_str().unwrap().to_owned()))
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.folder());
    }
}

pub fn trusting(certificate: Vec<u8>) -> Upstream {
    let authority = Authority::new(&certificate);
    let upstream = Upstream::new(settings());
    upstream.trust(Some(&authority.0));
    upstream
}

#[test]
fn a_tls_connection_is_reused() {
    let server = Server::start(|number, stream| {
        stream
            .write_all(json_answer(&number.to_string()).as_bytes())
            .is_ok()
    });
    let (base, certificate) = in_front_of(server.address);
    let upstream = trusting(certificate);
    for _ in 0..3 {
        let answer = upstream
            .call(&call(UpstreamKind::Compat, &base, BODY))
            .unwrap();
        assert_eq!(text(answer), "0");
        assert_eq!(server.next().text(), BODY);
    }
}

#[test]
fn an_untrusted_certificate_is_refused() {
    let server = Server::answering(json_answer("{}"));
    let (base, _) = in_front_of(server.address);
    let failure = failed(&call(UpstreamKind::Compat, &base, BODY));
    assert_eq!(failure.kind, FailureKind::Connect, "{failure}");
}

#[test]
fn a_tls_stream_continues_after_a_pause() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    let server = Server::start(move |_, stream| {
        // A chunk torn in its size, so that nothing can be given out yet.
        let start = format!("{STREAM_HEAD}{}", chunk(PART));
        let rest = format!("{}{}0\r\n\r\n", chunk(FINISH), chunk(DONE));
        let (torn, rest) = rest.split_at(1);
        let _ = stream.write_all(format!("{start}{torn}").as_bytes());
        let _ = gone.lock().unwrap().recv();
        stream.write_all(rest.as_bytes()).is_ok()
    });
    let (base, certificate) = in_front_of(server.address);
    let upstream = trusting(certificate);
    for _ in 0..2 {
        let primed = opened(upstream.call(&streaming(&base)).unwrap(), Dialect::Chat);
        let mut lane = Opens(Vec::new(), go.clone());
        let style = Style {
            keep_alive: Some(Duration::from_millis(100)),
            ..STYLE
        };
        let relayed = primed.pump(Chunks::new(&mut lane), style, &mut |_| {});
        assert_eq!(relayed.ended, Ended::Terminal);
        let text = dechunk(&lane.0).unwrap().replace(": keep-alive\n\n", "");
        assert_eq!(text, format!("{PART}{FINISH}{DONE}"));
    }
}

/// Lets the upstream continue with the second keep-alive.
struct Opens(Vec<u8>, mpsc::Sender<()>);

impl Write for &mut Opens {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        if String::from_utf8_lossy(&self.0)
            .matches(": keep-alive")
            .count()
            == 2
        {
            let _ = self.1.send(());
        }
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_disconnect_ends_a_tls_call() {
    let server = falls_silent();
    let (base, certificate) = in_front_of(server.address);
    let upstream = trusting(certificate);
    let (waiter, other) = clients::hanging_up();
    let call = Call {
        waiter: &waiter,
        ..streaming(&base)
    };
    let primed = opened(upstream.call(&call).unwrap(), Dialect::Chat);
    drop(other);
    assert_eq!(
        primed
            .pump(Chunks::new(io::sink()), STYLE, &mut |_| {})
            .ended,
        Ended::ClientGone
    );
}

#[test]
fn the_environment_can_name_authorities() {
    let server = Server::answering(json_answer("{}"));
    let (base, certificate) = in_front_of(server.address);
    let authority = Authority::new(&certificate);
    for name in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        let upstream = Upstream::new(Settings {
            variables: authority.named(name),
            ..settings()
        });
        let answer = upstream.call(&call(UpstreamKind::Compat, &base, BODY));
        assert_eq!(text(answer.unwrap()), "{}", "{name}");
    }
}

#[test]
fn authorities_can_be_reloaded() {
    let server = Server::start(|number, stream| {
        stream
            .write_all(json_answer(&number.to_string()).as_bytes())
            .is_ok()
    });
    let (base, certificate) = in_front_of(server.address);
    let authority = Authority::new(&certificate);
    let upstream = Upstream::new(settings());
    let call = call(UpstreamKind::Compat, &base, BODY);
    let refused = upstream.call(&call).err().unwrap();
    assert_eq!(refused.kind, FailureKind::Connect, "{refused}");

    upstream.trust(Some(&authority.0));
    let first = text(upstream.call(&call).unwrap());
    upstream.trust(Some(&authority.0));
    upstream.trust(Some(Path::new("/no/such/file")));
    assert_eq!(
        text(upstream.call(&call).unwrap()),
        first,
        "nothing has changed, so the connection is the same"
    );

    upstream.trust(None);
    let refused = upstream.call(&call).err().unwrap();
    assert_eq!(refused.kind, FailureKind::Connect, "{refused}");
}

#[test]
fn a_handshake_times_out() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("https://{}", silent.local_addr().unwrap());
    let upstream = Upstream::new(Settings {
        handshake_timeout: Duration::from_millis(100),
        connect_timeout: Duration::from_secs(60),
        ..settings()
    });
    let failure = upstream
        .call(&call(UpstreamKind::Compat, &base, BODY))
        .err()
        .unwrap();
    assert_eq!(failure.kind, FailureKind::Connect);
    assert!(
        failure.message.ends_with("the TLS handshake timed out"),
        "{failure}"
    );
}
