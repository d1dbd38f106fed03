//! Files that the configuration names: secrets, lists of client keys, certificates. Each is noted, so that a change of
//! it is a change of the configuration; one that cannot be read is an error of its key.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::config::reader::{Field, FromScalar, Mapping};
use crate::config::secret::Secret;

/// The largest file of a secret, or of a list of them, in bytes. Ten thousand client keys need 700 kB.
const LARGEST: u64 = 1 << 20;

/// A secret, in place or in a file that `KEY-file` names.
pub fn secret(block: &Mapping<'_>, key: &'static str) -> Option<Secret> {
    let (field, file) = (block.field(key), block.field(&format!("{key}-file")));
    if file.filled().is_none() {
        return field.filled().map(Secret::new);
    }
    if field.node().is_some() {
        file.error(format!("cannot be set together with `{key}`"));
        return None;
    }
    let text = text(&file)?;
    let secret = text.trim();
    (!secret.is_empty()).then(|| Secret::new(secret))
}

/// The text of the file that `field` names.
pub fn text(field: &Field<'_>) -> Option<String> {
    let mut text = String::new();
    let path = ordinary(field)?;
    let read = File::open(&path).and_then(|file| {
        if is_open_to_others(&file)? {
            field.warn("names a file that others can read: make it 0600");
        }
        file.take(LARGEST + 1).read_to_string(&mut text)
    });
    match read {
        Ok(bytes) if bytes as u64 <= LARGEST => return Some(text),
        Ok(_) => field.error(format!("names a file of more than {} MiB", LARGEST >> 20)),
        Err(error) => cannot_be_read(field, &error),
    }
    None
}

/// The path of the file of certificates, PEM, that `field` names.
pub fn certificates(field: &Field<'_>) -> Option<PathBuf> {
    let path = ordinary(field)?;
    let is_certificate = |pem: &[u8]| CertificateDer::pem_slice_iter(pem).any(|it| it.is_ok());
    match std::fs::read(&path) {
        Ok(pem) if is_certificate(&pem) => return Some(path),
        Ok(_) => field.error("names a file without a certificate"),
        Err(error) => cannot_be_read(field, &error),
    }
    None
}

/// The lines of a file that holds one key each. Blank lines and those that begin with `#` hold none.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// The path in `field`, noted. Opening what is not an ordinary file, such as a pipe, might never return.
fn ordinary(field: &Field<'_>) -> Option<PathBuf> {
    let path = PathBuf::read(field)?;
    field.report.note_file(&path);
    if Path::metadata(&path).is_ok_and(|found| !found.is_file()) {
        field.error("names something that is not a file");
        return None;
    }
    Some(path)
}

fn cannot_be_read(field: &Field<'_>, error: &io::Error) {
    field.error(format!("names a file that cannot be read: {error}"));
}

#[cfg(unix)]
fn is_open_to_others(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.metadata()?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &File) -> io::Result<bool> {
    Ok(false)
}
