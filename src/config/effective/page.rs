//! Writing a configuration down: lines with where their values come from, and single values.

use std::collections::HashMap;
use std::fmt::Write;

use crate::config::check;
use crate::config::show::{Show, Shown, plain};
use crate::config::yaml::{self, Entry, Node, Value, join};

/// Column at which origins stand, where the value leaves room.
const ORIGIN_COLUMN: usize = 56;

/// One value by its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    pub path: String,
    pub shown: Shown,
}

/// Where a value is written.
#[derive(Clone, Copy)]
pub struct Origin {
    line: usize,
    /// It holds a variable of the environment.
    is_variable: bool,
}

/// The place of everything in a document, by path.
pub fn origins(text: &str) -> HashMap<String, Origin> {
    fn walk(node: &Node, path: &str, line: usize, into: &mut HashMap<String, Origin>) {
        let is_variable = |text: &str| text.contains("${");
        let is_variable = matches!(&node.value, Value::Scalar(scalar) if is_variable(&scalar.text));
        into.insert(path.to_owned(), Origin { line, is_variable });
        match &node.value {
            Value::Scalar(_) => {}
            Value::Sequence(items) => {
                for (index, item) in items.iter().enumerate() {
                    walk(item, &format!("{path}[{index}]"), item.line, into);
                }
            }
            Value::Mapping(entries) => entries.iter().for_each(|entry| below(entry, path, into)),
        }
    }
    fn below(entry: &Entry, path: &str, into: &mut HashMap<String, Origin>) {
        if !entry.value.is_null() {
            let path = join(path, &entry.key.text);
            walk(&entry.value, &path, entry.line, into);
        }
    }
    let mut found = HashMap::new();
    if let Some(Node {
        value: Value::Mapping(mut entries),
        ..
    }) = yaml::parse(text).root
    {
        check::rename(&mut entries);
        entries
            .iter()
            .for_each(|entry| below(entry, "", &mut found));
    }
    found
}

pub struct Page<'c> {
    pub text: String,
    pub leaves: Vec<Leaf>,
    file: &'c str,
    origins: HashMap<String, Origin>,
    depth: usize,
    /// The next line is the first of an item of a list.
    starts_item: bool,
    /// Of the mapping that is being written.
    path: Vec<String>,
}

impl<'c> Page<'c> {
    pub fn new(file: &'c str, origins: HashMap<String, Origin>) -> Self {
        Self {
            text: String::new(),
            leaves: Vec::new(),
            file,
            origins,
            depth: 0,
            starts_item: false,
            path: Vec::new(),
        }
    }

    fn line(&mut self, key: &str, value: &str, path: &str) {
        let start = self.text.len();
        let indent = self.depth * 2;
        match std::mem::take(&mut self.starts_item) {
            true => {
                let _ = write!(self.text, "{:1$}- ", "", indent.saturating_sub(2));
            }
            false => {
                let _ = write!(self.text, "{:indent$}", "");
            }
        }
        let _ = write!(self.text, "{key}:");
        if !value.is_empty() {
            let _ = write!(self.text, " {value}");
        }
        let width = self
            .text
            .get(start..)
            .map_or(0, |line| line.chars().count());
        let origin = match self.origins.get(path) {
            None => "default".to_owned(),
            Some(Origin {
                line,
                is_variable: false,
            }) => format!("{}:{line}", self.file),
            Some(Origin { line, .. }) => format!("{}:{line}, environment", self.file),
        };
        let space = ORIGIN_COLUMN.saturating_sub(width).max(2);
        let _ = writeln!(self.text, "{:space$}# {origin}", "");
    }

    fn here(&self, key: &str) -> String {
        join(self.path.last().map_or("", String::as_str), key)
    }

    /// A value, unless it does not matter.
    pub fn value(&mut self, key: &str, value: &(impl Show + ?Sized)) {
        self.shown(key, value.show());
    }

    pub fn shown(&mut self, key: &str, shown: Option<Shown>) {
        let Some(shown) = shown else { return };
        let path = self.here(key);
        let from_file = format!("{path}-file");
        let is_from_file = !shown.secrets.is_empty() && self.origins.contains_key(&from_file);
        self.line(
            key,
            &shown.text,
            if is_from_file { &from_file } else { &path },
        );
        self.leaves.push(Leaf { path, shown });
    }

    pub fn block(&mut self, key: &str, inside: impl FnOnce(&mut Self)) {
        let path = self.here(key);
        let start = self.text.len();
        self.line(key, "", &path);
        // Nothing of its own: where its keys come from is said there.
        let head = self
            .text
            .get(start..)
            .and_then(|line| line.split('#').next());
        let head = head.unwrap_or_default().trim_end().to_owned();
        self.text.truncate(start);
        let _ = writeln!(self.text, "{head}");
        let end = self.text.len();
        self.path.push(path);
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        self.path.pop();
        if self.text.len() == end {
            self.text.truncate(end.saturating_sub(1));
            self.text.push_str(" {}\n");
        }
    }

    /// A list of mappings; `place` says the path of each in the file.
    pub fn list<T>(
        &mut self,
        key: &str,
        items: &[T],
        place: impl Fn(&T, usize) -> String,
        mut inside: impl FnMut(&mut Self, &T),
    ) {
        if items.is_empty() {
            return self.shown(key, plain("[]"));
        }
        self.block(key, |page| {
            page.depth += 1;
            for (index, item) in items.iter().enumerate() {
                page.path.push(place(item, index));
                page.starts_item = true;
                inside(page, item);
                page.starts_item = false;
                page.path.pop();
            }
            page.depth -= 1;
        });
    }
}
