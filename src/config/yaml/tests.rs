//! Documents as trees.

use super::compose::DEPTH;
use super::tree::Fault;
use super::{Node, Value, join, parse};

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
    let text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  <<: [*y, *x]\n  c: 3\nw: {'<<': 4}\n";
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
