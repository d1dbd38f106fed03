//! Certificates, and a TLS client.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use holdfast::unversioned::edge::{Identity, IdentityError};
use rustls::pki_types::CertificateDer;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use super::harness::Wire;

/// A temporary folder, removed on drop.
pub struct Folder(PathBuf);

/// A certificate for `localhost` and its key.
pub struct Pair {
    pub certificate: CertificateDer<'static>,
    pub certificate_pem: String,
    pub key_pem: String,
}

/// A connection after the handshake.
pub struct Tls(pub StreamOwned<ClientConnection, TcpStream>);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::AcqRel);
        let name = format!("holdfast-edge-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let file = self.0.join(name);
        std::fs::write(&file, text).unwrap();
        file
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Pair {
    pub fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self {
            certificate: made.cert.der().clone(),
            certificate_pem: pem("CERTIFICATE", made.cert.der()),
            key_pem: pem("PRIVATE KEY", &made.signing_key.serialize_der()),
        }
    }

    /// The default certificate of test edges.
    pub fn usual() -> &'static Self {
        static USUAL: OnceLock<Pair> = OnceLock::new();
        USUAL.get_or_init(Self::new)
    }

    pub fn identity(&self) -> Result<Identity, IdentityError> {
        let folder = Folder::new();
        Identity::load(
            &folder.file("cert.pem", &self.certificate_pem),
            &folder.file("key.pem", &self.key_pem),
        )
    }

    /// A store that trusts it.
    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        roots
    }

    /// A client that trusts it.
    pub fn trusted(&self, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(self.roots())
            .with_no_client_auth()
    }
}

pub fn pem(kind: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    format!("-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n")
}

impl Tls {
    /// # Errors
    /// When the handshake fails.
    pub fn open(address: SocketAddr, config: &Arc<ClientConfig>) -> io::Result<Self> {
        let name = "localhost".try_into().unwrap();
        let session = ClientConnection::new(Arc::clone(config), name).unwrap();
        let mut stream = StreamOwned::new(session, <TcpStream as Wire>::connect(address));
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self(stream))
    }
}

impl Wire for Tls {
    fn connect(address: SocketAddr) -> Self {
        static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
        let config = CONFIG.get_or_init(|| Arc::new(Pair::usual().trusted(rustls::ALL_VERSIONS)));
        Self::open(address, config).unwrap()
    }

    fn tcp(&self) -> &TcpStream {
        &self.0.sock
    }

    fn identity() -> Option<Identity> {
        Some(Pair::usual().identity().unwrap())
    }
}

impl Read for Tls {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.read(room)
    }
}

impl Write for Tls {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
