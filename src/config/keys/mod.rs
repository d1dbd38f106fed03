//! The table of keys, which is the one place for what a key is: its type, bounds, default, what a change needs, and
//! what it does. From it come the readers' types, bounds and defaults, the check for unknown keys, the JSON Schema,
//! the effective view, the reports of changes and of restarts, and the reference in `docs/configuration.md`.
//!
//! In a path `[]` stands for any item of a list and `*` for any key of a mapping.

mod table;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use table::{BLOCKS, ENTRY, KEYED, RULE};
pub use table::{GROUPS, OTHER_VERSION};

use super::settings::Config;
use super::show::Shown;

/// Blocks whose entries are credentials: those are compared by what they are, not by their position.
pub const CREDENTIALS: [&str; 6] = [
    "claude-api-key",
    "gemini-api-key",
    "vertex-api-key",
    "codex-api-key",
    "xai-api-key",
    "openai-compatibility",
];

/// The type of a value, with its unit and bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number in this range.
    Integer(i64, i64),
    /// A number of things, at most `most`; a negative number means `negative`.
    Count {
        /// The largest value.
        most: i64,
        /// What a negative value stands for.
        negative: i64,
    },
    /// A duration with units; a bare number counts seconds.
    Duration,
    /// As `Duration`, more than zero.
    Timeout,
    /// As `Timeout`, but a bad value gives a warning and the default.
    LenientTimeout,
    /// A size with units in this range of bytes; a bare number counts bytes.
    Size(u64, u64),
    /// A size with units; a bare number counts MiB.
    Mebibytes,
    /// A string.
    Text,
    /// The path of a file or directory.
    Path,
    /// Text that is never shown. `NAME-file` beside it names a file that holds it.
    Secret,
    /// One of these words; another one gives a warning and the default.
    Word(&'static [&'static str]),
    /// A list of strings.
    Texts,
    /// A list of secrets.
    Secrets,
    /// Anything that YAML can say.
    Any,
    /// A mapping with keys of its own.
    Mapping,
    /// A mapping whose keys are free.
    Table,
    /// A list of mappings.
    List,
}

/// When a changed value takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// With the next request after a reload.
    Reload,
    /// With a restart.
    Restart,
}

/// How a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// In use.
    Current,
    /// The old name of this key.
    Old(&'static str),
    /// Read and checked, but not implemented.
    Unimplemented,
    /// Asks to pass one client off as another, which holdfast does not do.
    Refused,
}

/// A row of the table.
#[derive(Clone, Debug)]
pub struct Key {
    /// The names from the top of the file to the key, with dots between them.
    pub path: Cow<'static, str>,
    /// The type of the value.
    pub kind: Kind,
    /// The default as it is written in a file; empty for none, or where it depends on the machine.
    pub default: &'static str,
    /// Whether a reload changes it.
    pub change: Change,
    /// Whether it is in use.
    pub standing: Standing,
    /// One or two sentences for people.
    pub about: &'static str,
    /// The value in a configuration, if the key is not part of a list.
    value: Option<fn(&Config) -> Option<Shown>>,
}

impl Key {
    /// The path of the mapping that contains it, and its name there.
    pub fn split(&self) -> (&str, &str) {
        self.path.rsplit_once('.').unwrap_or(("", &self.path))
    }

    /// Its value in `config`; `None` if the key is part of a list, or does not matter with the other settings.
    pub fn value(&self, config: &Config) -> Option<Shown> {
        self.value.and_then(|value| value(config))
    }

    /// Whether it can have a value in a configuration ([`Key::value`]).
    pub fn has_value(&self) -> bool {
        self.value.is_some()
    }

    /// The same key in the entries of `list`.
    fn within(&self, list: &str) -> Self {
        let path = Cow::Owned(format!("{list}[].{}", self.path));
        Self {
            path,
            ..self.clone()
        }
    }

    /// The key that names a file with this secret.
    fn file(&self) -> Self {
        let (kind, default) = (Kind::Path, "");
        Self {
            path: Cow::Owned(format!("{}-file", self.path)),
            kind,
            default,
            about: match self.kind {
                Kind::Secrets => {
                    "A file with one client key per line. Lines that begin with `#` are comments."
                }
                _ => "A file that holds this secret.",
            },
            value: None,
            ..self.clone()
        }
    }
}

/// All keys, in the order of the groups; those of the entries of a list follow the list.
pub fn all() -> &'static [Key] {
    static ALL: LazyLock<Vec<Key>> = LazyLock::new(|| {
        let mut all = Vec::new();
        for key in GROUPS.iter().flat_map(|(_, keys)| *keys) {
            add(&mut all, key.clone());
            let nested: &[&[Key]] = match own(&key.path) {
                Some(own) if key.path == "openai-compatibility" => &[own, ENTRY],
                Some(own) => &[KEYED, ENTRY, own],
                None if key.path.starts_with("payload.") => &[RULE],
                None => &[],
            };
            for nested in nested.iter().copied().flatten() {
                let mut nested = nested.within(&key.path);
                if nested.path == "payload.filter[].params" {
                    nested.kind = Kind::Texts;
                }
                add(&mut all, nested);
            }
        }
        all
    });
    &ALL
}

/// The keys that only the entries of this block have.
fn own(block: &str) -> Option<&'static [Key]> {
    let mut blocks = BLOCKS.iter();
    blocks.find(|(name, _)| *name == block).map(|(_, own)| *own)
}

fn add(all: &mut Vec<Key>, key: Key) {
    let has_file = key.kind == Kind::Secret && !matches!(key.standing, Standing::Old(_));
    let file = (has_file || key.path == "api-keys").then(|| key.file());
    all.push(key);
    all.extend(file);
}

/// The key of this path.
pub fn find(path: &str) -> Option<&'static Key> {
    static BY_PATH: LazyLock<HashMap<&'static str, &'static Key>> =
        LazyLock::new(|| all().iter().map(|key| (&*key.path, key)).collect());
    BY_PATH.get(path).copied()
}

/// The names of the keys in the mapping of this path; none if its keys are free.
pub fn names(path: &str) -> &'static [&'static str] {
    static BY_PARENT: LazyLock<HashMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
        let mut names: HashMap<&str, Vec<&str>> = HashMap::new();
        for key in all() {
            let (parent, name) = key.split();
            names.entry(parent).or_default().push(name);
        }
        names
    });
    BY_PARENT.get(path).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_key_is_listed_twice_and_each_says_what_it_does() {
        let mut seen = BTreeSet::new();
        for key in all() {
            assert!(seen.insert(&key.path), "{}", key.path);
            assert!(key.about.ends_with('.'), "{}", key.path);
        }
    }
}
