//! Every key there is, in one table: from it come the JSON Schema, the hint for a key in the wrong place, and
//! the tests that the readers, the example file and the tests themselves leave none out.
//!
//! In a path `[]` stands for any item of a list and `*` for any key of a mapping.

mod table;

use std::borrow::Cow;
use std::sync::LazyLock;

use table::{
    BLOCKS, COMPAT_SHARED, ENTRY, FILTER_PARAMS, KEYED, PAYLOAD, RULE, TOP, VALUE_PARAMS, key,
};

/// Blocks whose entries are credentials: those are compared by what they are, not by where they stand.
pub const CREDENTIALS: [&str; 5] = [
    "claude-api-key",
    "gemini-api-key",
    "vertex-api-key",
    "codex-api-key",
    "openai-compatibility",
];

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Flag,
    /// A whole number in this range.
    Integer(i64, i64),
    /// Seconds, or a duration with units.
    Seconds,
    /// A duration with units, or seconds.
    Duration,
    /// Bytes, or a size with units.
    Size,
    /// MiB, or a size with units.
    Mebibytes,
    Text,
    /// Text that is never shown.
    Secret,
    Word(&'static [&'static str]),
    Texts,
    Secrets,
    /// Anything that YAML can say.
    Any,
    Mapping,
    /// A mapping whose keys are free.
    Table,
    List,
}

/// What a change of the value needs (`spec/config.md` 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Holds from the next request.
    Live,
    /// Read once, at the start.
    Restart,
}

/// How a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Current,
    /// Understood, but another key is meant to be used.
    Old,
    /// Read and checked; nothing follows from it in this version.
    Idle,
    /// Asks for what holdfast does not do.
    Refused,
}

#[derive(Clone, Debug)]
pub struct Key {
    pub path: Cow<'static, str>,
    pub kind: Kind,
    pub change: Change,
    pub standing: Standing,
    /// One sentence for people.
    pub about: &'static str,
}

impl Key {
    /// The path of the mapping that it stands in, and its name there.
    pub fn split(&self) -> (&str, &str) {
        self.path.rsplit_once('.').unwrap_or(("", &self.path))
    }
}

/// All keys; those of one block stand together.
pub fn all() -> &'static [Key] {
    static ALL: LazyLock<Vec<Key>> = LazyLock::new(|| {
        let mut all = TOP.to_vec();
        for (block, about, own) in BLOCKS {
            all.push(key(block, Kind::List, about));
            let shared = match *block {
                "openai-compatibility" => COMPAT_SHARED,
                _ => KEYED,
            };
            for key in ENTRY.iter().chain(shared).chain(*own) {
                let path = Cow::Owned(format!("{block}[].{}", key.path));
                all.push(Key {
                    path,
                    ..key.clone()
                });
            }
        }
        for (section, about) in PAYLOAD {
            all.push(key(section, Kind::List, about));
            let params = match *section {
                "payload.filter" => FILTER_PARAMS,
                _ => VALUE_PARAMS,
            };
            for key in RULE.iter().chain(params) {
                let path = Cow::Owned(format!("{section}[].{}", key.path));
                all.push(Key {
                    path,
                    ..key.clone()
                });
            }
        }
        all
    });
    &ALL
}

#[cfg(test)]
mod tests {

    use std::collections::BTreeSet;

    use super::*;
    use crate::config::reader::asked;

    /// A document in which every mapping and list of the table is there.
    const SKELETON: &str = "\
claude-api-key: [{models: [{name: m, thinking: {levels: [low]}}], cloak: {}}]
gemini-api-key: [{models: [{name: m, thinking: {levels: [low]}}]}]
vertex-api-key: [{models: [{name: m, alias: m, thinking: {levels: [low]}}]}]
codex-api-key: [{models: [{name: m, thinking: {levels: [low]}}]}]
openai-compatibility: [{models: [{name: m, thinking: {levels: [low]}}], api-key-entries: [{}]}]
ampcode: {upstream-api-keys: [{}], model-mappings: [{}]}
oauth-model-alias: {claude: [{}]}
amp-model-mappings: [{}]
payload:
  default: [{models: [{}]}]
  default-raw: [{models: [{}]}]
  override: [{models: [{}]}]
  override-raw: [{models: [{}]}]
  filter: [{models: [{}]}]
";

    #[test]
    fn the_readers_ask_for_what_the_table_says() {
        asked::take();
        crate::config::load(SKELETON, "skeleton");
        let skeleton = SKELETON.replace(
            "ampcode: {upstream-api-keys: [{}], model-mappings: [{}]}",
            "",
        );
        crate::config::load(&skeleton, "skeleton");
        let asked: BTreeSet<String> = asked::take()
            .into_iter()
            .map(|path| path.replace("oauth-model-alias.claude", "oauth-model-alias.*"))
            .collect();
        let table: BTreeSet<String> = all().iter().map(|key| key.path.to_string()).collect();
        assert_eq!(asked, table);
    }

    #[test]
    fn no_key_is_listed_twice() {
        let mut seen = BTreeSet::new();
        for key in all() {
            assert!(seen.insert(&key.path), "{}", key.path);
            assert!(
                key.about.ends_with('.') || key.about.ends_with('`'),
                "{}",
                key.path
            );
        }
    }
}
