//! Reading typed values out of a tree, noting every problem and every key that was asked for.
//!
//! All readers share one habit: absent, `null` and unusable values give `None`, so the caller's default
//! stays, and what was unusable is in the [`Report`].

use std::ops::RangeInclusive;
use std::time::Duration;

use super::keys::{self, Standing};
use super::problem::{Place, Report};
use super::quantity;
use super::secret::Secret;
use super::secret_file;
use super::yaml::{Entry, Node, Scalar, Style, Value, join};
use crate::similar;

/// One mapping. Call [`Mapping::finish`] when every known key has been asked for.
pub struct Mapping<'a> {
    report: &'a Report,
    place: Place,
    entries: &'a [Entry],
    asked: Vec<&'static str>,
}

/// The value of one key, present or not.
#[derive(Clone)]
pub struct Field<'a> {
    report: &'a Report,
    place: Place,
    node: Option<&'a Node>,
}

impl<'a> Mapping<'a> {
    /// The mapping at the root of a document.
    pub fn root(report: &'a Report, entries: &'a [Entry]) -> Self {
        Self {
            report,
            place: Place::default(),
            entries,
            asked: Vec::new(),
        }
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    pub fn warn(&self, message: impl Into<String>) {
        self.report.warn(&self.place, message);
    }

    pub fn field(&mut self, key: &'static str) -> Field<'a> {
        self.asked.push(key);
        #[cfg(test)]
        asked::note(&join(&self.place.path, key));
        let path = join(&self.place.path, key);
        match self.find(key) {
            Some(entry) => Field::of(self.report, entry, path),
            None => Field {
                report: self.report,
                place: place(None, path),
                node: None,
            },
        }
    }

    /// A secret, in place or in a file that `file_key` names (`spec/config.md` 8, row 5).
    pub fn secret(&mut self, key: &'static str, file_key: &'static str) -> Option<Secret> {
        let (field, file) = (self.field(key), self.field(file_key));
        let Some(path) = file.filled() else {
            return field.secret();
        };
        if field.node().is_some() {
            file.error(format!("is given beside `{key}`"));
            return None;
        }
        let text = secret_file::read(&path, &file, self.report)?;
        Some(text.trim())
            .filter(|text| !text.is_empty())
            .map(Secret::new)
    }

    /// Reports the keys nobody asked for.
    pub fn finish(self) {
        for entry in self.entries {
            let name = entry.key.text.as_str();
            if self.asked.contains(&name) {
                continue;
            }
            let place = Place {
                line: entry.line,
                column: entry.column,
                path: join(&self.place.path, name),
            };
            match self.misspelt_block(name) {
                // All its credentials would be missing.
                Some(block) => self.report.error(
                    &place,
                    format!("is not a known key, did you mean `{block}`?"),
                ),
                None => self.report.warn_with(&place, || self.unknown(name)),
            }
        }
    }

    /// The block of credentials that differs from `name` only by case, `_` for `-` or an `s` at the end.
    fn misspelt_block(&self, name: &str) -> Option<&'static str> {
        let plain = |name: &str| {
            let name = name.to_ascii_lowercase().replace('_', "-");
            name.trim_end_matches('s').to_owned()
        };
        let wanted = plain(name);
        let is_top = self.place.path.is_empty();
        let mut blocks = keys::CREDENTIALS.iter().copied();
        blocks.find(|block| is_top && plain(block) == wanted)
    }

    /// What is wrong with a key that is none: it is misspelt, or belongs somewhere else.
    fn unknown(&self, name: &str) -> String {
        if let Some(known) = similar::to(name, self.asked.iter().copied()).first() {
            return format!("is not a known key, did you mean `{known}`?");
        }
        let elsewhere = keys::all().iter().filter(|key| {
            let is_usual = matches!(key.standing, Standing::Current | Standing::Idle);
            is_usual && key.split().1 == name
        });
        let mut parents: Vec<&str> = elsewhere.map(|key| key.split().0).collect();
        parents.dedup();
        match parents.as_slice() {
            [""] => "belongs to the top of the file".to_owned(),
            [parent] => format!("belongs under `{parent}`"),
            _ => "is not a known key".to_owned(),
        }
    }

    fn find(&self, key: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.key.text == key)
    }
}

