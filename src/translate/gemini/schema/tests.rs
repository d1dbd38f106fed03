//! What each step does, by example.

use serde_json::{Map, Value, json};

use super::fields::reason;
use super::profile::DEPTH;
use super::reference::EXPANSION;
use super::*;

const PUBLIC: Profile = Profile::Public;
const ENVELOPE: Profile = Profile::Envelope { validated: false };
const VALIDATED: Profile = Profile::Envelope { validated: true };

/// What a property with `schema` becomes, and whether a parent that requires it still does.
fn clean_property(schema: &Value, profile: Profile) -> (Value, bool) {
    let parent = json!({"type": "object", "properties": {"p": schema}, "required": ["p"]});
    let cleaned = clean(&parent, profile);
    let is_required = cleaned["required"] == json!(["p"]);
    (cleaned["properties"]["p"].clone(), is_required)
}

#[test]
fn each_step_as_both_profiles_have_it() {
    for (step, schema, expected) in [
        // Schemas that are none.
        ("boolean schema", json!(true), json!({})),
        ("boolean schema", json!(false), json!({})),
        ("null schema", json!(null), json!({})),
        ("no schema", json!("string"), json!({})),
        // 1
        (
            "1: bare properties",
            json!({"type": "object", "city": {"type": "string"}, "type_": {"enum": ["a"]}, "required": ["city"]}),
            json!({"type": "object", "properties": {"city": {"type": "string"}, "type_": {"type": "string", "enum": ["a"]}}, "required": ["city"]}),
        ),
        (
            "1: bare properties named like keywords",
            json!({"type": {"type": "string"}, "title": {"type": "string"}, "format": {"type": "string"}}),
            json!({"type": "object", "properties": {"type": {"type": "string"}, "title": {"type": "string"}, "format": {"type": "string"}}}),
        ),
        (
            "1: not beside properties",
            json!({"type": "object", "properties": {"a": {}}, "b": {"type": "string"}}),
            json!({"type": "object", "properties": {"a": {}}}),
        ),
        (
            "1: not on other types",
            json!({"type": "string", "meta": {"type": "string"}}),
            json!({"type": "string"}),
        ),
        (
            "1: extensions and literals are no properties",
            json!({"x-meta": {"type": "string"}, "default": {"type": "string"}, "xml": {"type": "string"}}),
            json!({}),
        ),
        (
            "1: required on the property",
            json!({"type": "object", "properties": {"a": {"type": "string", "required": true}, "b": {"type": "string", "required": false}}}),
            json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["a"]}),
        ),
        // 2
        (
            "2: remote",
            json!({"$ref": "https://example.com/s.json#/$defs/Far", "description": "d"}),
            json!({"type": "object", "description": "d (See: Far)"}),
        ),
        (
            "2: unresolvable",
            json!({"$ref": "#/$defs/None"}),
            json!({"type": "object", "description": "See: None"}),
        ),
        (
            "2: to the whole",
            json!({"$ref": "#"}),
            json!({"type": "object", "description": "See: root"}),
        ),
        // 3
        (
            "3: const",
            json!({"const": "v"}),
            json!({"type": "string", "enum": ["v"]}),
        ),
        (
            "3: const beside enum",
            json!({"const": "v", "enum": ["w"]}),
            json!({"type": "string", "enum": ["w"]}),
        ),
        // 4 and 5
        (
            "4: enum of scalars",
            json!({"type": "integer", "enum": [1, 2.5, true, "s"], "minimum": 1}),
            json!({"type": "string", "enum": ["1", "2.5", "true", "s"], "description": "Allowed: 1, 2.5, true, s"}),
        ),
        (
            "4: enum contents are literals",
            json!({"enum": [{"type": "null", "title": "t"}]}),
            json!({"type": "string", "enum": ["{\"type\":\"null\",\"title\":\"t\"}"]}),
        ),
        (
            "4: doubles and empty texts",
            json!({"enum": ["", "1", 1]}),
            json!({"type": "string", "enum": ["1"]}),
        ),
        (
            "4: empty enum",
            json!({"type": "integer", "enum": []}),
            json!({"type": "integer"}),
        ),
        (
            "5: appended",
            json!({"enum": ["a", "b"], "description": "d"}),
            json!({"type": "string", "enum": ["a", "b"], "description": "d (Allowed: a, b)"}),
        ),
        (
            "5: said already",
            json!({"enum": ["a", "b"], "description": "d (Allowed: a, b)"}),
            json!({"type": "string", "enum": ["a", "b"], "description": "d (Allowed: a, b)"}),
        ),
        (
            "5: too many",
            json!({"enum": ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"]}),
            json!({"type": "string", "enum": ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"]}),
        ),
        // 6
        (
            "6: closed",
            json!({"type": "object", "additionalProperties": false, "description": "d"}),
            json!({"type": "object", "description": "d (No extra properties allowed)"}),
        ),
        (
            "6: open",
            json!({"type": "object", "additionalProperties": {"type": "string", "title": "t"}}),
            json!({"type": "object"}),
        ),
        // 7
        (
            "7: told",
            json!({"type": "string", "minLength": 1, "maxLength": 9, "pattern": "^a$", "format": "uuid", "default": "x"}),
            json!({"type": "string", "description": "minLength: 1 (maxLength: 9) (pattern: ^a$) (format: uuid) (default: x)"}),
        ),
        (
            "7: of arrays",
            json!({"type": "array", "items": {}, "minItems": 1, "maxItems": 2, "uniqueItems": true, "default": [], "examples": [[1]]}),
            json!({"type": "array", "items": {}, "description": "minItems: 1 (maxItems: 2) (uniqueItems: true)"}),
        ),
        (
            "7: bounds stay",
            json!({"type": "number", "minimum": 0, "maximum": 1, "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
            json!({"type": "number", "minimum": 0, "maximum": 1, "description": "exclusiveMinimum: 0 (exclusiveMaximum: 1)"}),
        ),
        (
            "7: default is a literal",
            json!({"type": "object", "default": {"$ref": "#/nowhere", "properties": {}}, "example": {"type": "string"}}),
            json!({"type": "object"}),
        ),
        // 8
        (
            "8: not",
            json!({"type": "string", "not": {"enum": ["a"]}, "description": "d"}),
            json!({"type": "string", "description": "d (Must not: {\"enum\":[\"a\"]})"}),
        ),
        (
            "8: conditions",
            json!({
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "if": {"properties": {"a": {"const": "x"}}},
                "then": {"properties": {"b": {"type": "integer"}}, "required": ["b"]},
                "else": {"properties": {"a": {"type": "number"}, "c": {"type": "boolean"}}, "required": ["a"]},
            }),
            json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}, "c": {"type": "boolean"}}}),
        ),
        // 9
        (
            "9: allOf",
            json!({
                "properties": {"a": {"type": "string"}},
                "required": ["a"],
                "allOf": [
                    {"properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "description": "m", "additionalProperties": false},
                    {"required": ["b", "a"], "description": "n"},
                ],
            }),
            json!({
                "type": "object",
                "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                "required": ["a", "b"],
                "description": "m (No extra properties allowed)",
            }),
        ),
        (
            "9: allOf gives what is missing",
            json!({"allOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "string", "description": "d"}]}),
            json!({"type": "array", "items": {"type": "integer"}, "description": "d"}),
        ),
        (
            "9: allOf with enum",
            json!({"type": "integer", "allOf": [{"enum": [1, 2]}]}),
            json!({"type": "string", "enum": ["1", "2"], "description": "Allowed: 1, 2"}),
        ),
        (
            "9: a hint of allOf beside a description",
            json!({"description": "d", "allOf": [{"enum": ["a", "b"], "description": "Allowed: a, b"}]}),
            json!({"type": "string", "enum": ["a", "b"], "description": "d (Allowed: a, b)"}),
        ),
        (
            "9: the enum of the parent stays",
            json!({"enum": ["a", "b"], "allOf": [{"enum": ["a", "b", "c"]}]}),
            json!({"type": "string", "enum": ["a", "b"], "description": "Allowed: a, b"}),
        ),
        // 10
        (
            "10: object before array before others",
            json!({"anyOf": [{"type": "null"}, {"type": "string"}, {"items": {}}, {"properties": {"a": {}}}, {"type": "object"}]}),
            json!({"type": "object", "properties": {"a": {}}, "description": "Accepts: null | string | array | object"}),
        ),
        (
            "10: the first of the highest",
            json!({"oneOf": [{"type": "null"}, {"type": "integer", "minimum": 1}, {"type": "string"}]}),
            json!({"type": "integer", "minimum": 1, "description": "Accepts: null | integer | string"}),
        ),
        (
            "10: array before string",
            json!({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
            json!({"type": "array", "items": {"type": "string"}, "description": "Accepts: string | array"}),
        ),
        (
            "10: both descriptions",
            json!({"description": "p", "anyOf": [{"type": "string", "description": "b", "minLength": 1}]}),
            json!({"type": "string", "description": "p (b (minLength: 1))"}),
        ),
        (
            "10: the same description",
            json!({"description": "p", "anyOf": [{"type": "string", "description": "p"}]}),
            json!({"type": "string", "description": "p"}),
        ),
        (
            "10: the parent keeps its fields",
            json!({
                "type": "object",
                "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                "required": ["a"],
                "oneOf": [{"properties": {"c": {"type": "string"}, "a": {"type": "null"}}, "required": ["c"]}, {"required": ["b"]}],
            }),
            json!({
                "type": "object",
                "properties": {"a": {"type": "string"}, "b": {"type": "string"}, "c": {"type": "string"}},
                "required": ["a", "c"],
            }),
        ),
        (
            "10: a branch that only demands",
            json!({
                "type": "object",
                "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
            }),
            json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}),
        ),
        (
            "10: a choice of values is an enumeration",
            json!({"oneOf": [{"const": "a", "title": "A"}, {"enum": ["b", "a"]}, {"const": "c", "description": "d"}]}),
            json!({"type": "string", "enum": ["a", "b", "c"], "description": "Allowed: a, b, c"}),
        ),
        // 11
        (
            "11: several types",
            json!({"type": ["integer", "string"], "description": "d"}),
            json!({"type": "integer", "description": "d (Accepts: integer | string)"}),
        ),
        (
            "11: the fields of another type go",
            json!({"type": ["string", "object"], "properties": {"a": {}}, "required": ["a"]}),
            json!({"type": "string", "description": "Accepts: string | object"}),
        ),
        // 12 and 13
        (
            "12: removed",
            json!({
                "$schema": "s", "$id": "i", "$comment": "c", "$anchor": "a", "$defs": {"D": {"type": "string"}},
                "definitions": {}, "propertyNames": {}, "patternProperties": {"^x": {"type": "string"}},
                "unevaluatedProperties": false, "dependentRequired": {}, "dependentSchemas": {}, "dependencies": {},
                "contains": {"type": "string"}, "contentEncoding": "base64", "contentMediaType": "text/plain",
                "readOnly": true, "writeOnly": true, "enumTitles": ["t"], "enumDescriptions": ["d"], "prefill": 1,
                "deprecated": true, "encrypted": true, "x-order": 1, "x-any": {"type": "string"}, "title": "T",
                "unknown": 1, "type": "boolean",
            }),
            json!({"type": "boolean"}),
        ),
        (
            "12: unknown types",
            json!({"type": "any", "description": 7}),
            json!({}),
        ),
        (
            "types in upper case",
            json!({"type": "ARRAY", "items": {"type": "STRING"}}),
            json!({"type": "array", "items": {"type": "string"}}),
        ),
        // 14
        (
            "14: required",
            json!({"type": "object", "properties": {"a": {}}, "required": ["b", "a", "a", 7]}),
            json!({"type": "object", "properties": {"a": {}}, "required": ["a"]}),
        ),
        (
            "14: nothing required",
            json!({"type": "object", "properties": {"a": {}}, "required": ["b"], "propertyOrdering": ["b", "a"]}),
            json!({"type": "object", "properties": {"a": {}}, "propertyOrdering": ["a"]}),
        ),
        (
            "14: items",
            json!({"type": "array"}),
            json!({"type": "array", "items": {"type": "string"}}),
        ),
    ] {
        for profile in [PUBLIC, ENVELOPE] {
            let (cleaned, is_required) = clean_property(&schema, profile);
            assert_eq!(cleaned, expected, "{step}, {profile:?}");
            assert!(is_required, "{step}, {profile:?}");
        }
    }
}

#[test]
fn where_the_profiles_differ() {
    let pair = json!([{"type": "integer"}, {"type": "string"}]);
    for (step, schema, public, envelope) in [
        (
            "1: tuple",
            json!({"type": "array", "items": pair}),
            json!({"type": "array", "prefixItems": pair}),
            json!({"type": "array", "items": {"type": "integer"}}),
        ),
        (
            "1: tuple of 2020",
            json!({"type": "array", "prefixItems": pair, "items": false}),
            json!({"type": "array", "prefixItems": pair}),
            json!({"type": "array", "items": {"type": "integer"}}),
        ),
        (
            "13: nullable",
            json!({"type": "string", "nullable": true, "title": "T"}),
            json!({"type": "string"}),
            json!({"type": "string", "nullable": true}),
        ),
    ] {
        assert_eq!(clean_property(&schema, PUBLIC), (public, true), "{step}");
        assert_eq!(
            clean_property(&schema, ENVELOPE),
            (envelope, true),
            "{step}"
        );
    }
}

#[test]
fn what_may_be_null_is_not_required() {
    for (schema, expected) in [
        (
            json!({"type": ["null", "string"], "description": "d"}),
            json!({"type": "string", "description": "d (nullable)"}),
        ),
        (
            json!({"type": ["string", "null"]}),
            json!({"type": "string", "description": "(nullable)"}),
        ),
        (
            json!({"description": "d", "anyOf": [{"type": ["string", "null"]}]}),
            json!({"type": "string", "description": "d (nullable)"}),
        ),
        (
            json!({"type": ["null"]}),
            json!({"type": "string", "description": "(nullable)"}),
        ),
        (
            json!({"type": ["integer", "null", "string"]}),
            json!({"type": "integer", "description": "Accepts: integer | string (nullable)"}),
        ),
        (
            json!({"type": ["string", "null"], "enum": ["a", null]}),
            json!({"type": "string", "enum": ["a"], "description": "(nullable)"}),
        ),
        (
            json!({"enum": [1, 2, null]}),
            json!({"type": "string", "enum": ["1", "2"], "description": "Allowed: 1, 2 (nullable)"}),
        ),
    ] {
        assert_eq!(
            clean_property(&schema, PUBLIC),
            (expected, false),
            "{schema}"
        );
        assert!(!clean_property(&schema, ENVELOPE).1, "{schema}");
    }
    let (cleaned, _) = clean_property(&json!({"enum": ["a", null]}), ENVELOPE);
    assert_eq!(cleaned["nullable"], true);
}

#[test]
fn a_property_may_have_any_name() {
    for name in [
        "title",
        "format",
        "properties",
        "const",
        "$ref",
        "$defs",
        "x-y",
        "type",
        "enum",
        "items",
        "required",
        "default",
        "description",
        "anyOf",
        "allOf",
        "not",
        "if",
        "additionalProperties",
        "$schema",
        "deprecated",
        "nullable",
        "reason",
        "_",
    ] {
        let plain = json!({"type": "string", "description": "d"});
        let nested = json!({"type": "object", "properties": {name: plain}, "required": [name]});
        let schema = json!({"type": "object", "properties": {name: nested}, "required": [name]});
        for profile in [PUBLIC, ENVELOPE, VALIDATED] {
            assert_eq!(clean(&schema, profile), schema, "{name}, {profile:?}");
        }
    }
}

#[test]
fn references_are_put_in() {
    let schema = json!({
        "type": "object",
        "properties": {
            "a": {"$ref": "#/$defs/Size", "description": "own", "required": true},
            "b": {"$ref": "#/%24defs/Alias"},
            "c": {"$ref": "#/definitions/a~1b"},
            "d": {"$ref": "#/$defs/Any"},
        },
        "$defs": {
            "Size": {"enum": ["s", "m"], "description": "theirs", "title": "Size"},
            "Alias": {"$ref": "#/$defs/Size"},
            "Any": true,
        },
        "definitions": {"a/b": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}},
    });
    let expected = json!({
        "type": "object",
        "properties": {
            "a": {"type": "string", "enum": ["s", "m"], "description": "own (Allowed: s, m)"},
            "b": {"type": "string", "enum": ["s", "m"], "description": "theirs (Allowed: s, m)"},
            "c": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]},
            "d": {},
        },
        "required": ["a"],
    });
    assert_eq!(clean(&schema, PUBLIC), expected);
}

