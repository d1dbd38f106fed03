//! Paths as a configuration writes them.

use std::path::{Component, Path, PathBuf};

/// A path whose leading `~` is the user's home, without `.` and doubled slashes.
pub fn expand(text: &str) -> PathBuf {
    let home = || std::env::var_os("HOME").filter(|home| !home.is_empty());
    let path = match text.strip_prefix('~') {
        Some("") => home().map(PathBuf::from),
        Some(rest) => rest
            .strip_prefix('/')
            .and_then(|rest| Some(Path::new(&home()?).join(rest))),
        None => None,
    };
    let path = path.unwrap_or_else(|| PathBuf::from(text));
    let clean: PathBuf = path
        .components()
        .filter(|part| *part != Component::CurDir)
        .collect();
    match clean.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => clean,
    }
}
