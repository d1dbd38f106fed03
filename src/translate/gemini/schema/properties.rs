//! Properties of every cleaned schema.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::fields::REASON_DESCRIPTION;
use super::profile::DEPTH;
use super::*;

/// What each profile allows, written down a second time.
fn check(schema: &Value, profile: Profile) -> Result<(), String> {
    let Value::Object(map) = schema else {
        return Err(format!("no schema: {schema}"));
    };
    let kind = map.get("type").and_then(Value::as_str);
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    for (key, value) in map {
        let holds = match key.as_str() {
            "type" => [
                "object", "array", "string", "number", "integer", "boolean", "null",
            ]
            .iter()
            .any(|kind| value == kind),
            "description" => is_text(value),
            "enum" => {
                kind == Some("string")
                    && value
                        .as_array()
                        .is_some_and(|values| !values.is_empty() && values.iter().all(is_text))
            }
            "minimum" | "maximum" => {
                matches!(kind, None | Some("number" | "integer")) && value.is_number()
            }
            "nullable" => profile != Profile::Public && value == true,
            "properties" => {
                let properties = value.as_object().ok_or("properties")?;
                for property in properties.values() {
                    check(property, profile)?;
                }
                kind == Some("object")
            }
            "required" | "propertyOrdering" => value.as_array().is_some_and(|names| {
                !names.is_empty()
                    && names.iter().all(|name| {
                        name.as_str()
                            .is_some_and(|name| !map["properties"][name].is_null())
                    })
            }),
            "items" => {
                check(value, profile)?;
                kind == Some("array")
            }
            "prefixItems" if profile == Profile::Public => {
                for item in value.as_array().ok_or("prefixItems")? {
                    check(item, profile)?;
                }
                kind == Some("array")
            }
            _ => false,
        };
        if !holds {
            return Err(format!("{key}: {value} in {schema}"));
        }
    }
    if kind == Some("array") && !map.contains_key("items") && !map.contains_key("prefixItems") {
        return Err(format!("no items in {schema}"));
    }
    Ok(())
}

/// Any JSON, made of words that mean something in schemas.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "type",
        "object",
        "array",
        "string",
        "integer",
        "null",
        "number",
        "boolean",
        "STRING",
        "properties",
        "required",
        "items",
        "prefixItems",
        "enum",
        "const",
        "$ref",
        "#",
        "#/$defs/a",
        "#/$defs/b",
        "#/properties/a",
        "$defs",
        "definitions",
        "anyOf",
        "oneOf",
        "allOf",
        "not",
        "if",
        "then",
        "else",
        "description",
        "title",
        "nullable",
        "format",
        "minimum",
        "maximum",
        "minLength",
        "default",
        "examples",
        "additionalProperties",
        "x-a",
        "a",
        "b",
        "reason",
        "_",
        "",
        "propertyOrdering",
        "(nullable)",
        "Allowed: a, b",
        REASON_DESCRIPTION,
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2..3i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 96, 6, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            4 => prop::collection::btree_map(word.clone(), inner, 0..6).prop_map(|map| {
                Value::Object(map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            }),
        ]
    })
}