#[test]
fn recursive_references_end_after_one_level() {
    let node = json!({
        "type": "object",
        "properties": {"left": {"$ref": "#/$defs/Node", "description": "smaller"}, "right": {"$ref": "#/$defs/Node"}},
        "required": ["left"],
    });
    let inlined = json!({
        "type": "object",
        "properties": {
            "left": {"type": "object", "description": "smaller (See: Node)"},
            "right": {"type": "object", "description": "See: Node"},
        },
        "required": ["left"],
    });
    let schema = json!({"type": "object", "properties": {"tree": {"$ref": "#/$defs/Node"}}, "$defs": {"Node": node}});
    assert_eq!(clean(&schema, PUBLIC)["properties"]["tree"], inlined);
    let schema = json!({"$ref": "#/$defs/Node", "$defs": {"Node": node}});
    assert_eq!(clean(&schema, PUBLIC), inlined);
    let schema = json!({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}});
    assert_eq!(
        clean(&schema, PUBLIC),
        json!({"type": "object", "properties": {}, "description": "See: A"}),
    );
}

#[test]
fn references_that_multiply_are_bounded() {
    let twice = |name: String| {
        let next = json!({"$ref": format!("#/$defs/{name}")});
        json!({"type": "object", "properties": {"a": next, "b": next}})
    };
    let mut defs: Map<String, Value> = (0..50)
        .map(|link| (format!("L{link}"), twice(format!("L{}", link + 1))))
        .collect();
    defs.insert("L50".to_owned(), json!({"type": "string"}));
    let schema = json!({"$ref": "#/$defs/L0", "$defs": defs});
    let cleaned = clean(&schema, PUBLIC).to_string();
    assert!(cleaned.len() < 4 * EXPANSION, "{}", cleaned.len());
    assert!(cleaned.contains("See: L"));

    let long = json!({"description": "d".repeat(EXPANSION / 2)});
    let schema = json!({"properties": {"a": {"$ref": "#/$defs/D"}, "b": {"$ref": "#/$defs/D"}}, "$defs": {"D": long}});
    let cleaned = clean(&schema, PUBLIC);
    assert_eq!(cleaned["properties"]["a"], long);
    assert_eq!(cleaned["properties"]["b"]["description"], "See: D");
}

