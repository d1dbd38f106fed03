//! How a configuration differs from the one before.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::effective::{self, Leaf};
use super::keys::{self, Change, Key, Standing};
use super::settings::Config;
use super::show::{Shown, plain};

/// One key that has another value. Prints as `path: old -> new`; of secrets only that they have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The path of the key, for example `routing.strategy`.
    pub path: String,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Value(String, String),
    Secret(&'static str),
    Count(usize, usize),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path)?;
        match &self.what {
            What::Value(old, new) => write!(f, "{old} -> {new}"),
            What::Secret(what) => f.write_str(what),
            What::Count(old, new) => write!(f, "count {old} -> {new}"),
        }
    }
}

/// The keys in which `new` differs, credentials left out.
pub fn changes(old: &Config, new: &Config) -> Vec<Difference> {
    let (old, new) = (effective::leaves(old), effective::leaves(new));
    let before: HashMap<&str, &Leaf> = old.iter().map(|leaf| (&*leaf.path, leaf)).collect();
    let after: HashMap<&str, &Leaf> = new.iter().map(|leaf| (&*leaf.path, leaf)).collect();
    let gone = old.iter().filter(|leaf| !after.contains_key(&*leaf.path));
    let gone = gone.map(|leaf| (Some(leaf), None));
    let present = new
        .iter()
        .map(|leaf| (before.get(&*leaf.path).copied(), Some(leaf)));
    present
        .chain(gone)
        .filter_map(|(old, new)| difference(old, new))
        .collect()
}

/// The keys at the top of the file that ask for something that is not implemented.
pub fn unimplemented(config: &Config) -> Vec<String> {
    let top = |path: &str| path.split(['.', '[']).next().unwrap_or_default().to_owned();
    let is_unimplemented = |name: &String| {
        let mut keys = keys::all().iter();
        keys.any(|key| key.standing == Standing::Unimplemented && top(&key.path) == *name)
    };
    let asked = changes(&Config::default(), config);
    let mut names: Vec<String> = asked.iter().map(|change| top(&change.path)).collect();
    let mut seen = HashSet::new();
    names.retain(|name| is_unimplemented(name) && seen.insert(name.clone()));
    names
}

/// The values of the keys whose change takes effect with a restart.
#[derive(Clone, Debug)]
pub struct RestartKeys(Vec<(&'static str, Option<Shown>)>);

impl RestartKeys {
    /// The values of `config`.
    pub fn of(config: &Config) -> Self {
        let keys = keys::all().iter();
        let keys = keys.filter(|key| key.change == Change::Restart);
        let value = |key: &'static Key| match &*key.path {
            // An empty host depends on the client keys.
            "host" => plain(config.listen_hosts().join(" ")),
            _ => key.value(config),
        };
        Self(keys.map(|key| (&*key.path, value(key))).collect())
    }

    /// The keys in which `other` differs. One that does not matter with one of both is left out.
    pub fn changes(&self, other: &Self) -> Vec<&'static str> {
        let both = self.0.iter().zip(&other.0);
        let changed = both.filter_map(|((key, before), (_, after))| {
            let (before, after) = (before.as_ref()?, after.as_ref()?);
            (before != after).then_some(*key)
        });
        changed.collect()
    }
}

fn difference(old: Option<&Leaf>, new: Option<&Leaf>) -> Option<Difference> {
    let leaf = new.or(old)?;
    let is_credential = keys::CREDENTIALS.iter().any(|block| {
        let rest = leaf.path.strip_prefix(block);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
    });
    if old == new || is_credential {
        return None;
    }
    let text = |leaf: Option<&Leaf>| leaf.map_or("nothing", |leaf| &leaf.shown.text).to_owned();
    let secrets = |leaf: Option<&Leaf>| leaf.map_or(0, |leaf| leaf.shown.secrets.len());
    // A proxy shows its host.
    let is_proxy = leaf.path.ends_with("proxy-url");
    let what = match (secrets(old), secrets(new)) {
        (0, 0) => What::Value(text(old), text(new)),
        (0, 1) => What::Secret("added"),
        (1, 0) => What::Secret("removed"),
        (1, 1) if is_proxy && text(old) != text(new) => What::Value(text(old), text(new)),
        (old, new) if old == new => What::Secret("updated"),
        (old, new) => What::Count(old, new),
    };
    Some(Difference {
        path: leaf.path.clone(),
        what,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(old: &str, new: &str) -> Vec<String> {
        let load = |text| super::super::load(text, "c.yaml").config.unwrap();
        let changes = changes(&load(old), &load(new));
        changes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_not_implemented_is_named() {
        let of = |text| unimplemented(&super::super::load(text, "c.yaml").config.unwrap());
        assert_eq!(of("debug: true\nrequest-log: true"), [""; 0]);
        assert_eq!(
            of(
                "ws-auth: yes\nampcode: {upstream-url: https://a.example, model-mappings: [{from: a, to: b}]}\noauth-model-alias: {claude: [{name: a, alias: b}]}\nquota-exceeded: {switch-project: true}"
            ),
            ["ws-auth", "ampcode"]
        );
    }

    #[test]
    fn what_has_changed_is_told_without_secrets() {
        assert_eq!(changed("debug: false", "debug: no # still"), [""; 0]);
        assert_eq!(
            changed(
                "host: 127.0.0.1\napi-keys: [one-long-key, two-long-key]\nproxy-url: http://u:secret-1@h:1",
                "host: 127.0.0.1\nport: 1\napi-keys: [one-long-key]\nproxy-url: http://u:secret-2@i:1"
            ),
            [
                "port: 8317 -> 1",
                "api-keys: count 2 -> 1",
                "proxy-url: \"http://h:1\" -> \"http://i:1\"",
            ]
        );
        assert_eq!(
            changed(
                "api-keys: [the-same-a-mask]\nremote-management: {secret-key: $2a$10$abc}",
                "api-keys: [the-same-b-mask]"
            ),
            ["api-keys: updated", "remote-management.secret-key: removed"]
        );
        assert_eq!(
            changed(
                "proxy-url: http://a:secret@h",
                "proxy-url: http://b:secret@h"
            ),
            ["proxy-url: updated"]
        );
        assert_eq!(
            changed(
                "claude-api-key: [{api-key: a}]",
                "claude-api-key: [{api-key: b}]"
            ),
            [""; 0]
        );
    }
}
