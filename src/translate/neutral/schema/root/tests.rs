use proptest::prelude::*;
use serde_json::json;

use super::super::references::pointer;
use super::*;

fn messages(schema: &Value) -> Value {
    let folded = object(&Json::from(schema.clone()), Dialect::Messages).unwrap();
    folded.tree().unwrap()
}

#[test]
fn roots_become_one_object() {
    let union = json!({"oneOf": [
        {"type": "object", "properties": {"kind": {"const": "a"}, "n": {"type": "integer"}}, "required": ["kind", "n"], "additionalProperties": false},
        {"type": "object", "properties": {"kind": {"const": "b"}}, "required": ["kind"], "additionalProperties": false},
        {"type": "string"},
    ]});
    let open = json!({"type": "object", "description": "d", "properties": {"a": {"type": "string"}},
        "anyOf": [{"required": ["a"]}, {"properties": {"b": {"type": "string"}}, "required": ["b"]}]});
    let referred = json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "object", "properties": {"x": {"$ref": "#/$defs/a"}}, "required": ["x"]}}});
    let merged = json!({"allOf": [
        {"properties": {"a": {"type": "string"}}, "required": ["a"]},
        {"properties": {"a": {"maxLength": 3}, "b": {}}, "additionalProperties": false},
    ]});
    for (schema, properties, required, is_open) in [
        (
            &union,
            json!({"kind": {"anyOf": [{"const": "a"}, {"const": "b"}]}, "n": {"type": "integer"}}),
            json!(["kind"]),
            false,
        ),
        (
            &open,
            json!({"a": {"type": "string"}, "b": {"anyOf": [{"type": "string"}, {}]}}),
            Value::Null,
            true,
        ),
        (
            &referred,
            json!({"x": {"$ref": "#/$defs/a"}}),
            json!(["x"]),
            true,
        ),
        (
            &merged,
            json!({"a": {"allOf": [{"type": "string"}, {"maxLength": 3}]}, "b": {}}),
            json!(["a"]),
            false,
        ),
        (
            &json!({"type": ["object", "null"], "properties": {"a": true}}),
            json!({"a": {}}),
            Value::Null,
            true,
        ),
    ] {
        let folded = messages(schema);
        assert_eq!(folded["type"], "object", "{folded}");
        assert_eq!(folded["properties"], properties, "{folded}");
        assert_eq!(folded["required"], required, "{folded}");
        assert_eq!(folded["additionalProperties"] != false, is_open, "{folded}");
        for key in COMBINED {
            assert!(folded.get(key).is_none(), "{folded}");
        }
    }
    let folded = messages(&open);
    let words = folded["description"].as_str().unwrap();
    assert!(words.starts_with("d (Must match: {\"anyOf\":"), "{words}");
}

#[test]
fn references_into_the_root_mean_what_they_meant() {
    let schema = json!({"anyOf": [{"properties": {"a": {"type": "string"}}}],
        "properties": {"b": {"$ref": "#/anyOf/0/properties/a"}}});
    let folded = messages(&schema);
    let reference = folded["properties"]["b"]["$ref"].as_str().unwrap();
    let target = folded.pointer(pointer(reference).unwrap());
    assert_eq!(target, Some(&json!({"type": "string"})));
}

