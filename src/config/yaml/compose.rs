//! From parser events to a tree: anchors, merge keys, duplicate keys, and the limits.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::anchors::Anchors;
use super::scalar::{Scalar, Style};
use super::tree::{Entry, Fault, Node, Value, join};

/// Deepest nesting. The configuration's own keys need 7 levels; what is left is for payload values.
/// Bounds every recursion over a tree.
pub const DEPTH: usize = 64;

/// What [`parse`] found.
#[derive(Debug, Default)]
pub struct Parsed {
    /// The root of the first document; `None` when it holds nothing or could not be read.
    pub root: Option<Node>,
    pub faults: Vec<Fault>,
    /// Line of a second document, which is not read.
    pub second: Option<usize>,
}

/// Reads the first document of `text`. A fault of the syntax ends reading, others are collected.
pub fn parse(text: &str) -> Parsed {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser = Parser::new_from_str(text);
    let mut composer = Composer::default();
    let mut parsed = Parsed::default();
    let outcome = loop {
        match parser.next_event() {
            None => break Ok(()),
            Some(Err(error)) => break Err(syntax(&error)),
            Some(Ok((Event::DocumentEnd, _))) => break second(&mut parser, &mut parsed.second),
            Some(Ok((event, span))) => {
                if let Err(fault) = composer.take(event, span) {
                    break Err(fault);
                }
            }
        }
    };
    parsed.faults = composer.faults;
    match outcome {
        Ok(()) => parsed.root = composer.root,
        Err(fault) => parsed.faults.push(fault),
    }
    parsed
}

/// Looks past the end of the first document: what is there may be the rest of a broken one.
fn second<'a>(
    parser: &mut Parser<'a, saphyr_parser::StrInput<'a>>,
    line: &mut Option<usize>,
) -> Result<(), Fault> {
    match parser.next_event() {
        Some(Err(error)) => Err(syntax(&error)),
        Some(Ok((Event::DocumentStart(_), span))) => {
            *line = Some(span.start.line());
            Ok(())
        }
        _ => Ok(()),
    }
}

fn syntax(error: &saphyr_parser::ScanError) -> Fault {
    Fault {
        line: error.marker().line(),
        column: error.marker().col() + 1,
        path: String::new(),
        message: error.info().to_owned(),
    }
}

/// A collection whose end has not been seen.
struct Open {
    start: Marker,
    anchor: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping {
        entries: Vec<Entry>,
        /// Line of every own key.
        lines: HashMap<String, usize>,
        /// The key whose value comes next.
        key: Option<Key>,
        /// Mappings to merge in, first wins.
        merges: Vec<Entry>,
    },
}

struct Key {
    scalar: Scalar,
    at: Marker,
    role: Role,
}

enum Role {
    Own,
    Merge,
    /// A second value for a key: already reported, not kept.
    Duplicate,
}

#[derive(Default)]
struct Composer {
    open: Vec<Open>,
    anchors: Anchors,
    root: Option<Node>,
    faults: Vec<Fault>,
}

