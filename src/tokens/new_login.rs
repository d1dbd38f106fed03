//! Writing a new login to the directory of credential files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Map, Value};

use super::lock::FileLock;
use super::saving;
use crate::credential::file::LARGEST;
use crate::credential::{IssuedTo, Login};
use crate::{atomic_file, state_folder};

/// Where a login was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub path: PathBuf,
    /// Whether the file is new. An older one of the same account has kept its settings.
    pub is_new: bool,
}

/// Writes `login` to the file of its account in `folder`, else to a new file.
///
/// # Errors
/// Errors of the file system.
pub fn keep(
    folder: &Path,
    login: &Login,
    issued_to: Option<&IssuedTo<'_>>,
    now: SystemTime,
) -> io::Result<Kept> {
    state_folder::make(folder)?;
    if let Some(path) = older(folder, login)? {
        let _lock = FileLock::take(&path)?;
        saving::overwrite(&path, &login.changes(issued_to, now))?;
        let is_new = false;
        return Ok(Kept { path, is_new });
    }
    let path = free(folder, &login.file_name(now));
    let document = login.document(issued_to, now);
    atomic_file::replace(&path, format!("{document:#}\n").as_bytes())?;
    let is_new = true;
    Ok(Kept { path, is_new })
}

/// The file of the same account.
fn older(folder: &Path, login: &Login) -> io::Result<Option<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_json = |end: &std::ffi::OsStr| end.eq_ignore_ascii_case("json");
        if path.extension().is_some_and(is_json) {
            paths.push(path);
        }
    }
    paths.sort();
    let is_of_account = |path: &PathBuf| {
        let is_small = fs::metadata(path).is_ok_and(|found| found.len() <= LARGEST);
        let content = is_small.then(|| fs::read(path).ok()).flatten();
        let file = content.and_then(|content| serde_json::from_slice(&content).ok());
        file.is_some_and(|file: Map<String, Value>| login.is_of_account(&file))
    };
    Ok(paths.into_iter().find(is_of_account))
}

/// The first path that no file has: `name`, else with a number.
fn free(folder: &Path, name: &str) -> PathBuf {
    let stem = name.strip_suffix(".json").unwrap_or(name);
    let numbered = (2_u32..).map(|number| format!("{stem}-{number}.json"));
    let mut paths = [name.to_owned()]
        .into_iter()
        .chain(numbered)
        .map(|name| folder.join(name));
    let is_free = |path: &PathBuf| fs::symlink_metadata(path).is_err();
    paths.find(is_free).unwrap_or_else(|| folder.join(name))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::Secret;
    use crate::credential::Channel;

    fn login(organization: &str, access: &str) -> Login {
        Login {
            email: Some("a@example.com".to_owned()),
            own: vec![("organization_uuid", organization.into())],
            ..Login::new(Channel::Claude, Secret::new(access))
        }
    }

    #[test]
    fn each_account_has_one_file() {
        let name = format!("holdfast-new-login-{}", std::process::id());
        let folder = std::env::temp_dir().join(name).join("auth");
        let _ = fs::remove_dir_all(&folder);
        let now = SystemTime::now();
        let keep = |login: &Login| keep(&folder, login, None, now).unwrap();
        let first = keep(&login("one", "a1"));
        assert!(first.is_new);
        assert!(first.path.ends_with("claude-a@example.com.json"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&first.path)), (0o700, 0o600));
        // What its operator adds stays.
        let text = fs::read_to_string(&first.path).unwrap();
        fs::write(&first.path, text.replace("{\n", "{\n  \"priority\": 3,\n")).unwrap();
        let again = keep(&login("one", "a2"));
        assert_eq!((&again.path, again.is_new), (&first.path, false));
        let text = fs::read_to_string(&first.path).unwrap();
        assert!(text.contains("\"priority\": 3") && text.contains("a2") && !text.contains("a1"));
        // Another organization of the same person.
        let other = keep(&login("two", "b1"));
        assert!(other.is_new && other.path.ends_with("claude-a@example.com-2.json"));
        let text = fs::read_to_string(&first.path).unwrap();
        assert!(text.contains("a2"), "{text}");
        fs::remove_dir_all(folder.parent().unwrap()).unwrap();
    }
}