/// Schemas that are in order, or nearly.
fn any_schema() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(vec![
        json!("object"),
        json!("array"),
        json!("string"),
        json!("integer"),
        json!(["string", "null"]),
        json!(["null", "object", "array"]),
        json!(["null"]),
    ]);
    let literal = prop::sample::select(vec![
        json!("a"),
        json!("b"),
        json!(1),
        json!(true),
        json!(null),
        json!(""),
    ]);
    let literals = prop::collection::vec(literal.clone(), 0..4);
    let text = prop::sample::select(vec![
        "d",
        "(x",
        "(nullable)",
        "Allowed: a, b",
        "p (Allowed: a, b) q",
    ]);
    let reference = prop::sample::select(vec![
        "#",
        "#/$defs/a",
        "#/$defs/b",
        "#/properties/b",
        "http://x/y#z",
    ]);
    let pair = |key: &'static str| move |value: Value| (key, value);
    let leaf = Just(json!({}));
    leaf.prop_recursive(6, 64, 5, move |inner| {
        let name = prop::sample::select(vec!["a", "b", "title", "reason", "_", "$ref"]);
        let map = prop::collection::btree_map(name, inner.clone(), 0..4).prop_map(|map| json!(map));
        let list = prop::collection::vec(inner.clone(), 1..4).prop_map(Value::from);
        let names = prop::sample::subsequence(vec!["a", "b", "title", "reason", "_"], 0..4)
            .prop_map(|names| json!(names));
        let member = prop_oneof![
            kind.clone().prop_map(pair("type")),
            kind.clone().prop_map(pair("type")),
            text.clone()
                .prop_map(Value::from)
                .prop_map(pair("description")),
            literals
                .clone()
                .prop_map(Value::from)
                .prop_map(pair("enum")),
            literal.clone().prop_map(pair("const")),
            reference
                .clone()
                .prop_map(Value::from)
                .prop_map(pair("$ref")),
            map.clone().prop_map(pair("properties")),
            map.clone().prop_map(pair("properties")),
            map.prop_map(pair("$defs")),
            names.prop_map(pair("required")),
            Just(json!(true)).prop_map(pair("required")),
            Just(json!(true)).prop_map(pair("nullable")),
            Just(json!(3)).prop_map(pair("minimum")),
            Just(json!(false)).prop_map(pair("additionalProperties")),
            Just(json!("x")).prop_map(pair("format")),
            list.clone().prop_map(pair("anyOf")),
            list.clone().prop_map(pair("oneOf")),
            list.clone().prop_map(pair("allOf")),
            list.clone().prop_map(pair("prefixItems")),
            list.prop_map(pair("items")),
            inner.clone().prop_map(pair("items")),
            inner.clone().prop_map(pair("not")),
            inner.clone().prop_map(pair("then")),
            inner.clone().prop_map(pair("extra")),
        ];
        prop::collection::vec(member, 0..6).prop_map(|members| {
            Value::Object(
                members
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect(),
            )
        })
    })
}

/// A schema deeper than any that is read to its end.
fn any_deep_schema() -> impl Strategy<Value = Value> {
    prop::collection::vec((0..7u8, any::<bool>()), DEPTH - 4..DEPTH + 8).prop_map(|wraps| {
        wraps
            .into_iter()
            .fold(json!({"type": "array"}), |inner, (wrap, is_described)| {
                let mut schema = match wrap {
                    0 => json!({"type": "object", "properties": {"a": inner}}),
                    1 => json!({"properties": {"a": inner}, "required": ["a"]}),
                    2 => json!({"type": "array", "items": inner}),
                    3 => json!({"items": [inner]}),
                    4 => json!({"anyOf": [inner, {"type": "string"}]}),
                    5 => json!({"allOf": [inner]}),
                    _ => json!({"then": inner}),
                };
                if is_described {
                    schema["description"] = "d".into();
                }
                schema
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn cleaning_keeps_what_is_allowed_and_changes_nothing_twice(
        schema in prop_oneof![4 => any_json(), 4 => any_schema(), 1 => any_deep_schema()],
        profile in prop::sample::select(vec![Profile::Public, Profile::Envelope { validated: false }, Profile::Envelope { validated: true }]),
    ) {
        let cleaned = clean(&schema, profile);
        if let Err(problem) = check(&cleaned, profile) {
            prop_assert!(false, "{}", problem);
        }
        prop_assert_eq!(clean(&cleaned, profile), cleaned);
    }

    #[test]
    fn restoring_takes_anything(arguments in any_json(), schema in prop_oneof![any_json(), any_schema()]) {
        let restored = restore(arguments, &schema, Profile::Envelope { validated: true });
        prop_assert_eq!(restore(restored.clone(), &schema, Profile::Envelope { validated: true }), restored);
    }
}