#[test]
fn what_is_too_deep_loses_what_it_holds() {
    let mut schema = json!({"type": "string"});
    for _ in 0..DEPTH + 10 {
        schema = json!({"type": "object", "properties": {"a": schema}});
    }
    for profile in [PUBLIC, ENVELOPE, VALIDATED] {
        let cleaned = clean(&schema, profile);
        let mut node = &cleaned;
        let mut depth = 0;
        while let Some(next) = node
            .get("properties")
            .and_then(|properties| properties.get("a"))
        {
            node = next;
            depth += 1;
        }
        assert_eq!((depth, &node["type"]), (DEPTH, &json!("object")));
        assert_eq!(clean(&cleaned, profile), cleaned);
    }
}

#[test]
fn the_stack_of_a_worker_is_enough() {
    let mut schema = json!({"type": "string"});
    let mut arguments = json!("a");
    for _ in 0..DEPTH + 10 {
        schema = json!({"anyOf": [{"properties": {"a": schema}}]});
        arguments = json!({"a": arguments});
    }
    let worker = std::thread::Builder::new()
        .stack_size(256 * 1024)
        .spawn(move || {
            let cleaned = clean(&schema, VALIDATED);
            (
                cleaned,
                restore(arguments, &schema, Profile::Envelope { validated: true }),
            )
        });
    assert!(worker.unwrap().join().is_ok());
}

