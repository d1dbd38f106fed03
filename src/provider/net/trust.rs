//! Trusted certificate authorities: those built in, the system's, and those of `ca-file`. Verification cannot be turned
//! off.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore, crypto};

use super::environment::Variables;
use crate::time::TlsClock;

/// Files of authorities: Debian, Fedora, openSUSE, Red Hat, Alpine and the BSDs, OpenWrt.
const SYSTEM: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs/ca-bundle.crt",
];

/// The authorities of the system, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR` instead.
#[derive(Debug)]
pub struct System {
    files: Vec<PathBuf>,
    /// Whether the environment names them.
    is_named: bool,
}

impl System {
    pub fn of(variables: &Variables) -> Self {
        let mut files: Vec<PathBuf> = Vec::new();
        files.extend(variables.first(&["SSL_CERT_FILE"]).map(PathBuf::from));
        if let Some(folders) = variables.first(&["SSL_CERT_DIR"]) {
            for folder in std::env::split_paths(&folders) {
                match fs::read_dir(&folder) {
                    Ok(entries) => files.extend(entries.flatten().map(|entry| entry.path())),
                    Err(error) => log::error!("SSL_CERT_DIR: {}: {error}", folder.display()),
                }
            }
        }
        let is_named = !files.is_empty();
        if !is_named {
            let known = SYSTEM.iter().map(Path::new).find(|path| path.is_file());
            files.extend(known.map(Path::to_owned));
        }
        Self { files, is_named }
    }

    fn add_to(&self, store: &mut RootCertStore) {
        for file in self.files.iter().filter(|file| file.is_file()) {
            match fs::read(file) {
                Ok(pem) => add(store, &pem),
                Err(error) if self.is_named => log::error!("{}: {error}", file.display()),
                Err(error) => log::debug!("{}: {error}", file.display()),
            }
        }
    }
}

/// The TLS configuration. Authorities are read at its first use.
pub struct Trust {
    system: Arc<System>,
    /// PEM.
    more: Vec<u8>,
    config: OnceLock<Result<Arc<ClientConfig>, rustls::Error>>,
}

impl Trust {
    /// Trusts the built-in authorities, the system's and those in `more` (PEM).
    pub fn new(system: Arc<System>, more: Vec<u8>) -> Self {
        Self {
            system,
            more,
            config: OnceLock::new(),
        }
    }

    pub fn more(&self) -> &[u8] {
        &self.more
    }

    /// # Errors
    /// When the TLS library rejects its cryptography provider.
    pub fn config(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        self.config.get_or_init(|| self.configured()).clone()
    }

    fn configured(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        let mut store = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        self.system.add_to(&mut store);
        add(&mut store, &self.more);
        store.roots.shrink_to_fit();
        let provider = Arc::new(crypto::ring::default_provider());
        let config = ClientConfig::builder_with_details(provider, Arc::new(TlsClock))
            .with_protocol_versions(rustls::ALL_VERSIONS)?
            .with_root_certificates(store)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

/// Adds authorities that are not present yet: most of a system's are built in.
fn add(store: &mut RootCertStore, pem: &[u8]) {
    for certificate in CertificateDer::pem_slice_iter(pem).flatten() {
        // Some systems have authorities in formats that the library cannot read.
        let Ok(()) = store.add(certificate) else {
            continue;
        };
        if let Some((last, before)) = store.roots.split_last()
            && before.contains(last)
        {
            store.roots.pop();
        }
    }
}
