//! The folder for state that survives restarts.

use std::path::{Path, PathBuf};

/// The folder for services.
const SYSTEM: &str = "/var/lib/holdfast";

/// The folder: `$WRITABLE_PATH`, else `$STATE_DIRECTORY` of the service manager, else the folder for services or for the
/// user. `None` if there is none. Creates nothing.
pub fn of(variables: &dyn Fn(&str) -> Option<String>, is_root: bool) -> Option<PathBuf> {
    let variable = |name| variables(name).filter(|value| !value.is_empty());
    if let Some(path) = variable("WRITABLE_PATH") {
        return Some(path.into());
    }
    // Several folders are separated by colons.
    if let Some(given) = variable("STATE_DIRECTORY") {
        return given.split(':').next().map(PathBuf::from);
    }
    if is_root {
        return Some(SYSTEM.into());
    }
    let absolute = |name| {
        variable(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let home = || Some(absolute("HOME")?.join(".local/state"));
    let state = absolute("XDG_STATE_HOME").or_else(home)?;
    Some(state.join("holdfast"))
}

/// The folder of this process.
pub fn here(variables: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    of(variables, rustix::process::geteuid().is_root())
}

/// Creates the folder, accessible only by its owner, if it is missing.
///
/// # Errors
/// Errors of the file system.
pub fn make(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_where_it_belongs() {
        for (variables, is_root, expected) in [
            (
                &[("WRITABLE_PATH", "/w"), ("STATE_DIRECTORY", "/s")][..],
                true,
                Some("/w"),
            ),
            (&[("STATE_DIRECTORY", "/s:/t")], true, Some("/s")),
            (&[("HOME", "/home/u")], true, Some(SYSTEM)),
            (
                &[("HOME", "/home/u"), ("XDG_STATE_HOME", "/x")],
                false,
                Some("/x/holdfast"),
            ),
            (
                &[("HOME", "/home/u"), ("XDG_STATE_HOME", "x")],
                false,
                Some("/home/u/.local/state/holdfast"),
            ),
            (&[("HOME", "")], false, None),
            (&[], false, None),
        ] {
            let look_up = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let found = of(&look_up, is_root);
            assert_eq!(found.as_deref(), expected.map(Path::new), "{variables:?}");
        }
    }
}
