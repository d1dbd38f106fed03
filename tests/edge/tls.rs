//! TLS handshakes, records and certificates; `over_tls` repeats the other tests with TLS.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use holdfast::unversioned::edge::{Identity, Limits};
use ring::aead;
use rustls::crypto::ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, ConnectionTrafficSecrets, HandshakeKind};

use super::harness::{ClientOver, SetupOver, Wire, eventually, limits};
use super::tls_client::{Folder, Pair, Tls, pem};

type Setup = SetupOver<Tls>;
type Client = ClientOver<Tls>;

fn config(version: &'static rustls::SupportedProtocolVersion) -> ClientConfig {
    Pair::usual().trusted(&[version])
}

/// A ClientHello.
fn hello() -> Vec<u8> {
    let mut session =
        ClientConnection::new(Arc::new(config(&TLS12)), "localhost".try_into().unwrap()).unwrap();
    let mut hello = Vec::new();
    session.write_tls(&mut hello).unwrap();
    hello
}

#[test]
fn both_tls_versions_negotiate_http_1_1_only() {
    let setup = Setup::new(limits());
    for version in [&TLS12, &TLS13] {
        for (offered, agreed) in [
            (vec!["h2", "http/1.1"], Some(&b"http/1.1"[..])),
            (vec!["http/1.1"], Some(b"http/1.1")),
            (vec![], None),
        ] {
            let mut config = config(version);
            config.alpn_protocols = offered
                .iter()
                .map(|name| name.as_bytes().to_vec())
                .collect();
            let wire = Tls::open(setup.address, &Arc::new(config)).unwrap();
            assert_eq!(wire.0.conn.protocol_version(), Some(version.version));
            assert_eq!(wire.0.conn.alpn_protocol(), agreed);
            assert_eq!(Client::of(wire).get("/echo").status, 200);
        }
        let mut config = config(version);
        config.alpn_protocols = vec![b"h2".to_vec()];
        assert!(Tls::open(setup.address, &Arc::new(config)).is_err());
    }
    eventually(|| setup.edge().connections() == 0);
}

#[test]
fn sessions_are_resumed() {
    let setup = Setup::new(limits());
    for version in [&TLS12, &TLS13] {
        let config = Arc::new(config(version));
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let wire = Tls::open(setup.address, &config).unwrap();
            assert_eq!(wire.0.conn.handshake_kind(), Some(kind));
            assert_eq!(Client::of(wire).get("/echo").status, 200);
        }
    }
}

#[test]
fn large_bodies_pass_in_both_directions() {
    let setup = Setup::new(limits());
    let body: String = (0..800_000).map(|n| format!("{n:07} ")).collect();
    for version in [&TLS12, &TLS13] {
        let mut client = Client::of(Tls::open(setup.address, &Arc::new(config(version))).unwrap());
        client.send(format!(
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
            body.len()
        ));
        client.send(&body);
        assert!(client.answer().body.ends_with(&body));
        assert_eq!(client.get("/echo").status, 200);
    }
}

#[test]
fn a_stream_waits_for_a_client_that_does_not_read() {
    let setup = Setup::new(limits());
    let mut client = setup.client();
    let total = 10_000_000;
    client.send(format!("GET /stream/{total} HTTP/1.1\r\nHost: h\r\n\r\n"));
    let pieces = || setup.shared.pieces.load(Ordering::Acquire);
    eventually(|| pieces() > 0);
    // All buffers are full, and the worker waits.
    let mut other = setup.client();
    let mut seen = 0;
    eventually(|| {
        pieces() == std::mem::replace(&mut seen, pieces()) || {
            for _ in 0..50 {
                assert_eq!(other.get("/cheap").status, 200);
            }
            false
        }
    });
    assert!(
        pieces() < total,
        "everything was kept for a client that reads nothing"
    );
    for n in 0..3 {
        client.skip_to(&format!("piece {n}"));
    }
    drop(client);
    eventually(|| setup.edge().connections() == 1);
}

#[test]
fn many_connections_stay_open() {
    let setup = Setup::new(limits());
    let mut clients: Vec<_> = (0..200).map(|_| setup.client()).collect();
    for _ in 0..2 {
        for client in &mut clients {
            assert_eq!(client.get("/echo").status, 200);
        }
    }
    assert_eq!(setup.edge().connections(), 200);
}

