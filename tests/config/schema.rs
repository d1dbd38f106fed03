//! The table of keys against the JSON Schema, the example and the fixture.

use holdfast::config::{self, keys};
use serde_json::Value;

use crate::{FULL, problems};

const EXAMPLE: &str = include_str!("../../config.example.yaml");

/// The schema of a path of the table.
fn find<'s>(schema: &'s Value, path: &str) -> Option<&'s Value> {
    let mut at = schema;
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
fn the_schema_has_every_key_and_says_what_it_is_for() {
    let schema = config::json_schema();
    for key in keys::all() {
        let found = find(&schema, &key.path).unwrap_or_else(|| panic!("{}", key.path));
        assert_eq!(found["description"], key.about, "{}", key.path);
    }
    assert_eq!(schema["properties"]["port"]["maximum"], 65_535);
    assert_eq!(schema["additionalProperties"], false);
    // Less than none is none, for the loader too.
    for key in ["error-logs-max-files", "request-retry"] {
        assert!(schema["properties"][key].get("minimum").is_none(), "{key}");
    }
}

#[test]
fn a_key_in_the_wrong_place_is_shown_the_right_one() {
    for (text, message) in [
        (
            "session-affinity: true",
            "c.yaml:1:1 warning session-affinity belongs under `routing`",
        ),
        (
            "routing: {port: 1}",
            "c.yaml:1:11 warning routing.port belongs to the top of the file",
        ),
        (
            "sesion-afinity: 1",
            "c.yaml:1:1 warning sesion-afinity is not a known key",
        ),
        (
            "routing: {sesion-affinity: 1}",
            "c.yaml:1:11 warning routing.sesion-affinity is not a known key, did you mean `session-affinity`?",
        ),
    ] {
        let found = problems(&format!("{text}\napi-keys: [k]"));
        assert_eq!(found, [message], "{text}");
    }
}

#[test]
fn the_example_leaves_no_key_out() {
    // In its comments, too: a setting to uncomment counts.
    let names = |text: &str| -> Vec<String> {
        let word = |line: &str| {
            let line = line.trim_start_matches(['#', ' ', '-']);
            let (name, _) = line.split_once(':')?;
            let name = name.trim().trim_matches('"');
            (!name.contains(' ')).then(|| name.to_owned())
        };
        text.lines().filter_map(word).collect()
    };
    let (example, fixture) = (names(EXAMPLE), names(FULL));
    for key in keys::all() {
        let (_, name) = key.split();
        match key.standing {
            keys::Standing::Current => assert!(example.contains(&name.to_owned()), "{}", key.path),
            keys::Standing::Idle | keys::Standing::Old | keys::Standing::Refused => {}
        }
    }
    for name in fixture {
        let is_refused = keys::all()
            .iter()
            .any(|key| key.standing == keys::Standing::Refused && key.split().1 == name);
        let is_known = keys::all().iter().any(|key| key.split().1 == name);
        if is_known && !is_refused {
            assert!(example.contains(&name), "{name}");
        }
    }
}
