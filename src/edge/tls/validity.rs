//! Checks the validity period of a certificate.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};

/// Whether the first certificate of a PEM file is valid at that time, whoever issued it; `None` if the file is invalid.
pub fn is_valid_at(file: &Path, at: SystemTime) -> Option<bool> {
    let pem = fs::read(file).ok()?;
    let certificate = CertificateDer::pem_slice_iter(&pem).next()?.ok()?;
    // The period is checked before the issuer, so any trust anchors work.
    let roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    let name = ServerName::try_from("localhost").ok()?;
    let now = UnixTime::since_unix_epoch(at.duration_since(UNIX_EPOCH).ok()?);
    let verified = verifier
        .build()
        .ok()?
        .verify_server_cert(&certificate, &[], &name, &[], now);
    use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    match verified {
        Err(Error::InvalidCertificate(
            Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. },
        )) => Some(false),
        Err(Error::InvalidCertificate(CertificateError::BadEncoding)) => None,
        _ => Some(true),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    #[test]
    fn only_the_time_counts() {
        let folder = std::env::temp_dir().join(format!("holdfast-valid-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("cert.pem");
        // From 1975 to 4096.
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let text = BASE64_STANDARD.encode(pair.cert.der());
        let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
        fs::write(&file, pem).unwrap();
        let years = |count: u64| UNIX_EPOCH + Duration::from_secs(count * 31_557_600);
        for (year, expected) in [(1, false), (50, true), (3000, false)] {
            assert_eq!(is_valid_at(&file, years(year)), Some(expected), "{year}");
        }
        fs::write(&file, "nonsense").unwrap();
        assert_eq!(is_valid_at(&file, years(50)), None);
        assert_eq!(is_valid_at(&folder.join("none"), years(50)), None);
        fs::remove_dir_all(folder).unwrap();
    }
}
