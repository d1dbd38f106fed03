//! The certificate and key of the gateway.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, fs, io};

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, InconsistentKeys, ServerConfig};
use zeroize::Zeroizing;

use crate::time::TlsClock;

/// A certificate chain and its key, for TLS 1.2 and 1.3 and HTTP/1.1 (ALPN). Clients can resume the last 256 sessions (the
/// default of rustls), as long as this identity is in use.
#[derive(Clone)]
pub struct Identity {
    pub(super) config: Arc<ServerConfig>,
}

/// An error of the identity. It contains the file's name, never its content.
#[derive(Debug)]
pub struct IdentityError {
    file: PathBuf,
    reason: Reason,
}

#[derive(Debug)]
enum Reason {
    Unreadable(io::Error),
    NotPem,
    NoCertificate,
    NoKey,
    UnusableKey,
    UnusableCertificate(Error),
    /// The key does not match the certificate in this file.
    Mismatch(PathBuf),
}

impl Identity {
    /// Reads a certificate chain, the server's certificate first, and its key, both in PEM. The key is an unencrypted
    /// PKCS #8, PKCS #1 or SEC 1 key.
    ///
    /// # Errors
    /// When a file cannot be read or has no certificate or key, or the two do not match.
    pub fn load(certificates: &Path, key: &Path) -> Result<Self, IdentityError> {
        let chain = CertificateDer::pem_slice_iter(&read(certificates)?)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| Reason::NotPem.of(certificates))?;
        if chain.is_empty() {
            return Err(Reason::NoCertificate.of(certificates));
        }
        let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| match error {
            pem::Error::NoItemsFound => Reason::NoKey.of(key),
            // Other messages quote the file.
            _ => Reason::NotPem.of(key),
        })?;
        let provider = ring::default_provider();
        let private = provider
            .key_provider
            .load_private_key(private)
            .map_err(|_| Reason::UnusableKey.of(key))?;
        let pair = CertifiedKey::new(chain, private);
        match pair.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(Error::InconsistentKeys(_)) => {
                return Err(Reason::Mismatch(certificates.to_owned()).of(key));
            }
            Err(error) => return Err(Reason::UnusableCertificate(error).of(certificates)),
        }
        let mut config = ServerConfig::builder_with_details(Arc::new(provider), Arc::new(TlsClock))
            .with_safe_default_protocol_versions()
            .map_err(|error| Reason::UnusableCertificate(error).of(certificates))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
        })
    }
}

fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
    // Opening a pipe may block forever.
    let is_file = fs::metadata(file).map(|found| found.is_file());
    is_file
        .and_then(|is_file| match is_file {
            true => fs::read(file),
            false => Err(io::Error::other("it is no file")),
        })
        .map(Zeroizing::new)
        .map_err(|error| Reason::Unreadable(error).of(file))
}

impl Reason {
    fn of(self, file: &Path) -> IdentityError {
        IdentityError {
            file: file.to_owned(),
            reason: self,
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match &self.reason {
            Reason::Unreadable(error) => write!(f, "cannot read {file}: {error}"),
            Reason::NotPem => write!(f, "{file} is not PEM"),
            Reason::NoCertificate => write!(f, "{file} holds no certificate in PEM"),
            Reason::NoKey => write!(
                f,
                "{file} holds no private key in PEM that is not encrypted"
            ),
            Reason::UnusableKey => write!(f, "the private key in {file} cannot be used"),
            Reason::UnusableCertificate(error) => {
                write!(f, "the certificate in {file} cannot be used: {error}")
            }
            Reason::Mismatch(certificates) => write!(
                f,
                "the private key in {file} is not that of the certificate in {}",
                certificates.display()
            ),
        }
    }
}

impl std::error::Error for IdentityError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let path = std::env::temp_dir().join(format!("holdfast-identity-{}", std::process::id()));
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let Err(error) = Identity::load(&path, &path) else {
            panic!("a pipe is no certificate");
        };
        fs::remove_file(&path).unwrap();
        assert!(error.to_string().contains("it is no file"), "{error}");
    }
}