#[test]
fn the_root_is_an_object_unless_it_says_otherwise() {
    let empty = json!({"type": "object", "properties": {}});
    for schema in [
        json!(null),
        json!(true),
        json!({}),
        json!([]),
        json!({"type": "object", "properties": null}),
    ] {
        assert_eq!(clean(&schema, PUBLIC), empty, "{schema}");
    }
    for (schema, kind) in [
        (json!({"items": {}}), "array"),
        (json!({"const": 1}), "string"),
        (json!({"anyOf": [{"type": "integer"}]}), "integer"),
        (json!({"properties": {"a": {}}}), "object"),
    ] {
        assert_eq!(clean(&schema, PUBLIC)["type"], kind, "{schema}");
    }
}

#[test]
fn validated_models_get_placeholders() {
    let reason =
        json!({"type": "object", "properties": {"reason": reason()}, "required": ["reason"]});
    let optional = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let blank = json!({"type": "object", "properties": {"a": {"type": "string"}, "_": {"type": "boolean"}}, "required": ["_"]});
    let parent = |child: &Value| json!({"type": "object", "properties": {"p": child}});
    for (schema, expected) in [
        (json!({}), reason.clone()),
        (json!({"type": "object", "properties": {}}), reason.clone()),
        (optional.clone(), optional.clone()),
        (parent(&json!({"type": "object"})), parent(&reason)),
        (parent(&optional), parent(&blank)),
        (parent(&json!({})), parent(&json!({}))),
    ] {
        assert_eq!(clean(&schema, VALIDATED), expected, "{schema}");
        assert_eq!(clean(&expected, VALIDATED), expected);
    }
    // Another model is told nothing of them.
    assert_eq!(
        clean(&reason, PUBLIC),
        json!({"type": "object", "properties": {}})
    );
    assert_eq!(clean(&parent(&blank), PUBLIC), parent(&optional));
    assert_eq!(clean(&parent(&blank), ENVELOPE), parent(&blank));
    let own = json!({"type": "object", "properties": {"reason": {"type": "string"}}, "required": ["reason"]});
    assert_eq!(clean(&own, PUBLIC), own);
}
