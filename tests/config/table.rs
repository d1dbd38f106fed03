//! Every key of the table through schema, reader, defaults, effective view, example and tests.

use holdfast::config::keys::{self, Change, Key, Kind, Standing};
use holdfast::config::{Config, json_schema};
use serde_json::Value;

use crate::{config, load, problems};

const EXAMPLE: &str = include_str!("../../config.example.yaml");

/// Whether a key is neither old nor refused.
fn is_meant(key: &Key) -> bool {
    matches!(key.standing, Standing::Current | Standing::Unimplemented)
}

/// Whether a key is part of a list or of a mapping with free keys.
fn is_nested(key: &Key) -> bool {
    key.path.contains(['[', '*'])
}

/// A document in which this path has this value.
fn document(path: &str, value: &str) -> String {
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    let inner = match rest {
        "" => value.to_owned(),
        rest => format!("{{{}}}", document(rest, value)),
    };
    match name.strip_suffix("[]") {
        Some("*") => format!("claude: [{inner}]"),
        Some(name) => format!("{name}: [{inner}]"),
        None if name == "*" => format!("claude: {inner}"),
        None => format!("{name}: {inner}"),
    }
}

/// The path as problems in such a document name it.
fn place(path: &str) -> String {
    path.replace("[]", "[0]").replace('*', "claude")
}

/// The schema of a path of the table.
fn schema<'s>(root: &'s Value, path: &str) -> Option<&'s Value> {
    let mut at = root;
    for step in path.split('.') {
        let (step, is_list) = match step.strip_suffix("[]") {
            Some(step) => (step, true),
            None => (step, false),
        };
        at = match step {
            "*" => at.get("additionalProperties")?,
            step => at.get("properties")?.get(step)?,
        };
        if is_list {
            at = at.get("items")?;
        }
    }
    Some(at)
}

#[test]
fn the_schema_has_every_key() {
    let root = json_schema();
    for key in keys::all() {
        let found = schema(&root, &key.path).unwrap_or_else(|| panic!("{}", key.path));
        assert_eq!(found["description"], key.about, "{}", key.path);
        let has_default = found.get("default").is_some();
        assert_eq!(has_default, !key.default.is_empty(), "{}", key.path);
        assert_eq!(
            found.get("deprecated").is_none(),
            is_meant(key),
            "{}",
            key.path
        );
    }
    assert_eq!(root["properties"]["port"]["maximum"], 65_535);
    assert_eq!(root["additionalProperties"], false);
    // A negative count is accepted.
    for key in ["error-logs-max-files", "request-retry"] {
        assert!(root["properties"][key].get("minimum").is_none(), "{key}");
    }
}

#[test]
fn the_reader_checks_every_key_and_names_its_place() {
    for key in keys::all() {
        let wrong = match key.kind {
            Kind::Texts | Kind::Secrets | Kind::List | Kind::Mapping | Kind::Table => "wrong",
            Kind::Any => "[wrong]",
            _ => "{wrong: 1}",
        };
        let text = document(&key.path, wrong);
        let paths = match key.standing {
            Standing::Old(new) => [place(&key.path), place(new)],
            _ => [place(&key.path), place(&key.path)],
        };
        let found = load(&text).problems;
        let is_told = found.iter().any(|problem| {
            let message = problem.message.as_str();
            let is_about_value = match key.kind {
                Kind::Any => message.contains("has no effect"),
                _ => message.starts_with("must be "),
            };
            paths.contains(&problem.path) && is_about_value
        });
        assert!(is_told, "{text}\n{found:#?}");
        let unknown = |message: &str| message.contains("is not a known key");
        let mut messages = found.iter().map(|problem| problem.message.as_str());
        assert!(
            key.kind == Kind::Table || !messages.any(unknown) || wrong.contains(':'),
            "{text}\n{found:#?}"
        );
    }
}

#[test]
fn the_defaults_are_those_of_an_empty_file() {
    let default = Config {
        file: "c.yaml".into(),
        ..Config::default()
    };
    for key in keys::all() {
        if key.default.is_empty() || is_nested(key) || !is_meant(key) {
            continue;
        }
        let text = document(&key.path, key.default);
        assert_eq!(config(&text), default, "{text}");
        let problems = problems(&format!("{text}\nhost: 127.0.0.1"));
        assert_eq!(problems, [""; 0], "{text}");
    }
}