#[test]
fn invalid_handshakes_are_closed() {
    let setup = Setup::new(Limits {
        head_timeout: Duration::from_millis(500),
        ..limits()
    });
    let hello = hello();
    let record = |kind: u8, payload: &[u8]| {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        [&[kind, 3, 3], &length[..], payload].concat()
    };
    // A ClientHello of 16 MiB that keeps growing.
    let endless = [&[1, 0xff, 0xff, 0xff][..], &[0; 16_000]].concat();
    let mut version = hello.clone();
    // `legacy_version` SSL 3.0, and nothing newer among the extensions.
    version[9..11].copy_from_slice(&[3, 0]);
    version.truncate(version.len() - 1);
    for bytes in [
        Vec::new(),
        vec![0xff; 3000],
        vec![0; 3000],
        vec![22; 3000],
        hello[..hello.len() / 2].to_vec(),
        hello[..1].to_vec(),
        hello.clone(),
        version,
        [hello.clone(), hello.clone()].concat(),
        record(23, b"application data before its time"),
        record(21, &[2, 40]),
        record(21, &[1, 0]),
        record(20, &[1]).repeat(200),
        record(22, &[]).repeat(5000),
        [22, 3, 3, 0xff, 0xff].repeat(4000),
        [record(22, &endless), record(22, &[0; 16_000]).repeat(20)].concat(),
        // An SSL 2.0 ClientHello.
        [&[0x80, 0x2e, 1, 3, 1][..], &[0; 43]].concat(),
    ] {
        let mut client = <TcpStream as Wire>::connect(setup.address);
        // The connection may be closed before everything is sent.
        let _ = client.write_all(&bytes);
        let mut answer = Vec::new();
        let _ = client.read_to_end(&mut answer);
        // At most a flight of the handshake or an alert, but no HTTP.
        assert!(!answer.starts_with(b"HTTP"));
        eventually(|| setup.edge().connections() == 0);
    }
    assert_eq!(setup.shared.served.load(Ordering::Acquire), 0);
    assert_eq!(setup.client().get("/echo").status, 200);
}

#[test]
fn a_client_can_disconnect_at_any_point_of_the_handshake() {
    let setup = Setup::new(limits());
    let hello = hello();
    for length in (0..=hello.len()).step_by(7) {
        let mut client = <TcpStream as Wire>::connect(setup.address);
        client.write_all(&hello[..length]).unwrap();
        if length % 2 == 0 {
            client.shutdown(Shutdown::Write).unwrap();
            let _ = client.read_to_end(&mut Vec::new());
        }
    }
    // Before the handshake times out.
    eventually(|| setup.edge().connections() == 0);
}

#[test]
fn single_bytes_are_accepted() {
    /// Sends every byte separately.
    struct Slow(TcpStream);
    impl Read for Slow {
        fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(room)
        }
    }
    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.write(&bytes[..1])
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let setup = Setup::new(limits());
    for version in [&TLS12, &TLS13] {
        let name = "localhost".try_into().unwrap();
        let session = ClientConnection::new(Arc::new(config(version)), name).unwrap();
        let socket = Slow(<TcpStream as Wire>::connect(setup.address));
        let mut stream = rustls::StreamOwned::new(session, socket);
        stream
            .write_all(b"GET /echo HTTP/1.0\r\nHost: h\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        // This would fail without close_notify.
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"));
    }
}

#[test]
fn plain_http_on_a_tls_port_gets_an_error() {
    let setup = Setup::new(limits());
    let mut client = ClientOver::<TcpStream>::connect(setup.address);
    client.send("POST /v1/messages HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n{}");
    let answer = client.answer();
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("HTTP request to an HTTPS server"));
    assert!(client.is_closed());
    assert_eq!(setup.shared.served.load(Ordering::Acquire), 0);
}

#[test]
fn a_truncated_answer_has_no_close_notify() {
    let setup = Setup::new(limits());
    let mut client = setup.client();
    client.send("GET /half HTTP/1.0\r\n\r\n");
    let mut answer = Vec::new();
    let error = client.stream.read_to_end(&mut answer).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    assert!(answer.ends_with(b"half"));
}

