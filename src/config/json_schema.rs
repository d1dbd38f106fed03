//! The table of keys as a JSON Schema, for editors.

use serde_json::{Map, Value, json};

use super::keys::{self, Key, Kind, Standing};

/// The schema, JSON Schema 2020-12.
pub fn render() -> Value {
    let mut root = mapping();
    for key in keys::all() {
        insert(&mut root, key);
    }
    if let Some(fields) = root.as_object_mut() {
        let dialect = "https://json-schema.org/draft/2020-12/schema";
        fields.insert("$schema".to_owned(), dialect.into());
        fields.insert("title".to_owned(), "holdfast".into());
    }
    root
}

fn mapping() -> Value {
    json!({"type": ["object", "null"], "additionalProperties": false, "properties": {}})
}

/// Puts a key where its path says, below what is there already.
fn insert(root: &mut Value, key: &Key) {
    let (parent, name) = key.split();
    let mut at = root;
    for step in parent.split('.').filter(|step| !step.is_empty()) {
        let (step, is_list) = match step.strip_suffix("[]") {
            Some(step) => (step, true),
            None => (step, false),
        };
        at = match step {
            "*" => field(at, "additionalProperties"),
            step => field(field(at, "properties"), step),
        };
        if is_list {
            let items = field(at, "items");
            if items.is_null() {
                *items = mapping();
            }
            at = items;
        }
        if at.get("properties").is_none() && at.get("additionalProperties").is_none() {
            *at = mapping();
        }
    }
    let mut value = schema(key.kind);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("description".to_owned(), key.about.into());
        if !key.default.is_empty() {
            fields.insert("default".to_owned(), default(key));
        }
        if matches!(key.standing, Standing::Old(_) | Standing::Refused) {
            fields.insert("deprecated".to_owned(), true.into());
        }
    }
    *field(field(at, "properties"), name) = value;
}

fn field<'v>(at: &'v mut Value, name: &str) -> &'v mut Value {
    if !at.is_object() {
        *at = Value::Object(Map::new());
    }
    match at {
        Value::Object(fields) => fields.entry(name).or_insert(Value::Null),
        other => other,
    }
}

/// As JSON: a flag or a number where it is one.
fn default(key: &Key) -> Value {
    match (key.default.parse::<bool>(), key.default.parse::<i64>()) {
        (Ok(flag), _) => flag.into(),
        (_, Ok(number)) => number.into(),
        _ => key.default.into(),
    }
}

/// Values are lenient where the reader is: numbers may be quoted, texts may be numbers.
fn schema(kind: Kind) -> Value {
    let scalar = || json!(["string", "number", "boolean", "null"]);
    let number = || json!(["integer", "string", "null"]);
    match kind {
        Kind::Flag => json!({"type": ["boolean", "string", "null"]}),
        Kind::Count { most, .. } => json!({"type": number(), "maximum": most}),
        Kind::Integer(least, most) => {
            json!({"type": number(), "maximum": most, "minimum": least})
        }
        Kind::Duration
        | Kind::Timeout
        | Kind::LenientTimeout
        | Kind::Size(..)
        | Kind::Mebibytes => json!({"type": number()}),
        Kind::Text | Kind::Path | Kind::Secret => json!({"type": scalar()}),
        Kind::Word(words) => json!({"type": scalar(), "examples": words}),
        Kind::Texts | Kind::Secrets => {
            json!({"type": ["array", "null"], "items": {"type": scalar()}})
        }
        Kind::Any => json!({}),
        Kind::Mapping => mapping(),
        Kind::Table => json!({"type": ["object", "null"], "additionalProperties": {}}),
        Kind::List => json!({"type": ["array", "null"], "items": {}}),
    }
}
