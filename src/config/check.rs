//! Checks a document against the table of keys: unknown and misplaced keys, old names, and keys without effect.

use super::keys::{self, Key, Kind, Standing};
use super::problem::{Place, Report};
use super::reader::{Field, FromScalar};
use super::word::one_of;
use super::yaml::{Entry, Node, Value, join};
use crate::similar;

/// Reports what is wrong with the keys of a document, whatever their values.
pub fn document(entries: &[Entry], report: &Report) {
    mapping(entries, "", "", report);
}

/// `place` is the path of the mapping in the document, `path` that in the table. Keys of mappings that the table does
/// not describe are free.
fn mapping(entries: &[Entry], place: &str, path: &str, report: &Report) {
    let names = keys::names(path);
    if names.is_empty() {
        return;
    }
    for entry in entries {
        let name = &entry.key.text;
        let place = join(place, name);
        // A name with a dot in it is not the path of a key.
        let is_known = names.contains(&name.as_str());
        match keys::find(&join(path, name)).filter(|_| is_known) {
            Some(key) => known(key, entry, &place, report),
            None => unknown(name, path, &place, entry, report),
        }
    }
}

fn known(key: &'static Key, entry: &Entry, place: &str, report: &Report) {
    let field = Field::of(report, entry, place.to_owned(), key.path.to_string());
    if field.node().is_none() {
        return;
    }
    let path = match key.standing {
        Standing::Old(new) => {
            field.warn(format!("is the old name of `{}`", from(new, key)));
            new
        }
        Standing::Unimplemented if key.kind == Kind::Any => {
            if !is_off(&entry.value) {
                field.warn(match key.about {
                    keys::OTHER_VERSION => "is not implemented and has no effect".to_owned(),
                    about => format!("has no effect: {}", about.trim_end_matches('.')),
                });
            }
            return;
        }
        Standing::Refused => {
            if asks(key, &field, &entry.value) {
                field.warn("has no effect in holdfast");
            }
            &key.path
        }
        Standing::Current | Standing::Unimplemented => &key.path,
    };
    match (&entry.value.value, key.kind) {
        (Value::Mapping(entries), Kind::Table) => {
            for entry in entries {
                let place = join(place, &entry.key.text);
                items(&entry.value, &place, &format!("{path}.*"), report);
            }
        }
        (Value::Mapping(entries), _) => mapping(entries, place, path, report),
        _ => items(&entry.value, place, path, report),
    }
}

fn items(node: &Node, place: &str, path: &str, report: &Report) {
    let Value::Sequence(items) = &node.value else {
        return;
    };
    for (index, item) in items.iter().enumerate() {
        if let Value::Mapping(entries) = &item.value {
            let place = format!("{place}[{index}]");
            mapping(entries, &place, &format!("{path}[]"), report);
        }
    }
}

/// The path of a new key as it is called beside the old one.
fn from<'n>(new: &'n str, old: &Key) -> &'n str {
    let (parent, _) = old.split();
    let beside = new.strip_prefix(parent);
    let beside = beside.and_then(|rest| rest.strip_prefix('.'));
    beside.unwrap_or(new)
}

/// Whether a key that is refused has another value than the one without effect.
fn asks(key: &Key, field: &Field<'_>, value: &Node) -> bool {
    match key.kind {
        Kind::Flag => bool::read(field).is_some_and(|flag| flag != (key.default == "true")),
        Kind::Texts => !field.texts().is_empty(),
        Kind::Mapping => {
            field.mapping();
            false
        }
        Kind::Word(words) => {
            let word = field.filled().unwrap_or_default().to_ascii_lowercase();
            let is_known = word.is_empty() || words.contains(&&*word);
            if !is_known {
                let words = one_of(words);
                field.warn(format!("must be {words}, and has no effect in holdfast"));
            }
            is_known && !word.is_empty() && word != key.default
        }
        _ => !is_off(value),
    }
}

/// Whether a value asks for nothing: blank, false, zero or empty.
fn is_off(node: &Node) -> bool {
    match &node.value {
        Value::Scalar(scalar) => {
            scalar.text.trim().is_empty()
                || node.is_null()
                || scalar.boolean() == Some(false)
                || scalar.integer() == Ok(0)
        }
        Value::Sequence(items) => items.is_empty(),
        Value::Mapping(entries) => entries.is_empty(),
    }
}

