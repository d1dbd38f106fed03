//! Paths and rules against a model of both, on generated bodies.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

/// What simple paths do, on a tree.
mod model {
    use super::*;

    fn made(keys: &[String], value: Value) -> Value {
        let Some((first, rest)) = keys.split_first() else {
            return value;
        };
        let inner = made(rest, value);
        match first.parse::<usize>() {
            Ok(index) => {
                let mut list = vec![Value::Null; index];
                list.push(inner);
                list.into()
            }
            Err(_) if first == "-1" => json!([inner]),
            Err(_) => {
                let mut object = Map::new();
                object.insert(first.clone(), inner);
                object.into()
            }
        }
    }

    pub fn set(target: &mut Value, keys: &[String], value: Value) -> bool {
        let Some((first, rest)) = keys.split_first() else {
            *target = value;
            return true;
        };
        match target {
            Value::Object(object) => match object.get_mut(first) {
                Some(inner) => set(inner, rest, value),
                None => {
                    object.insert(first.clone(), made(rest, value));
                    true
                }
            },
            Value::Array(list) => {
                let index = match first.parse::<usize>() {
                    Ok(index) => index,
                    Err(_) if first == "-1" => list.len(),
                    Err(_) => return false,
                };
                if let Some(inner) = list.get_mut(index) {
                    return set(inner, rest, value);
                }
                list.resize(index, Value::Null);
                list.push(made(rest, value));
                true
            }
            other => {
                *other = made(keys, value);
                true
            }
        }
    }

    pub fn delete(target: &mut Value, keys: &[String]) -> bool {
        let Some((first, rest)) = keys.split_first() else {
            return false;
        };
        match target {
            Value::Object(object) if rest.is_empty() => object.shift_remove(first).is_some(),
            Value::Object(object) => object
                .get_mut(first)
                .is_some_and(|inner| delete(inner, rest)),
            Value::Array(list) => {
                let index = match first.as_str() {
                    "-1" => list.len().checked_sub(1),
                    other => other.parse::<usize>().ok(),
                };
                let Some(index) = index.filter(|index| *index < list.len()) else {
                    return false;
                };
                if rest.is_empty() {
                    list.remove(index);
                    return true;
                }
                delete(&mut list[index], rest)
            }
            _ => false,
        }
    }

    pub fn get<'v>(target: &'v Value, keys: &[String]) -> Option<&'v Value> {
        let Some((first, rest)) = keys.split_first() else {
            return Some(target);
        };
        let inner = match target {
            Value::Object(object) => object.get(first)?,
            Value::Array(list) => list.get(first.parse::<usize>().ok()?)?,
            _ => return None,
        };
        get(inner, rest)
    }
}

