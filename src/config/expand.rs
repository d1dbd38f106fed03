//! `${VAR}` and `${VAR:-default}` in values.

use super::problem::{Place, Report};
use super::yaml::{Entry, Node, Value, join};

/// Where values of variables come from: the environment of the process, or what the caller gives.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Its values are JSON for upstreams, in which `${` may mean anything.
const UNEXPANDED: &str = "payload";

/// Puts the values of variables into the values of a document.
pub fn document(entries: &mut [Entry], lookup: Lookup<'_>, report: &Report) {
    for entry in entries {
        if entry.key.text != UNEXPANDED {
            node(&mut entry.value, &entry.key.text, lookup, report);
        }
    }
}

/// The parser bounds the depth of a tree.
fn node(node: &mut Node, path: &str, lookup: Lookup<'_>, report: &Report) {
    let (line, column) = (node.line, node.column);
    match &mut node.value {
        Value::Scalar(scalar) => match text(&scalar.text, lookup) {
            Ok(None) => {}
            Ok(Some(expanded)) => scalar.text = expanded,
            Err(name) => {
                let path = path.to_owned();
                let place = Place { line, column, path };
                report.error(
                    &place,
                    format!("needs the variable {name}, which is not set"),
                );
            }
        },
        Value::Sequence(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                self::node(item, &format!("{path}[{index}]"), lookup, report);
            }
        }
        Value::Mapping(entries) => {
            for entry in entries {
                let path = join(path, &entry.key.text);
                self::node(&mut entry.value, &path, lookup, report);
            }
        }
    }
}

/// The text with its variables; `None` when it has none.
///
/// # Errors
/// The name of a variable that is not set and has no default.
fn text<'t>(text: &'t str, lookup: Lookup<'_>) -> Result<Option<String>, &'t str> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(kept) = before.strip_suffix('$') {
            out.push_str(kept);
            out.push_str("${");
            rest = from.get(2..).unwrap_or_default();
            continue;
        }
        out.push_str(before);
        match variable(from) {
            None => {
                out.push_str("${");
                rest = from.get(2..).unwrap_or_default();
            }
            Some((name, default, after)) => {
                let value = lookup(name).filter(|value| !value.is_empty());
                match (value, default) {
                    (Some(value), _) => out.push_str(&value),
                    (None, Some(default)) => out.push_str(default),
                    (None, None) => return Err(name),
                }
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Ok(Some(out))
}

/// Name, default and what follows of a text that begins with `${`; `None` if that is no variable.
fn variable(text: &str) -> Option<(&str, Option<&str>, &str)> {
    let (inside, after) = text.strip_prefix("${")?.split_once('}')?;
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let is_name = name.as_bytes().first().is_some_and(first)
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some((name, default, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables() {
        let lookup = |name: &str| match name {
            "KEY" => Some("secret".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        for (from, to) in [
            ("plain $Name $2a$10$x", None),
            ("${KEY}", Some("secret")),
            ("a${KEY}b${KEY}", Some("asecretbsecret")),
            ("${NONE:-other}", Some("other")),
            ("${EMPTY:-other}", Some("other")),
            ("${NONE:-}", Some("")),
            ("$${KEY}", Some("${KEY}")),
            ("$$${KEY}", Some("$${KEY}")),
            ("${not a name}", Some("${not a name}")),
            ("${1X}", Some("${1X}")),
            ("${KEY", Some("${KEY")),
            ("${}${KEY}", Some("${}secret")),
        ] {
            assert_eq!(text(from, &lookup).unwrap().as_deref(), to, "{from}");
        }
        assert_eq!(text("x${NONE}", &lookup), Err("NONE"));
        assert_eq!(text("${EMPTY}", &lookup), Err("EMPTY"));
    }
}
