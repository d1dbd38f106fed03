//! Secrets that stand in files of their own, beside the configuration.

use std::fs::File;
use std::io::Read;

use super::paths;
use super::problem::Report;
use super::reader::Field;

/// Bytes of a file that is taken for a secret, or for a list of them. Ten thousand client keys need 700 kB.
const LARGEST: u64 = 1 << 20;

/// The text of a secret file; `None` when it cannot be read, which is an error of `field`. The file is noted,
/// so that a change of it is a change of the configuration.
pub fn read(path: &str, field: &Field<'_>, report: &Report) -> Option<String> {
    let path = paths::expand(path);
    report.note_file(&path);
    let mut text = String::new();
    // What is no ordinary file may keep whoever opens it waiting for ever.
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        field.error("names what is no file");
        return None;
    }
    let read = File::open(&path).and_then(|file| {
        if is_open_to_others(&file)? {
            field.warn("names a file that others can read: make it 0600");
        }
        file.take(LARGEST + 1).read_to_string(&mut text)
    });
    match read {
        Ok(bytes) if bytes as u64 <= LARGEST => Some(text),
        Ok(_) => {
            field.error(format!("names a file of more than {} MiB", LARGEST >> 20));
            None
        }
        Err(error) => {
            field.error(format!("names a file that cannot be read: {error}"));
            None
        }
    }
}

#[cfg(unix)]
fn is_open_to_others(file: &File) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.metadata()?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &File) -> std::io::Result<bool> {
    Ok(false)
}

/// The lines of a file that holds one key each. Blank lines and those that begin with `#` hold none.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}