fn unknown(name: &str, parent: &str, path: &str, entry: &Entry, report: &Report) {
    let place = Place {
        line: entry.line,
        column: entry.column,
        path: path.to_owned(),
    };
    match misspelt_block(name).filter(|_| parent.is_empty()) {
        // All its credentials would be missing.
        Some(block) => report.error(
            &place,
            format!("is not a known key, did you mean `{block}`?"),
        ),
        None => report.warn_with(&place, || advice(name, parent)),
    }
}

/// The block of credentials that differs from `name` only by case, `_` for `-` or an `s` at the end.
fn misspelt_block(name: &str) -> Option<&'static str> {
    let plain = |name: &str| {
        let name = name.to_ascii_lowercase().replace('_', "-");
        name.trim_end_matches('s').to_owned()
    };
    let wanted = plain(name);
    let mut blocks = keys::CREDENTIALS.iter().copied();
    blocks.find(|block| plain(block) == wanted)
}

/// What is wrong with a key that is none: it is misspelt, or belongs somewhere else.
fn advice(name: &str, parent: &str) -> String {
    if let Some(known) = similar::to(name, keys::names(parent).iter().copied()).first() {
        return format!("is not a known key, did you mean `{known}`?");
    }
    let elsewhere = keys::all().iter().filter(|key| {
        let is_usual = matches!(key.standing, Standing::Current | Standing::Unimplemented);
        is_usual && key.split().1 == name
    });
    let mut parents: Vec<&str> = elsewhere.map(|key| key.split().0).collect();
    parents.dedup();
    match parents.as_slice() {
        [""] => "belongs at the top level of the file".to_owned(),
        [parent] => format!("belongs under `{parent}`"),
        _ => "is not a known key".to_owned(),
    }
}

/// Moves the values of old names to the new ones, where those have none. Old names with another form of value stay.
pub fn rename(entries: &mut Vec<Entry>) {
    let renamed = keys::all().iter().filter_map(|key| match key.standing {
        Standing::Old(new) if keys::find(new)?.kind == key.kind => Some((&*key.path, new)),
        _ => None,
    });
    for (old, new) in renamed {
        if is_set(entries, new) || is_set(entries, &format!("{new}-file")) {
            continue;
        }
        if let Some(mut entry) = take(entries, old) {
            take(entries, new);
            entry.key.text = new.rsplit('.').next().unwrap_or(new).to_owned();
            put(entries, new, entry);
        }
    }
}

fn is_set(entries: &[Entry], path: &str) -> bool {
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    let mut found = entries.iter().filter(|entry| entry.key.text == name);
    found.any(|entry| match &entry.value.value {
        Value::Mapping(entries) if !rest.is_empty() => is_set(entries, rest),
        _ => rest.is_empty() && !entry.value.is_null(),
    })
}

fn take(entries: &mut Vec<Entry>, path: &str) -> Option<Entry> {
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    let at = entries.iter().position(|entry| entry.key.text == name)?;
    match (rest, &mut entries.get_mut(at)?.value.value) {
        ("", _) => Some(entries.remove(at)),
        (rest, Value::Mapping(entries)) => take(entries, rest),
        _ => None,
    }
}

fn put(entries: &mut Vec<Entry>, path: &str, entry: Entry) {
    let Some((block, _)) = path.split_once('.') else {
        return entries.push(entry);
    };
    let Some(at) = entries.iter().position(|other| other.key.text == block) else {
        let (line, column) = (entry.line, entry.column);
        let mut outer = entry.clone();
        outer.key.text = block.to_owned();
        outer.value = Node {
            line,
            column,
            value: Value::Mapping(vec![entry]),
        };
        return entries.push(outer);
    };
    if let Some(outer) = entries.get_mut(at) {
        if outer.value.is_null() {
            outer.value.value = Value::Mapping(Vec::new());
        }
        // What is no mapping is an error anyway.
        if let Value::Mapping(entries) = &mut outer.value.value {
            entries.push(entry);
        }
    }
}