#[test]
fn old_names_are_read_as_the_new_ones() {
    for key in keys::all() {
        let Standing::Old(new) = key.standing else {
            continue;
        };
        let value = match key.kind {
            Kind::Flag => "true".to_owned(),
            Kind::Timeout => "7s".to_owned(),
            Kind::Integer(least, _) => (least + 1).to_string(),
            Kind::Text | Kind::Secret => "https://old.example".to_owned(),
            Kind::List => "[{from: a, to: b}]".to_owned(),
            Kind::Secrets => continue,
            kind => panic!("{kind:?}"),
        };
        let read = |path: &str| config(&document(path, &value));
        assert_eq!(read(&key.path), read(new), "{}", key.path);
        assert_ne!(read(&key.path), config("{}"), "{}", key.path);
        // The new name counts where both are there.
        let (old, new) = (key.split(), keys::find(new).unwrap().split());
        if old.0 == new.0 && key.kind == Kind::Timeout {
            let both =
                |value: &str| config(&format!("{}: {{{}: 9s, {}: {value}}}", old.0, new.1, old.1));
            assert_eq!(both("7s"), both("8s"), "{}", key.path);
        }
    }
}

#[test]
fn the_effective_view_has_every_key() {
    for key in keys::all() {
        let is_whole = matches!(
            key.kind,
            Kind::Mapping | Kind::List | Kind::Table | Kind::Any
        );
        if is_whole || is_nested(key) || !is_meant(key) {
            continue;
        }
        let is_shown_with_another = key.path.ends_with("-file") && key.kind == Kind::Path;
        let has_value = key.has_value() || is_shown_with_another;
        let is_exception = [
            "quota-exceeded.switch-preview-model",
            "codex.stream-bootstrap-buffering",
        ]
        .contains(&&*key.path);
        assert!(has_value != is_exception, "{}", key.path);
        assert!(
            key.change == Change::Reload || key.has_value(),
            "{}",
            key.path
        );
    }
}

/// The settings that the example shows, also in its comments.
pub fn uncommented() -> String {
    /// Settings have no space after the `#`, or the two that indent a list.
    fn setting(line: &str) -> &str {
        let rest = line
            .strip_prefix('#')
            .filter(|rest| !rest.starts_with(' ') || rest.starts_with("  "));
        rest.unwrap_or(line)
    }
    let lines = EXAMPLE
        .lines()
        .filter(|line| !line.starts_with("#   holdfast"));
    lines.map(setting).collect::<Vec<_>>().join("\n")
}

/// The paths of the keys in a document in block style. Keys after a comment sign count, too.
fn paths(text: &str) -> Vec<String> {
    let mut open: Vec<(usize, String)> = Vec::new();
    let mut found = Vec::new();
    for line in text.lines() {
        let plain = line.trim_start_matches(' ');
        let plain = plain.strip_prefix("# ").unwrap_or(plain);
        let mut indent = line.len() - line.trim_start_matches(' ').len();
        let is_item = plain.starts_with("- ");
        let plain = plain.strip_prefix("- ").unwrap_or(plain);
        let Some((name, _)) = plain.split_once(':') else {
            continue;
        };
        let name = name.trim_matches('"');
        if name.contains([' ', '#']) {
            continue;
        }
        if is_item {
            indent += 2;
        }
        while open.last().is_some_and(|(outer, _)| *outer >= indent) {
            open.pop();
        }
        let path = match open.last() {
            None => name.to_owned(),
            Some((_, outer)) if is_item || outer.ends_with("[]") => {
                format!("{}[].{name}", outer.trim_end_matches("[]"))
            }
            Some((_, outer)) => format!("{outer}.{name}"),
        };
        if is_item && let Some((_, outer)) = open.last_mut() {
            *outer = format!("{}[]", outer.trim_end_matches("[]"));
        }
        found.push(path.clone());
        open.push((indent, path));
    }
    found
}

/// The path with one name for all blocks of credentials and one for all sections of rules: the example shows what
/// they share in one of them.
fn general(path: &str) -> String {
    let (first, rest) = path.split_once("[].").unwrap_or((path, ""));
    match first {
        _ if rest.is_empty() => path.to_owned(),
        first if keys::CREDENTIALS.contains(&first) => format!("CREDENTIAL.{rest}"),
        first if first.starts_with("payload.") => format!("RULE.{rest}"),
        _ => path.to_owned(),
    }
}

#[test]
fn the_example_has_every_key() {
    let shown: Vec<String> = paths(&uncommented()).iter().map(|it| general(it)).collect();
    let missing = keys::all().iter().filter(|key| {
        // The first lines say that every secret can be in a file.
        let is_file = key.kind == Kind::Path && key.path.ends_with("-file") && !key.has_value();
        let path = general(&key.path).replace(".*", ".claude");
        is_meant(key) && key.kind != Kind::Any && !is_file && !shown.contains(&path)
    });
    let missing: Vec<&str> = missing.map(|key| &*key.path).collect();
    assert_eq!(missing, [""; 0], "{shown:#?}");
}
