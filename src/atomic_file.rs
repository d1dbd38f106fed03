//! Replaces files atomically: readers see the old or the new content.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Replaces or creates the file at `path`, readable only by its owner.
///
/// # Errors
/// Errors of the file system; the old file is then unchanged.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    put(path, bytes, |_| Ok(()))
}

/// Replaces the content of a file and keeps its mode, owner and symbolic links.
///
/// # Errors
/// Errors of the file system; the old file is then unchanged.
pub fn rewrite(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let old = fs::metadata(&path)?;
    if old.permissions().readonly() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    put(&path, bytes, |file| like(file, &old))
}

/// As [`rewrite`], but the file becomes readable only by its owner.
///
/// # Errors
/// Errors of the file system; the old file is then unchanged.
pub fn rewrite_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let old = fs::metadata(&path)?;
    if old.permissions().readonly() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    put(&path, bytes, |file| owned_like(file, &old))
}

fn put(path: &Path, bytes: &[u8], prepare: impl Fn(&File) -> io::Result<()>) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    // Left over from a crash.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = private(&beside)?;
    let written = prepare(&file)
        .and_then(|()| file.write_all(bytes))
        .and_then(|()| file.sync_all());
    let replaced = written.and_then(|()| fs::rename(&beside, path));
    if replaced.is_ok()
        && let Some(folder) = path.parent()
    {
        // So that the new name survives a power failure. Not every file system can.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    if replaced.is_err() {
        // The disk may be full: remove the incomplete file.
        let _ = fs::remove_file(&beside);
    }
    replaced
}

#[cfg(unix)]
fn private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(unix)]
fn owned_like(file: &File, old: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let now = file.metadata()?;
    if (now.uid(), now.gid()) == (old.uid(), old.gid()) {
        return Ok(());
    }
    // A process that may write the file may yet not be allowed to give it away.
    let may_fail = |result: io::Result<()>| match result {
        Err(error) if error.kind() != io::ErrorKind::PermissionDenied => Err(error),
        _ => Ok(()),
    };
    if fchown(file, Some(old.uid()), Some(old.gid())).is_err() {
        may_fail(fchown(file, Some(old.uid()), None))?;
        may_fail(fchown(file, None, Some(old.gid())))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn owned_like(_: &File, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn like(file: &File, old: &fs::Metadata) -> io::Result<()> {
    owned_like(file, old)?;
    file.set_permissions(old.permissions())
}

#[cfg(not(unix))]
fn like(file: &File, old: &fs::Metadata) -> io::Result<()> {
    file.set_permissions(old.permissions())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("holdfast-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_replaced_whole_and_for_its_owner_only() {
        let folder = folder("replace");
        let path = folder.join("sessions");
        fs::write(folder.join("sessions.new"), "left over").unwrap();
        for text in ["one", "two"] {
            replace(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(mode(&path), 0o600);
            assert!(!folder.join("sessions.new").exists());
        }
        assert!(replace(&folder.join("missing/sessions"), b"x").is_err());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_rewritten_file_keeps_its_mode_and_its_links() {
        let folder = folder("rewrite");
        let (path, link) = (folder.join("file"), folder.join("link"));
        fs::write(&path, "one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&path, &link).unwrap();
        rewrite(&link, b"two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(mode(&path), 0o640);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();
        assert!(rewrite(&link, b"three").is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        fs::remove_dir_all(&folder).unwrap();
    }
}
