//! From parser events to a tree: anchors, merge keys, duplicate keys, and the limits.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::anchors::Anchors;
use super::scalar::{Scalar, Style};
use super::tree::{Entry, Fault, Node, Value, join};

/// Deepest nesting. The configuration's own keys need 7 levels; what is left is for payload values.
/// Bounds every recursion over a tree.
const DEPTH: usize = 64;

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

#[cfg(test)]
mod tests {
    use super::*;

    /// One line per scalar: `line:column path = text`.
    fn flat(text: &str) -> Vec<String> {
        fn walk(node: &Node, path: &str, into: &mut Vec<String>) {
            match &node.value {
                Value::Scalar(scalar) => {
                    into.push(format!(
                        "{}:{} {path} = {}",
                        node.line, node.column, scalar.text
                    ));
                }
                Value::Sequence(items) => {
                    for (index, item) in items.iter().enumerate() {
                        walk(item, &format!("{path}[{index}]"), into);
                    }
                }
                Value::Mapping(entries) => {
                    for entry in entries {
                        walk(&entry.value, &join(path, &entry.key.text), into);
                    }
                }
            }
        }
        let parsed = parse(text);
        assert_eq!(parsed.faults, []);
        let mut lines = Vec::new();
        if let Some(root) = &parsed.root {
            walk(root, "", &mut lines);
        }
        lines
    }

    /// `line:column path message` of every fault.
    fn faults(text: &str) -> Vec<String> {
        let show = |f: &Fault| format!("{}:{} {} {}", f.line, f.column, f.path, f.message);
        parse(text).faults.iter().map(show).collect()
    }

    #[test]
    fn every_value_knows_its_place() {
        let expected = [
            "1:4 a = 1.50",
            "3:5 b[0] = x",
            "4:11 b[1].c = a: b",
            "4:23 b[1].dé = true",
            "6:3 e = q\nr\n",
        ];
        let text = "a: 1.50\nb:\n  - x\n  - {\"c\": 'a: b', dé: true}\ne: |\n  q\n  r\n";
        assert_eq!(flat(text), expected);
        assert_eq!(flat(&text.replace('\n', "\r\n")), expected);
        assert_eq!(flat(&format!("\u{feff}{text}")), expected);
    }

    #[test]
    fn nothing_is_no_root() {
        for text in ["", "# only\n", "\u{feff}", "\n\n"] {
            assert_eq!(parse(text).root, None, "{text:?}");
        }
    }

    #[test]
    fn aliases_stand_where_they_were_defined() {
        assert_eq!(
            flat("a: &x {k: 1}\nb: *x\nc: [&y s, *y]\n"),
            [
                "1:11 a.k = 1",
                "1:11 b.k = 1",
                "3:5 c[0] = s",
                "3:5 c[1] = s"
            ]
        );
    }

    #[test]
    fn merged_keys_give_way_to_own_and_to_earlier_ones() {
        let text =
            "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  <<: [*y, *x]\n  c: 3\nw: {'<<': 4}\n";
        let merged: Vec<String> = flat(text).split_off(4);
        assert_eq!(
            merged,
            [
                "5:6 z.c = 3",
                "2:11 z.b = 2",
                "1:11 z.a = 1",
                "6:11 w.<< = 4"
            ]
        );
        assert_eq!(flat("<<: {a: 1}\nb: 2\n"), ["2:4 b = 2", "1:9 a = 1"]);
        assert_eq!(
            faults("a:\n  <<: x\n"),
            ["2:7 a `<<` takes a mapping or a list of mappings"]
        );
    }

    #[test]
    fn keys_given_twice_are_named_with_both_lines() {
        let text = "a: 1\nb:\n  - c: 1\n    d: 2\n    \"c\": 3\na: 2\na: 4\n";
        assert_eq!(
            faults(text),
            [
                "5:5 b[0].c is given twice, first in line 3",
                "6:1 a is given twice, first in line 1",
                "7:1 a is given twice, first in line 1",
            ]
        );
        assert!(parse(text).root.is_some(), "the rest can still be checked");
    }

    #[test]
    fn broken_documents_have_one_fault_and_no_root() {
        for (text, place) in [
            ("a:\n\t- b\n", "2:2 "),
            ("a:\n\tb: 1\n", "2:2 "),
            ("a: 1\n- b\n", "2:3 "),
            ("a: [1, 2\nb: 3\n", "2:2 "),
            ("a: 1\n]\n", "2:1 "),
            ("a: *nope\n", "1:4 "),
            ("a: &a [*a]\n", "1:8 "),
            ("? [x]\n: y\n", "1:3 "),
            ("a: b\u{0}c\n", "1:5 "),
            ("a: \"x\n", "1:4 "),
        ] {
            let found = faults(text);
            assert_eq!(found.len(), 1, "{text:?} {found:?}");
            assert!(found[0].starts_with(place), "{text:?} {found:?}");
            assert_eq!(parse(text).root, None, "{text:?}");
        }
    }

    #[test]
    fn only_the_first_document_is_read() {
        let parsed = parse("---\na: 1\n---\na: [\n");
        assert_eq!(parsed.second, Some(3));
        assert_eq!(parsed.faults, []);
        assert_eq!(parse("a: 1\n...\n").second, None);
    }

    #[test]
    fn aliases_cannot_fill_the_memory() {
        let mut laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
        for level in 1..30 {
            let items = vec![format!("*a{}", level - 1); 10].join(", ");
            laughs.push_str(&format!("a{level}: &a{level} [{items}]\n"));
        }
        let found = faults(&laughs);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].contains("aliases repeat more than 4 MiB"),
            "{found:?}"
        );
    }

    #[test]
    fn depth_is_bounded_also_through_aliases() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(DEPTH)).root.is_some());
        assert!(faults(&nested(DEPTH + 1))[0].ends_with("nested deeper than 64 levels"));
        assert!(faults(&"- ".repeat(50_000))[0].ends_with("nested deeper than 64 levels"));

        let mut text = "a: &a0 [x]\n".to_owned();
        for level in 1..DEPTH + 8 {
            text.push_str(&format!("k{level}: &a{level} [*a{}]\n", level - 1));
        }
        assert!(faults(&text)[0].ends_with("nested deeper than 64 levels"));
    }
}