#[test]
fn a_client_that_sends_close_notify_gets_its_answer() {
    let setup = Setup::new(limits());
    let mut client = setup.client();
    client.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    eventually(|| setup.shared.holding.load(Ordering::Acquire) == 1);
    let wire = client.stream.get_mut();
    wire.0.conn.send_close_notify();
    wire.flush().unwrap();
    setup.release();
    assert_eq!(client.answer().status, 200);
    assert!(client.is_closed());
    eventually(|| setup.edge().connections() == 0);
}

#[test]
fn a_truncated_record_closes_the_connection() {
    let setup = Setup::new(limits());
    let mut client = setup.client();
    let wire = client.stream.get_mut();
    let mut record = Vec::new();
    wire.0
        .conn
        .writer()
        .write_all(b"GET /echo HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    wire.0.conn.write_tls(&mut record).unwrap();
    wire.0.sock.write_all(&record[..record.len() - 5]).unwrap();
    wire.0.sock.shutdown(Shutdown::Write).unwrap();
    eventually(|| setup.edge().connections() == 0);
    assert_eq!(setup.shared.served.load(Ordering::Acquire), 0);
    // A record modified in transit.
    let mut client = setup.client();
    let wire = client.stream.get_mut();
    record.clear();
    wire.0
        .conn
        .writer()
        .write_all(b"GET /echo HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    wire.0.conn.write_tls(&mut record).unwrap();
    *record.last_mut().unwrap() ^= 1;
    wire.0.sock.write_all(&record).unwrap();
    assert!(client.is_closed());
    assert_eq!(setup.shared.served.load(Ordering::Acquire), 0);
}

/// Sends forged records over a connection that rustls has opened with TLS 1.2 and ChaCha20.
struct Forger {
    socket: TcpStream,
    key: aead::LessSafeKey,
    iv: [u8; 12],
    sequence: u64,
}

impl Forger {
    fn new(setup: &Setup) -> Self {
        let mut provider = rustls::crypto::ring::default_provider();
        provider.cipher_suites = vec![TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256];
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&TLS12])
            .unwrap()
            .with_root_certificates(Pair::usual().roots())
            .with_no_client_auth();
        config.enable_secret_extraction = true;
        let (session, socket) = Tls::open(setup.address, &Arc::new(config))
            .unwrap()
            .0
            .into_parts();
        let (sequence, secrets) = session.dangerous_extract_secrets().unwrap().tx;
        let ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } = secrets else {
            panic!("another cipher");
        };
        let key = aead::UnboundKey::new(&aead::CHACHA20_POLY1305, key.as_ref()).unwrap();
        Self {
            socket,
            key: aead::LessSafeKey::new(key),
            iv: iv.as_ref().try_into().unwrap(),
            sequence,
        }
    }

    /// RFC 5246, 6.2.3.3 and RFC 7905.
    fn send(&mut self, kind: u8, payload: &[u8]) -> std::io::Result<()> {
        let sequence = self.sequence.to_be_bytes();
        self.sequence += 1;
        let mut nonce = self.iv;
        for (byte, number) in nonce[4..].iter_mut().zip(sequence) {
            *byte ^= number;
        }
        let length = |length: usize| u16::try_from(length).unwrap().to_be_bytes();
        let header = [&sequence[..], &[kind, 3, 3], &length(payload.len())].concat();
        let mut sealed = payload.to_vec();
        self.key
            .seal_in_place_append_tag(
                aead::Nonce::assume_unique_for_key(nonce),
                aead::Aad::from(header),
                &mut sealed,
            )
            .unwrap();
        let record = [&[kind, 3, 3], &length(sealed.len())[..], &sealed].concat();
        self.socket.write_all(&record)
    }

    /// The type of the next record.
    fn next(&mut self) -> std::io::Result<u8> {
        let mut header = [0; 5];
        self.socket.read_exact(&mut header)?;
        let mut payload = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
        self.socket.read_exact(&mut payload)?;
        Ok(header[0])
    }
}

