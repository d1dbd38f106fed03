//! `ca-file`: whom to trust beside the system's authorities.

use std::path::PathBuf;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::paths;
use super::problem::Report;
use super::reader::Field;

/// The path of a file that holds certificates, PEM. It is noted, so that a change of it is a change of the
/// configuration; without a certificate it is an error of `field`.
pub fn read(field: &Field<'_>, report: &Report) -> Option<PathBuf> {
    let path = paths::expand(&field.filled()?);
    report.note_file(&path);
    // As with secrets: a pipe may keep whoever opens it waiting for ever.
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        field.error("names what is no file");
        return None;
    }
    match std::fs::read(&path) {
        Ok(pem) if CertificateDer::pem_slice_iter(&pem).any(|found| found.is_ok()) => Some(path),
        Ok(_) => {
            field.error("names a file without a certificate");
            None
        }
        Err(error) => {
            field.error(format!("names a file that cannot be read: {error}"));
            None
        }
    }
}
