//! How the program can be reached: TLS, the debug server, and how much it takes on.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::harness::{Folder, PATIENCE, Program, call, eventually};

fn pem(what: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<String> = text
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    format!(
        "-----BEGIN {what}-----\n{}\n-----END {what}-----\n",
        lines.join("\n")
    )
}

/// Writes a pair for `h` and returns its certificate.
fn pair(folder: &Folder) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["h".to_owned()]).unwrap();
    folder.write("cert.pem", &pem("CERTIFICATE", cert.der()));
    folder.write("key.pem", &pem("PRIVATE KEY", &signing_key.serialize_der()));
    cert.der().clone()
}

/// The status of `/healthz`, if the server shows a certificate that is this one.
fn health(address: SocketAddr, trusted: &CertificateDer<'static>) -> Option<u16> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "h".try_into().unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut stream = StreamOwned::new(session, socket);
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .ok()?;
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer.split(' ').nth(1)?.parse().ok()
}

#[test]
fn https_is_served_and_its_certificate_renewed() {
    let folder = Folder::new();
    let first = pair(&folder);
    let (cert, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    let text = format!(
        "host: 127.0.0.1\nport: 0\napi-keys: [k]\ntls: {{enable: true, cert: {}, key: {}}}\n",
        cert.display(),
        key.display()
    );
    let path = folder.write("config.yaml", &text);
    let program = Program::start(&["--config", path.to_str().unwrap()]);
    program.expect("https://127.0.0.1:");
    let printed = program.printed();
    let (_, rest) = printed.split_once("https://").unwrap();
    let end = rest.find(|c: char| !(c.is_ascii_digit() || ".:".contains(c)));
    let address: SocketAddr = rest[..end.unwrap()].parse().unwrap();
    assert_eq!(health(address, &first), Some(200));

    // A broken pair changes nothing, a new one is taken up without a word from anybody.
    fs::write(&key, "no key").unwrap();
    program.expect("the previous certificate stays in use");
    assert_eq!(health(address, &first), Some(200));
    let second = pair(&folder);
    eventually(
        || health(address, &second) == Some(200),
        || program.printed(),
    );
    assert_eq!(health(address, &first), None);
}

#[test]
fn a_certificate_that_cannot_be_used_ends_the_start() {
    let folder = Folder::new();
    for tls in [
        "{enable: true, cert: /no/such/cert, key: /no/such/key}",
        "{enable: true, cert: x}",
    ] {
        let text = format!("host: 127.0.0.1\nport: 0\napi-keys: [k]\ntls: {tls}\n");
        let path = folder.write("config.yaml", &text);
        let mut program = Program::start(&["--config", path.to_str().unwrap()]);
        assert_eq!(program.wait().code(), Some(1), "{tls}");
        program.expect("tls");
    }
}

#[test]
fn the_debug_server_comes_and_goes() {
    let folder = Folder::new();
    let plain = "host: 127.0.0.1\nport: 0\napi-keys: [k]\n";
    let with = format!("{plain}pprof: {{enable: true, addr: '127.0.0.1:0'}}\n");
    let path = folder.write("config.yaml", &with);
    let program = Program::start(&["--config", path.to_str().unwrap()]);
    program.expect("debug server at ");
    let printed = program.printed();
    let (_, rest) = printed.split_once("debug server at ").unwrap();
    let address = rest.lines().next().unwrap();
    let address: SocketAddr = address
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .parse()
        .unwrap();
    // It is there before some of the threads.
    let page = || call(address, "GET", "/debug/pprof/threads", "", "");
    eventually(|| page().1.contains("janitor"), || page().1);
    assert_eq!(page().0, 200);
    folder.write("config.yaml", plain);
    eventually(
        || TcpStream::connect(address).is_err(),
        || program.printed(),
    );
}

#[cfg(feature = "demo")]
#[test]
fn what_there_may_be_at_once_is_limited() {
    use std::time::Duration;

    use holdfast::unversioned::demo::{Script, Step, Upstreams};

    const BODY: &str =
        r#"{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#;
    let upstreams = Upstreams::start().unwrap();
    upstreams.script(
        "a",
        Script::always(Step::trickle(10_000, Duration::from_millis(20))),
    );
    let start = |limits: &str| {
        let folder = Folder::new();
        let text = format!(
            "host: 127.0.0.1\nport: 0\napi-keys: [k]\nlimits: {{{limits}}}\nclaude-api-key: [{{api-key: a, base-url: 'http://{}', models: [{{name: demo-messages, alias: m}}]}}]\n",
            upstreams.address()
        );
        let path = folder.write("config.yaml", &text);
        let program = Program::start(&["--config", path.to_str().unwrap()]);
        program.address();
        (folder, program)
    };
    let open = |program: &Program, bytes: &str| {
        let mut stream = TcpStream::connect(program.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        stream
    };
    let streaming = |program: &Program| {
        let request = format!(
            "POST /v1/messages HTTP/1.1\r\nHost: h\r\nX-Api-Key: k\r\nContent-Length: {}\r\n\r\n{BODY}",
            BODY.len()
        );
        let mut stream = open(program, &request);
        stream.read_exact(&mut [0]).unwrap();
        stream
    };
    let all = |mut stream: TcpStream| {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };

    let (_folder, mut program) = start(
        "workers: 1, queue-timeout: 50ms, head-timeout: 100ms, idle-timeout: 100ms, drain-timeout: 50ms",
    );
    let busy = streaming(&program);
    let (status, answer) = call(program.address(), "POST", "/v1/messages", "k", BODY);
    assert!(status == 503 && answer.contains("Retry-After"), "{answer}");
    // Half a head is not waited for, nor is a second request.
    assert!(all(open(&program, "GET /healthz HT")).contains(" 408 "));
    let idle = all(open(&program, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert!(idle.starts_with("HTTP/1.1 200 "), "{idle}");
    program.signal("TERM");
    program.expect("1 requests did not finish");
    assert_eq!(program.wait().code(), Some(0));
    drop(busy);

    let (_folder, program) = start("connections: 1");
    let busy = streaming(&program);
    assert!(all(open(&program, "")).contains(" 503 "));
    drop(busy);
}

/// Connections that say nothing, or never all, as many as there may be files and more.
#[cfg(target_os = "linux")]
#[test]
fn strangers_that_take_all_descriptors_make_room() {
    let folder = Folder::new();
    let text = "host: 127.0.0.1\nport: 0\napi-keys: [k]\n";
    let config = folder.write("config.yaml", text);
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", "ulimit -n 100 && exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_holdfast"))
        .arg("--config")
        .arg(&config)
        .env("WRITABLE_PATH", folder.path());
    let program = Program::spawn(&mut command);
    let address = program.address();
    let strangers: Vec<_> = (0..300)
        .map(|n| {
            let mut stream = TcpStream::connect(address).unwrap();
            if n % 2 == 0 {
                // It may have had to make room already.
                let _ = stream.write_all(b"GET /healthz HT");
            }
            stream
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(call(address, "GET", "/healthz", "", "").0, 200);
    }
    drop(strangers);
    assert_eq!(call(address, "GET", "/healthz", "", "").0, 200);
}