impl Composer {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = Scalar {
                    text: text.into_owned(),
                    style: style_of(style, tag.as_deref()),
                };
                let node = node(span.start, Value::Scalar(scalar));
                self.keep(anchor, &node, span.start)?;
                self.attach(node, span.start)
            }
            Event::Alias(anchor) => {
                let repeated = self.anchors.repeat(anchor);
                let (node, depth) = repeated.map_err(|message| self.fault(span.start, message))?;
                self.check_depth(depth, span.start)?;
                self.attach(node, span.start)
            }
            Event::SequenceStart(anchor, _) => {
                self.enter(span.start, anchor, Content::Sequence(Vec::new()))
            }
            Event::MappingStart(anchor, _) => {
                let content = Content::Mapping {
                    entries: Vec::new(),
                    lines: HashMap::new(),
                    key: None,
                    merges: Vec::new(),
                };
                self.enter(span.start, anchor, content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.leave(),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn enter(&mut self, start: Marker, anchor: usize, content: Content) -> Result<(), Fault> {
        self.check_depth(1, start)?;
        self.open.push(Open {
            start,
            anchor,
            content,
        });
        Ok(())
    }

    fn leave(&mut self) -> Result<(), Fault> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let value = match open.content {
            Content::Sequence(items) => Value::Sequence(items),
            Content::Mapping {
                mut entries,
                mut lines,
                merges,
                ..
            } => {
                for entry in merges {
                    if let Slot::Vacant(slot) = lines.entry(entry.key.text.clone()) {
                        slot.insert(entry.line);
                        entries.push(entry);
                    }
                }
                Value::Mapping(entries)
            }
        };
        let node = node(open.start, value);
        self.keep(open.anchor, &node, open.start)?;
        self.attach(node, open.start)
    }

    /// Puts a finished value where it belongs. `at` is where it was written, which for an alias is not
    /// where it was defined.
    fn attach(&mut self, node: Node, at: Marker) -> Result<(), Fault> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.content {
            Content::Sequence(items) => items.push(node),
            Content::Mapping {
                entries,
                lines,
                key,
                merges,
            } => match key.take() {
                None => {
                    let Value::Scalar(scalar) = node.value else {
                        return Err(self.fault(at, "a key must be plain text"));
                    };
                    let fault;
                    (*key, fault) = open_key(scalar, at, lines);
                    if let Some(message) = fault {
                        let mut fault = self.fault(at, &message);
                        if let Some(Key { scalar, .. }) = self.pending() {
                            fault.path = join(&fault.path, &scalar.text);
                        }
                        self.faults.push(fault);
                    }
                }
                Some(Key {
                    role: Role::Duplicate,
                    ..
                }) => {}
                Some(Key {
                    role: Role::Merge, ..
                }) => {
                    if !merge(node, merges) {
                        let fault = self.fault(at, "`<<` takes a mapping or a list of mappings");
                        self.faults.push(fault);
                    }
                }
                Some(Key { scalar, at, .. }) => entries.push(Entry {
                    key: scalar,
                    line: at.line(),
                    column: at.col() + 1,
                    value: node,
                }),
            },
        }
        Ok(())
    }

    fn pending(&self) -> Option<&Key> {
        match &self.open.last()?.content {
            Content::Mapping { key, .. } => key.as_ref(),
            Content::Sequence(_) => None,
        }
    }

    /// Puts a finished value with an anchor where aliases find it.
    fn keep(&mut self, anchor: usize, node: &Node, at: Marker) -> Result<(), Fault> {
        let kept = self.anchors.keep(anchor, node);
        kept.map_err(|message| self.fault(at, message))
    }

    fn check_depth(&self, more: usize, at: Marker) -> Result<(), Fault> {
        if self.open.len() + more > DEPTH {
            return Err(self.fault(at, &format!("nested deeper than {DEPTH} levels")));
        }
        Ok(())
    }

    /// A fault in the innermost open collection.
    fn fault(&self, at: Marker, message: &str) -> Fault {
        let outer = self.open.len().saturating_sub(1);
        let path = self
            .open
            .iter()
            .take(outer)
            .fold(String::new(), |path, open| match &open.content {
                Content::Sequence(items) => format!("{path}[{}]", items.len()),
                Content::Mapping { key: Some(key), .. } => join(&path, &key.scalar.text),
                Content::Mapping { key: None, .. } => path,
            });
        Fault {
            line: at.line(),
            column: at.col() + 1,
            path,
            message: message.to_owned(),
        }
    }
}

fn node(start: Marker, value: Value) -> Node {
    Node {
        line: start.line(),
        column: start.col() + 1,
        value,
    }
}

fn style_of(style: ScalarStyle, tag: Option<&Tag>) -> Style {
    let text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    if style == ScalarStyle::Plain && !text {
        Style::Plain
    } else {
        Style::Quoted
    }
}

/// Decides what a key is for; the second part says what is wrong with it.
fn open_key(
    scalar: Scalar,
    at: Marker,
    lines: &mut HashMap<String, usize>,
) -> (Option<Key>, Option<String>) {
    let role = if scalar.style == Style::Plain && scalar.text == "<<" {
        Role::Merge
    } else {
        Role::Own
    };
    let (role, fault) = match lines.entry(scalar.text.clone()) {
        Slot::Vacant(slot) => {
            slot.insert(at.line());
            (role, None)
        }
        Slot::Occupied(first) => {
            let first = first.get();
            let message = format!("is given twice, first in line {first}");
            (Role::Duplicate, Some(message))
        }
    };
    (Some(Key { scalar, at, role }), fault)
}

/// Adds the entries of a merge value; false when it is neither a mapping nor a list of them.
fn merge(source: Node, into: &mut Vec<Entry>) -> bool {
    match source.value {
        Value::Mapping(entries) => {
            into.extend(entries);
            true
        }
        Value::Sequence(items) => items.into_iter().all(|item| match item.value {
            Value::Mapping(entries) => {
                into.extend(entries);
                true
            }
            Value::Scalar(_) | Value::Sequence(_) => false,
        }),
        Value::Scalar(scalar) => scalar.is_null(),
    }
}
