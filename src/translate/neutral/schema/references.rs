//! References within a schema.

use serde_json::{Map, Value, json};

/// How deep a schema is searched for references.
const DEPTH: usize = 128;

/// The JSON pointer of a reference within the schema.
pub fn pointer(reference: &str) -> Option<&str> {
    reference.strip_prefix('#')
}

/// Keeps references to the root, and into it, valid: a copy of the root becomes a definition.
pub fn with_root_definition(mut object: Map<String, Value>, root: &Value) -> Value {
    let is_taken = |name: &str| root.pointer(&format!("/$defs/{name}")).is_some();
    let mut name = "root".to_owned();
    while is_taken(&name) {
        name.push('_');
    }
    let mut redirect = Redirect {
        root,
        place: format!("#/$defs/{name}"),
        has_changed: false,
    };
    for schema in object.values_mut() {
        redirect.apply(schema, 1);
    }
    if redirect.has_changed {
        let mut copy = root.clone();
        if let Value::Object(members) = &mut copy {
            members.shift_remove("$defs");
            members.shift_remove("definitions");
        }
        redirect.apply(&mut copy, 1);
        let definitions = object.entry("$defs").or_insert_with(|| json!({}));
        if let Value::Object(definitions) = definitions {
            definitions.insert(name, copy);
        }
    }
    object.into()
}

struct Redirect<'a> {
    root: &'a Value,
    place: String,
    has_changed: bool,
}

impl Redirect<'_> {
    fn apply(&mut self, schema: &mut Value, depth: usize) {
        if depth > DEPTH {
            return;
        }
        match schema {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get_mut("$ref")
                    && let Some(path) = pointer(reference)
                    && !path.starts_with("/$defs/")
                    && !path.starts_with("/definitions/")
                    && self.root.pointer(path).is_some()
                {
                    *reference = format!("{}{path}", self.place);
                    self.has_changed = true;
                }
                for (key, value) in members {
                    if !["const", "default", "enum", "examples"].contains(&key.as_str()) {
                        self.apply(value, depth + 1);
                    }
                }
            }
            Value::Array(list) => {
                for schema in list {
                    self.apply(schema, depth + 1);
                }
            }
            _ => {}
        }
    }
}