impl<'a> Field<'a> {
    /// The value of `entry`. The place of a collection is its key, where people look for it.
    fn of(report: &'a Report, entry: &'a Entry, path: String) -> Self {
        let node = &entry.value;
        let place = match &node.value {
            Value::Scalar(_) if !node.is_null() => place(Some(node), path),
            _ => Place {
                line: entry.line,
                column: entry.column,
                path,
            },
        };
        Field {
            report,
            place,
            node: Some(node).filter(|node| !node.is_null()),
        }
    }

    pub fn node(&self) -> Option<&'a Node> {
        self.node
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    pub fn error(&self, message: impl Into<String>) {
        self.report.error(&self.place, message);
    }

    pub fn warn(&self, message: impl Into<String>) {
        self.report.warn(&self.place, message);
    }

    fn scalar(&self, expected: &str) -> Option<&'a Scalar> {
        match &self.node?.value {
            Value::Scalar(scalar) => Some(scalar),
            Value::Sequence(_) => {
                self.error(format!("must be {expected}, not a list"));
                None
            }
            Value::Mapping(_) => {
                self.error(format!("must be {expected}, not a mapping"));
                None
            }
        }
    }

    /// Text as written, without space around it.
    pub fn text(&self) -> Option<String> {
        self.scalar("text")
            .map(|scalar| scalar.text.trim().to_owned())
    }

    /// Text that is not blank.
    pub fn filled(&self) -> Option<String> {
        self.text().filter(|text| !text.is_empty())
    }

    pub fn secret(&self) -> Option<Secret> {
        self.filled().map(Secret::new)
    }

    pub fn flag(&self) -> Option<bool> {
        let flag = self.scalar("true or false")?.boolean();
        if flag.is_none() {
            self.error("must be true or false");
        }
        flag
    }

    /// Whether there is a whole number.
    pub fn is_whole(&self) -> bool {
        let value = self.node.map(|node| &node.value);
        matches!(value, Some(Value::Scalar(scalar)) if scalar.integer().is_ok())
    }

    fn warn_of_quotes(&self, scalar: &Scalar) {
        if scalar.style == Style::Quoted && scalar.integer().is_ok() {
            self.warn("is a number in quotes");
        }
    }

    pub fn integer(&self, range: RangeInclusive<i64>) -> Option<i64> {
        let scalar = self.scalar("a whole number")?;
        let Ok(value) = scalar.integer() else {
            self.error("must be a whole number");
            return None;
        };
        self.warn_of_quotes(scalar);
        if !range.contains(&value) {
            let (low, high) = (range.start(), range.end());
            self.error(format!("must be between {low} and {high}"));
            return None;
        }
        Some(value)
    }

    /// A number of things.
    pub fn count(&self) -> Option<u32> {
        self.count_to(u32::MAX)
    }

    /// A number of things, at most `most`; less than none is none, with a warning.
    pub fn count_to(&self, most: u32) -> Option<u32> {
        let value = self.integer(i64::MIN..=i64::from(most))?;
        if value < 0 {
            self.warn("is negative: 0 is used");
        }
        Some(u32::try_from(value).unwrap_or(0))
    }

    /// A duration. For keys counted in seconds bare numbers keep that meaning, and less than none is none.
    pub fn duration(&self) -> Option<Duration> {
        let scalar = self.scalar("a duration such as `30s`")?;
        self.warn_of_quotes(scalar);
        let text = scalar.text.trim();
        let whole = || match scalar.integer() {
            Ok(seconds) => {
                if seconds < 0 {
                    self.warn("is negative: 0 is used");
                }
                quantity::duration(&seconds.max(0).to_string())
            }
            Err(_) => None,
        };
        let duration = quantity::duration(text).or_else(whole);
        if duration.is_none() {
            self.error("must be a duration such as `30s` or `2h30m`");
        }
        duration
    }

    /// A duration above zero.
    pub fn timeout(&self) -> Option<Duration> {
        let duration = self.duration()?;
        if duration.is_zero() {
            self.error("must be more than zero");
            return None;
        }
        Some(duration)
    }

    /// Bytes.
    pub fn size(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let text = &self.scalar("a size such as `64MiB`")?.text;
        let Some(bytes) = quantity::size(text.trim()) else {
            self.error("must be a size such as `64MiB` or `500kB`");
            return None;
        };
        if !range.contains(&bytes) {
            let (low, high) = (range.start(), range.end());
            self.error(format!("must be between {low} and {high} bytes"));
            return None;
        }
        Some(bytes)
    }

    /// Bytes, for a key counted in MiB: a bare number counts those, and nothing or less is no bound.
    pub fn mebibytes(&self) -> Option<u64> {
        let scalar = self.scalar("a size such as `2GiB`")?;
        if let Ok(count) = scalar.integer() {
            self.warn_of_quotes(scalar);
            if count < 0 {
                self.warn("is negative: 0 is used");
            }
            let bytes = u64::try_from(count).unwrap_or(0).checked_mul(1 << 20);
            return bytes.filter(|bytes| *bytes > 0);
        }
        self.size(1..=u64::MAX)
    }

    /// Whether there is no value, or a list or mapping with nothing in it.
    pub fn is_empty(&self) -> bool {
        self.node.is_none_or(|node| match &node.value {
            Value::Scalar(_) => false,
            Value::Sequence(items) => items.is_empty(),
            Value::Mapping(entries) => entries.is_empty(),
        })
    }

    /// Whether there is a value that is no list.
    pub fn is_no_list(&self) -> bool {
        self.node
            .is_some_and(|node| !matches!(node.value, Value::Sequence(_)))
    }

    /// The items of a list, nulls left out; empty when there is no list.
    pub fn items(&self) -> Vec<Field<'a>> {
        let Some(node) = self.node else {
            return Vec::new();
        };
        let Value::Sequence(items) = &node.value else {
            self.error("must be a list: each entry on a line of its own that begins with `- `");
            return Vec::new();
        };
        let field = |(index, node): (usize, &'a Node)| Field {
            report: self.report,
            place: place(Some(node), format!("{}[{index}]", self.place.path)),
            node: Some(node).filter(|node| !node.is_null()),
        };
        items
            .iter()
            .enumerate()
            .map(field)
            .filter(|item| item.node.is_some())
            .collect()
    }

    /// A list of texts, blank ones left out.
    pub fn texts(&self) -> Vec<String> {
        self.items().iter().filter_map(Field::filled).collect()
    }

    /// A mapping; an empty one when there is none.
    pub fn mapping(&self) -> Mapping<'a> {
        let entries: &[Entry] = match self.node.map(|node| &node.value) {
            Some(Value::Mapping(entries)) => entries,
            Some(_) => {
                self.error("must be a mapping");
                &[]
            }
            None => &[],
        };
        Mapping {
            report: self.report,
            place: self.place.clone(),
            entries,
            asked: Vec::new(),
        }
    }

    /// A list of mappings.
    pub fn mappings(&self) -> Vec<Mapping<'a>> {
        let is_mapping = |item: &Field<'a>| {
            let mapping = matches!(item.node.map(|node| &node.value), Some(Value::Mapping(_)));
            if !mapping {
                item.error("must be a mapping");
            }
            mapping
        };
        self.items()
            .iter()
            .filter(|item| is_mapping(item))
            .map(Field::mapping)
            .collect()
    }

    /// A mapping whose keys are free: each key with its value, which may be null.
    pub fn pairs(&self) -> Vec<(&'a str, Field<'a>)> {
        let mapping = self.mapping();
        let pair = |entry: &'a Entry| {
            let path = join(&self.place.path, &entry.key.text);
            (entry.key.text.as_str(), Field::of(self.report, entry, path))
        };
        mapping.entries.iter().map(pair).collect()
    }
}

fn place(node: Option<&Node>, path: String) -> Place {
    let (line, column) = node.map_or((0, 0), |node| (node.line, node.column));
    Place { line, column, path }
}

/// Which keys readers ask for, to be compared with the table of keys.
#[cfg(test)]
pub mod asked {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    thread_local! {
        static ASKED: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
    }

    /// Notes a path, any item of a list being as good as another.
    pub fn note(path: &str) {
        let mut general = String::new();
        for (index, part) in path.split('[').enumerate() {
            let rest = part.split_once(']').map_or(part, |(_, rest)| rest);
            general.push_str(if index == 0 { "" } else { "[]" });
            general.push_str(rest);
        }
        ASKED.with_borrow_mut(|asked| asked.insert(general));
    }

    pub fn take() -> BTreeSet<String> {
        ASKED.take()
    }
}