fn key() -> impl Strategy<Value = String> {
    const KEYS: &[&str] = &[
        "a", "b", "0", "1", "3", "-1", "a.b", "*", "é", "\\", "\"", "x y",
    ];
    prop::sample::select(KEYS).prop_map(str::to_owned)
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..3).prop_map(Value::from),
        Just(Value::from("s]}\",")),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..4)
                .prop_map(|pairs| Value::from(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// The keys as one path.
fn written(keys: &[String]) -> Path {
    let escaped = keys.iter().map(|key| {
        let escape = |c: char| match c {
            '.' | '*' | '\\' => vec!['\\', c],
            other => vec![other],
        };
        key.chars().flat_map(escape).collect::<String>()
    });
    path(&escaped.collect::<Vec<_>>().join("."))
}

fn tree(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|why| panic!("{text} {why}"))
}

/// A document whose objects can have equal members.
#[derive(Clone, Debug)]
enum Node {
    Leaf(i64),
    Array(Vec<Node>),
    Object(Vec<(&'static str, Node)>),
}

fn repetitive() -> impl Strategy<Value = Node> {
    let leaf = (0_i64..3).prop_map(Node::Leaf);
    leaf.prop_recursive(4, 24, 4, |inner| {
        let keys = prop::sample::select(&["a", "b", "0"][..]);
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..3).prop_map(Node::Array),
            3 => prop::collection::vec((keys, inner), 0..5).prop_map(Node::Object),
        ]
    })
}

impl Node {
    /// As it is sent; every other key is escaped.
    fn text(&self) -> String {
        match self {
            Self::Leaf(number) => number.to_string(),
            Self::Array(items) => {
                let items: Vec<String> = items.iter().map(Self::text).collect();
                format!("[ {}]", items.join(" ,"))
            }
            Self::Object(members) => {
                let members = members.iter().enumerate().map(|(at, (key, node))| {
                    let escaped = format!("\\u{:04x}", key.as_bytes()[0]);
                    let key = if at % 2 == 1 { &*escaped } else { key };
                    format!("\"{key}\" : {}", node.text())
                });
                format!("{{ {} }}", members.collect::<Vec<_>>().join(" , "))
            }
        }
    }

    /// As a reader sees it who takes the first of equal members, or else the last.
    fn seen(&self, first: bool) -> Value {
        match self {
            Self::Leaf(number) => (*number).into(),
            Self::Array(items) => items.iter().map(|item| item.seen(first)).collect(),
            Self::Object(members) => {
                let mut object = Map::new();
                for (key, node) in members {
                    if !first || !object.contains_key(*key) {
                        object.insert((*key).to_owned(), node.seen(first));
                    }
                }
                object.into()
            }
        }
    }
}

/// The same of a text.
fn seen(text: &str, first: bool) -> Value {
    let mut scanner = crate::json::Scanner::over(text);
    let read = node(&mut scanner);
    scanner.end().unwrap();
    read.seen(first)
}

fn node(scanner: &mut crate::json::Scanner<'_>) -> Node {
    match scanner.peek() {
        Some(b'{') => {
            let mut members = Vec::new();
            let read = scanner.object(|scanner, key| {
                let key = key.decode().into_owned();
                members.push((&*key.leak(), node(scanner)));
                Ok(())
            });
            read.unwrap();
            Node::Object(members)
        }
        Some(b'[') => {
            let mut items = Vec::new();
            let read = scanner.array(|scanner| {
                items.push(node(scanner));
                Ok(())
            });
            read.unwrap();
            Node::Array(items)
        }
        _ => {
            let (value, _) = scanner.value().unwrap();
            Node::Leaf(value.text().parse().unwrap_or(-1))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn simple_paths_do_what_they_do_to_a_tree(
        document in document(),
        keys in prop::collection::vec(key(), 1..5),
        value in document(),
        pretty in any::<bool>(),
    ) {
        let text = match pretty {
            true => serde_json::to_string_pretty(&document).unwrap(),
            false => document.to_string(),
        };
        let path = written(&keys);
        let found = get(&text, &path).map(|found| tree(&found));
        prop_assert_eq!(found.as_ref(), model::get(&document, &keys));

        let mut expected = document.clone();
        let is_set = model::set(&mut expected, &keys, value.clone());
        let changed = set(&text, &path, &value.to_string());
        prop_assert_eq!(changed.is_some(), is_set);
        if let Some(changed) = changed {
            prop_assert_eq!(tree(&changed), expected);
            if !keys.iter().any(|key| key == "-1") {
                let read = get(&changed, &path);
                prop_assert_eq!(read.as_deref(), Some(&*value.to_string()));
                let again = set(&changed, &path, &value.to_string());
                prop_assert_eq!(again, Some(changed));
            }
        }

        let mut expected = document.clone();
        let is_deleted = model::delete(&mut expected, &keys);
        let changed = delete(&text, &path);
        prop_assert_eq!(changed.is_some(), is_deleted);
        if let Some(changed) = changed {
            prop_assert_eq!(tree(&changed), expected);
        }
    }

    /// Whatever a rule says holds for both readers as if there were but one of each member.
    #[test]
    fn rules_hold_for_whoever_reads(
        document in repetitive(),
        keys in prop::collection::vec(prop::sample::select(&["a", "b", "0", "-1"][..]), 1..4),
        value in 5_i64..7,
    ) {
        let keys: Vec<String> = keys.into_iter().map(str::to_owned).collect();
        let (text, path) = (document.text(), written(&keys));
        let is_set = set(&text, &path, &value.to_string());
        let is_deleted = delete(&text, &path);
        let mut found = false;
        for first in [true, false] {
            let before = document.seen(first);
            prop_assert_eq!(&seen(&text, first), &before);
            found |= model::get(&before, &keys).is_some();

            let mut expected = before.clone();
            model::set(&mut expected, &keys, value.into());
            prop_assert_eq!(seen(is_set.as_ref().unwrap_or(&text), first), expected);

            let now = seen(is_deleted.as_ref().unwrap_or(&text), first);
            let mut expected = before;
            model::delete(&mut expected, &keys);
            prop_assert_eq!(now, expected);
        }
        prop_assert!(!found || exists(&text, &path));
    }
}
