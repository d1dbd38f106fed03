//! `remote-management`: how operators reach the gateway.

use super::reader::{Field, Mapping};
use super::secret::Secret;

/// Whether a control panel may be fetched, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Management {
    /// Whether others than loopback peers are answered.
    pub allow_remote: bool,
    /// The management key, always a bcrypt hash; `None` leaves only that of the environment.
    pub secret_key: Option<Secret>,
    pub disable_control_panel: bool,
    /// Whether the panel is fetched only when it is missing.
    pub disable_auto_update_panel: bool,
    /// The releases of the panel: an address of GitHub's API. `None` when the key names another host.
    pub panel_releases: Option<String>,
}

const PANEL: &str = "https://github.com/router-for-me/Cli-Proxy-API-Management-Center";
/// The longest password that bcrypt looks at, in bytes.
const LONGEST_PASSWORD: usize = 72;

impl Default for Management {
    fn default() -> Self {
        Self {
            allow_remote: false,
            secret_key: None,
            disable_control_panel: false,
            disable_auto_update_panel: false,
            panel_releases: releases(PANEL),
        }
    }
}

/// Whether a key is hashed already.
pub fn is_hash(key: &str) -> bool {
    ["$2a$", "$2b$", "$2y$"]
        .iter()
        .any(|start| key.starts_with(start))
}

pub fn read(mut block: Mapping<'_>, serves_tls: bool) -> Management {
    let remote = block.field("allow-remote");
    let allow_remote = remote.flag().unwrap_or(false);
    if allow_remote && !serves_tls {
        remote.warn("lets the management key travel unencrypted: enable `tls`");
    }
    let secret_key = block.secret("secret-key", "secret-key-file");
    if let Some(key) = &secret_key
        && !is_hash(key.reveal())
        && key.reveal().len() > LONGEST_PASSWORD
    {
        let message = format!("must not be longer than {LONGEST_PASSWORD} bytes");
        block.field("secret-key").error(message);
    }
    let mut flag = |key| block.field(key).flag().unwrap_or(false);
    let disable_control_panel = flag("disable-control-panel");
    let disable_auto_update_panel = flag("disable-auto-update-panel");
    let panel_releases = panel(&block.field("panel-github-repository"));
    block.finish();
    Management {
        allow_remote,
        secret_key,
        disable_control_panel,
        disable_auto_update_panel,
        panel_releases,
    }
}

fn panel(field: &Field<'_>) -> Option<String> {
    let Some(text) = field.filled() else {
        return releases(PANEL);
    };
    let found = releases(&text);
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
