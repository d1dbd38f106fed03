//! Reading values out of a tree by the table of keys; every problem is noted.
//!
//! Absent, `null` and unusable values give `None` or the default, and what was unusable is in the [`Report`].

use super::keys::{self, Key, Kind};
use super::problem::{Place, Report};
use super::yaml::{Entry, Node, Scalar, Style, Value, join};

/// One mapping.
pub struct Mapping<'a> {
    pub report: &'a Report,
    pub place: Place,
    entries: &'a [Entry],
    /// Its path in the table of keys.
    path: String,
}

/// The value of one key, present or not.
#[derive(Clone)]
pub struct Field<'a> {
    pub report: &'a Report,
    pub place: Place,
    node: Option<&'a Node>,
    /// Its path in the table of keys.
    path: String,
}

/// A value that one scalar of the file holds.
pub trait FromScalar: Default {
    /// Reads it with the bounds of the field's key.
    fn read(field: &Field<'_>) -> Option<Self>;
}

impl<'a> Mapping<'a> {
    /// The mapping at the root of a document.
    pub fn root(report: &'a Report, entries: &'a [Entry]) -> Self {
        Self {
            report,
            place: Place::default(),
            entries,
            path: String::new(),
        }
    }

    pub fn warn(&self, message: impl Into<String>) {
        self.report.warn(&self.place, message);
    }

    pub fn field(&self, name: &str) -> Field<'a> {
        let place_path = join(&self.place.path, name);
        let path = join(&self.path, name);
        debug_assert!(keys::find(&path).is_some(), "{path} is not in the table");
        let mut entries = self.entries.iter();
        match entries.find(|entry| entry.key.text == name) {
            Some(entry) => Field::of(self.report, entry, place_path, path),
            None => Field {
                report: self.report,
                place: place(None, place_path),
                node: None,
                path,
            },
        }
    }

    /// The value of a key, or its default.
    pub fn get<V: FromScalar>(&self, name: &str) -> V {
        self.field(name).value()
    }

    /// The value of a key, if there is one.
    pub fn given<V: FromScalar>(&self, name: &str) -> Option<V> {
        V::read(&self.field(name))
    }

    /// The mapping of a key; an empty one when there is none.
    pub fn block(&self, name: &str) -> Mapping<'a> {
        self.field(name).mapping()
    }
}

impl<'a> Field<'a> {
    /// The value of `entry`. The place of a collection is its key, where people look for it.
    pub fn of(report: &'a Report, entry: &'a Entry, place_path: String, path: String) -> Self {
        let node = &entry.value;
        let place = match &node.value {
            Value::Scalar(_) if !node.is_null() => place(Some(node), place_path),
            _ => Place {
                line: entry.line,
                column: entry.column,
                path: place_path,
            },
        };
        Field {
            report,
            place,
            node: Some(node).filter(|node| !node.is_null()),
            path,
        }
    }

    /// The value, or the default of its key.
    pub fn value<V: FromScalar>(&self) -> V {
        V::read(self).unwrap_or_else(|| self.default())
    }

    /// The default of its key.
    pub fn default<V: FromScalar>(&self) -> V {
        let text = self.key().map_or("", |key| key.default).to_owned();
        if text.is_empty() {
            return V::default();
        }
        let style = Style::Plain;
        let node = Node {
            line: 0,
            column: 0,
            value: Value::Scalar(Scalar { text, style }),
        };
        let field = Field {
            report: &Report::new(""),
            place: Place::default(),
            node: Some(&node),
            path: self.path.clone(),
        };
        V::read(&field).unwrap_or_default()
    }

    pub fn key(&self) -> Option<&'static Key> {
        keys::find(&self.path)
    }

    pub fn kind(&self) -> Kind {
        self.key().map_or(Kind::Text, |key| key.kind)
    }

    pub fn node(&self) -> Option<&'a Node> {
        self.node
    }

    pub fn error(&self, message: impl Into<String>) {
        self.report.error(&self.place, message);
    }

    pub fn warn(&self, message: impl Into<String>) {
        self.report.warn(&self.place, message);
    }

    pub fn scalar(&self, expected: &str) -> Option<&'a Scalar> {
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

    /// Whether there is no value, or a list or mapping with nothing in it.
    pub fn is_empty(&self) -> bool {
        self.node.is_none_or(|node| match &node.value {
            Value::Scalar(_) => false,
            Value::Sequence(items) => items.is_empty(),
            Value::Mapping(entries) => entries.is_empty(),
        })
    }

    /// Whether there is a value that is neither a list nor a mapping.
    pub fn is_scalar(&self) -> bool {
        self.node
            .is_some_and(|node| matches!(node.value, Value::Scalar(_)))
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
            path: format!("{}[]", self.path),
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
            path: self.path.clone(),
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
            let place_path = join(&self.place.path, &entry.key.text);
            let path = format!("{}.*", self.path);
            let field = Field::of(self.report, entry, place_path, path);
            (entry.key.text.as_str(), field)
        };
        mapping.entries.iter().map(pair).collect()
    }
}

fn place(node: Option<&Node>, path: String) -> Place {
    let (line, column) = node.map_or((0, 0), |node| (node.line, node.column));
    Place { line, column, path }
}
