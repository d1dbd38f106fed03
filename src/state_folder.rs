//! The folder of what the program keeps for itself from one run to the next.

use std::path::{Path, PathBuf};

/// Where services have their state.
const SYSTEM: &str = "/var/lib/holdfast";

/// Where it is: what `$WRITABLE_PATH` says; else what the service manager says in `$STATE_DIRECTORY`; else the place
/// for services, if this is one, or that for a user's programs. `None` where no place follows. Nothing is made.
pub fn of(variables: &dyn Fn(&str) -> Option<String>, is_root: bool) -> Option<PathBuf> {
    let variable = |name| variables(name).filter(|value| !value.is_empty());
    if let Some(path) = variable("WRITABLE_PATH") {
        return Some(path.into());
    }
    // More than one is separated by colons.
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

/// That of this process.
pub fn here(variables: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    of(variables, rustix::process::geteuid().is_root())
}

/// Makes the folder, for nobody but its owner, if it is not there.
///
/// # Errors
/// Those of the file system.
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