#[test]
fn renegotiation_is_refused_and_then_closes_the_connection() {
    const ALERT: u8 = 21;
    const HANDSHAKE: u8 = 22;
    const DATA: u8 = 23;
    let setup = Setup::new(limits());
    let hello = hello();
    let mut client = Forger::new(&setup);
    client.send(HANDSHAKE, &hello[5..]).unwrap();
    assert_eq!(client.next().unwrap(), ALERT);
    client
        .send(DATA, b"GET /echo HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    assert_eq!(client.next().unwrap(), DATA);
    for _ in 0..100 {
        let _ = client.send(HANDSHAKE, &hello[5..]);
    }
    while client.next().is_ok() {}
    eventually(|| setup.edge().connections() == 0);
    // The number of empty records is limited.
    let mut client = Forger::new(&setup);
    for _ in 0..10_000 {
        let _ = client.send(DATA, b"");
    }
    assert!(
        client
            .send(DATA, b"GET /echo HTTP/1.1\r\nHost: h\r\n\r\n")
            .is_err()
            || client.next().is_err()
    );
    assert_eq!(setup.shared.served.load(Ordering::Acquire), 1);
}

#[test]
fn a_connection_above_the_limit_is_closed() {
    let setup = Setup::new(Limits {
        connections: 1,
        ..limits()
    });
    let mut client = setup.client();
    client.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    eventually(|| setup.shared.holding.load(Ordering::Acquire) == 1);
    assert!(Tls::open(setup.address, &Arc::new(config(&TLS13))).is_err());
    setup.release();
    assert_eq!(client.answer().status, 200);
}

#[test]
fn a_new_certificate_is_used_for_new_connections() {
    let (old, new) = (Pair::new(), Pair::new());
    let setup = Setup::with(limits(), Some(old.identity().unwrap()));
    let by = |pair: &Pair| {
        let config = Arc::new(pair.trusted(rustls::ALL_VERSIONS));
        Tls::open(setup.address, &config).map(Client::of)
    };
    let mut early = by(&old).unwrap();
    assert_eq!(early.get("/echo").status, 200);
    assert!(by(&new).is_err());
    setup.edge().replace_identity(new.identity().unwrap());
    assert_eq!(by(&new).unwrap().get("/echo").status, 200);
    assert!(by(&old).is_err());
    assert_eq!(early.get("/echo").status, 200);
}

#[test]
fn an_edge_without_tls_cannot_enable_it_later() {
    let setup = SetupOver::<TcpStream>::new(limits());
    setup
        .edge()
        .replace_identity(Pair::usual().identity().unwrap());
    assert_eq!(setup.client().get("/echo").status, 200);
}

#[test]
fn errors_of_certificates_name_the_file_and_not_its_content() {
    let (pair, other) = (Pair::new(), Pair::new());
    let folder = Folder::new();
    let certificate = folder.file("cert.pem", &pair.certificate_pem);
    let key = folder.file("key.pem", &pair.key_pem);
    assert!(Identity::load(&certificate, &key).is_ok());
    let bundle = folder.file(
        "bundle.pem",
        &format!("{}{}", pair.key_pem, pair.certificate_pem),
    );
    assert!(Identity::load(&bundle, &bundle).is_ok());

    let file = |name: &str, text: &str| folder.file(name, text);
    let none = folder.path().join("none.pem");
    let cut = pair.key_pem.len() / 2;
    for (certificate, key, says) in [
        (&none, &key, "cannot read"),
        (&certificate, &none, "cannot read"),
        (&file("empty", ""), &key, "holds no certificate"),
        (&key, &key, "holds no certificate"),
        (&certificate, &certificate, "holds no private key"),
        (
            &certificate,
            &file("locked", &pem("ENCRYPTED PRIVATE KEY", b"hunter2")),
            "holds no private key",
        ),
        (
            &certificate,
            &file("cut", &pair.key_pem[..cut]),
            "is not PEM",
        ),
        (
            &certificate,
            &file("odd", &pair.key_pem.replace('M', "?")),
            "is not PEM",
        ),
        (
            &certificate,
            &file("noise", &pem("PRIVATE KEY", b"hunter2")),
            "cannot be used",
        ),
        (
            &file("der", &pem("CERTIFICATE", b"hunter2")),
            &key,
            "cannot be used",
        ),
        (
            &certificate,
            &file("other", &other.key_pem),
            "is not that of the certificate",
        ),
    ] {
        let error = Identity::load(certificate, key).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(says), "{text}");
        assert!(text.contains(&*folder.path().to_string_lossy()), "{text}");
        for secret in ["hunter2", "-----", &pair.key_pem[40..50]] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