#[test]
fn plain_objects_stay_as_they_are() {
    let nested = json!({"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}]}, "oneOf": {"type": "string"}}});
    let not = json!({"type": "object", "properties": {}, "not": {"required": ["a"]}});
    for (schema, upstream) in [
        (&nested, Dialect::Messages),
        (&nested, Dialect::Chat),
        (&not, Dialect::Messages),
    ] {
        let given = Json::from(schema.clone());
        assert_eq!(object(&given, upstream), Some(given.clone()));
    }
    let folded = object(&Json::from(not), Dialect::Responses).unwrap();
    assert!(folded.tree().unwrap().get("not").is_none());
}

#[test]
fn what_is_too_large_is_said_to_be() {
    let long = "x".repeat(MOST_TREE);
    let schema = Json::from(json!({"anyOf": [{"description": long}]}));
    assert_eq!(object(&schema, Dialect::Messages), None);
    let chat = object(&schema, Dialect::Chat).unwrap();
    assert!(chat.as_str().contains("anyOf"));
}

#[test]
fn what_names_itself_again_and_again_comes_to_an_end() {
    let link = |n: usize| {
        let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
        (
            format!("d{n}"),
            json!({"anyOf": [next, next, {"properties": {"p": {"type": "string"}}}]}),
        )
    };
    let defs: Map<String, Value> = (0..60).map(link).collect();
    let schema = json!({"$ref": "#/$defs/d0", "$defs": defs});
    assert_eq!(messages(&schema)["type"], "object");
    assert_eq!(
        messages(&json!({"$ref": "#", "required": ["a"]}))["required"],
        json!(["a"])
    );
}

/// Whether a schema of the keywords below allows a value, by the words of JSON Schema; none where it refers to
/// itself without end.
fn is_allowed(root: &Value, value: &Value) -> Option<bool> {
    let is_endless = std::cell::Cell::new(false);
    let allows = allows(root, root, value, (0, &is_endless));
    (!is_endless.get()).then_some(allows)
}

fn allows(
    root: &Value,
    schema: &Value,
    value: &Value,
    (depth, is_endless): (usize, &std::cell::Cell<bool>),
) -> bool {
    let Some(members) = schema.as_object() else {
        return schema != &Value::Bool(false);
    };
    if depth > 30 {
        is_endless.set(true);
        return true;
    }
    let depth = (depth + 1, is_endless);
    let again = |schema: &Value, value: &Value| allows(root, schema, value, depth);
    let is_kind = |kind: &Value| match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        other => panic!("{other}"),
    };
    members.iter().all(|(key, said)| match key.as_str() {
        "type" => match said {
            Value::Array(kinds) => kinds.iter().any(is_kind),
            kind => is_kind(kind),
        },
        "const" => value == said,
        "required" => value.as_object().is_none_or(|value| {
            let mut names = said.as_array().unwrap().iter();
            names.all(|name| value.contains_key(name.as_str().unwrap()))
        }),
        "properties" => value.as_object().is_none_or(|value| {
            let mut known = said.as_object().unwrap().iter();
            known.all(|(name, schema)| value.get(name).is_none_or(|value| again(schema, value)))
        }),
        "additionalProperties" => value.as_object().is_none_or(|value| {
            let known = members.get("properties").and_then(Value::as_object);
            let is_known = |name: &str| known.is_some_and(|known| known.contains_key(name));
            let mut others = value.iter().filter(|(name, _)| !is_known(name));
            others.all(|(_, value)| again(said, value))
        }),
        "anyOf" => said
            .as_array()
            .unwrap()
            .iter()
            .any(|schema| again(schema, value)),
        "allOf" => said
            .as_array()
            .unwrap()
            .iter()
            .all(|schema| again(schema, value)),
        "oneOf" => {
            let schemas = said.as_array().unwrap().iter();
            schemas.filter(|schema| again(schema, value)).count() == 1
        }
        "not" => !again(said, value),
        "$ref" => {
            let path = said.as_str().unwrap().strip_prefix('#').unwrap();
            root.pointer(path).is_none_or(|schema| again(schema, value))
        }
        "$defs" | "description" => true,
        other => panic!("{other}"),
    })
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        (0..3_i64).prop_map(Value::from),
        "[ab]".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 12, 3, |inner| {
        let name = prop::sample::select(vec!["a", "b", "c"]);
        prop::collection::btree_map(name, inner, 0..4).prop_map(|members| {
            let members = members.into_iter();
            Value::Object(
                members
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect(),
            )
        })
    })
}

fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({})),
        Just(json!(true)),
        Just(json!(false)),
        Just(json!({"type": "string"})),
        Just(json!({"type": "integer"})),
        Just(json!({"type": "object"})),
        Just(json!({"type": ["object", "string"]})),
        values().prop_map(|value| json!({"const": value})),
        Just(json!({"$ref": "#/$defs/d"})),
        Just(json!({"$ref": "#"})),
        Just(json!({"$ref": "#/anyOf/0"})),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let name = || prop::sample::select(vec!["a", "b", "c"]);
        let properties = prop::collection::btree_map(name(), inner.clone(), 0..3);
        let required = prop::option::of(prop::collection::btree_set(name(), 0..3));
        let additional = prop::option::of(prop_oneof![
            2 => Just(json!(false)),
            1 => inner.clone(),
        ]);
        let keyword = prop::sample::select(vec!["anyOf", "oneOf", "allOf"]);
        let combined = prop::option::of((keyword, prop::collection::vec(inner, 1..4)));
        (properties, required, additional, combined).prop_map(
            |(properties, required, additional, combined)| {
                let mut schema = json!({"properties": properties});
                if let Some(required) = required {
                    schema["required"] = required.into_iter().collect();
                }
                if let Some(additional) = additional {
                    schema["additionalProperties"] = additional;
                }
                if let Some((keyword, schemas)) = combined {
                    schema[keyword] = schemas.into();
                }
                schema
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_was_allowed_is_allowed(
        root in schemas(),
        definition in schemas(),
        values in prop::collection::vec(values(), 1..12),
    ) {
        let mut root = match root {
            Value::Object(root) => Value::Object(root),
            _ => json!({"anyOf": [root]}),
        };
        root["$defs"] = json!({"d": definition});
        // Arguments are objects, whether that is said or not.
        root["type"] = "object".into();
        for upstream in [Dialect::Messages, Dialect::Chat, Dialect::Responses] {
            let folded = object(&Json::from(root.clone()), upstream).unwrap();
            let folded = folded.tree().unwrap();
            prop_assert_eq!(&folded["type"], "object");
            for key in COMBINED {
                prop_assert!(folded.get(key).is_none(), "{}", &folded);
            }
            for value in values.iter().filter(|value| value.is_object()) {
                if is_allowed(&root, value) == Some(true) {
                    prop_assert_ne!(is_allowed(&folded, value), Some(false), "{} by {}", value, &folded);
                }
            }
        }
    }
}
