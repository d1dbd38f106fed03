//! `remote-management`.

use super::files;
use crate::config::reader::{Field, Mapping};
use crate::config::secret::Secret;
use crate::config::settings::Management;

/// The longest password that bcrypt looks at, in bytes.
const LONGEST_PASSWORD: usize = 72;

pub fn read(block: &Mapping<'_>, serves_tls: bool) -> Management {
    let allow_remote = block.get("allow-remote");
    if allow_remote && !serves_tls {
        let field = block.field("allow-remote");
        field.warn("lets the management key travel unencrypted: enable `tls`");
    }
    let secret_key = files::secret(block, "secret-key");
    let is_too_long = |key: &Secret| !key.is_bcrypt_hash() && key.reveal().len() > LONGEST_PASSWORD;
    if secret_key.as_ref().is_some_and(is_too_long) {
        let message = format!("must not be longer than {LONGEST_PASSWORD} bytes");
        block.field("secret-key").error(message);
    }
    Management {
        allow_remote,
        secret_key,
        disable_control_panel: block.get("disable-control-panel"),
        disable_auto_update_panel: block.get("disable-auto-update-panel"),
        panel_releases: panel(&block.field("panel-github-repository")),
    }
}

fn panel(field: &Field<'_>) -> Option<String> {
    let found = releases(&field.value::<String>());
    if found.is_none() {
        field.warn("must be a repository on GitHub: there is no panel");
    }
    found
}

/// `https://github.com/<owner>/<repository>[.git]` as the address of its latest release.
fn releases(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https://")?.trim_end_matches('/');
    let part = |text: &str| {
        let byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !text.is_empty() && text.bytes().all(byte)
    };
    if let Some(path) = rest.strip_prefix("api.github.com/") {
        if !path.split('/').all(part) {
            return None;
        }
        let path = path.strip_suffix("/releases/latest").unwrap_or(path);
        return Some(format!("https://api.github.com/{path}/releases/latest"));
    }
    let path = rest.strip_prefix("github.com/")?;
    let (owner, repository) = path.split_once('/')?;
    let repository = repository.strip_suffix(".git").unwrap_or(repository);
    (part(owner) && part(repository))
        .then(|| format!("https://api.github.com/repos/{owner}/{repository}/releases/latest"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_come_from_releases() {
        let latest = "https://api.github.com/repos/o/r/releases/latest";
        for text in [
            "https://github.com/o/r",
            "https://github.com/o/r.git",
            "https://github.com/o/r/",
            "https://api.github.com/repos/o/r",
            "https://api.github.com/repos/o/r/releases/latest",
        ] {
            assert_eq!(releases(text).as_deref(), Some(latest), "{text}");
        }
        for text in [
            "",
            "o/r",
            "http://github.com/o/r",
            "https://github.com/o",
            "https://github.com/o/r/x",
            "https://github.com.example/o/r",
            "https://github.com/o/r?x",
        ] {
            assert_eq!(releases(text), None, "{text}");
        }
    }
}
