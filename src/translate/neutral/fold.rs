//! Schemas of tools whose root is no plain object, for vendors that take nothing else.
//!
//! What such a root says in `oneOf`, `anyOf`, `allOf` and `$ref` becomes one object. Every object that the schema
//! allows is allowed by that object too; it may allow more, and says in words what it could not say otherwise.

use serde_json::{Map, Value, json};

use super::Json;
use super::json_text::MOST_TREE;
use super::schema::{plain, without_dialect};
use crate::json::{self, Scanner};
use crate::wire::Dialect;

/// What no vendor but Google takes at the root. Anthropic: "input_schema does not support oneOf, allOf, or anyOf at
/// the top level" (issue 5973 of anthropics/claude-code); without a type there, as beside a `$ref`,
/// "input_schema.type: Field required".
const COMBINED: [&str; 4] = ["$ref", "allOf", "anyOf", "oneOf"];

/// What OpenAI does not take there beside: "schema must have type 'object' and not have
/// 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level" (issue 9804 of langchain-ai/langchainjs).
const OPENAIS: [&str; 2] = ["enum", "not"];

/// The longest schema that is folded for upstreams that need not be OpenAI, bytes. A longer one stays as it is.
const MOST_OPENAI: usize = 64 * 1024;

/// How deep schemas that are combined stand in each other. Each step may nest what comes of it three levels deeper, and a
/// text of more than 128 levels is read by nobody.
const DEPTH: usize = 24;

/// How deep references are looked for.
const REFERENCES: usize = 128;

/// What is said in words is at most so long, bytes.
const WORDS: usize = 512;

/// The schema of a tool as `upstream` takes it; none where that would take too large a tree.
pub fn object(schema: &Json, upstream: Dialect) -> Option<Json> {
    let plain = match upstream {
        Dialect::Responses => without_dialect(schema),
        _ => plain(schema),
    };
    let is_openai = matches!(upstream, Dialect::Chat | Dialect::Responses);
    let refused = |key: &str| COMBINED.contains(&key) || (is_openai && OPENAIS.contains(&key));
    if is_object(plain.as_str(), &refused) {
        return Some(plain);
    }
    if is_openai && plain.as_str().len() > MOST_OPENAI {
        return Some(plain);
    }
    let tree = plain.tree()?;
    drop(plain);
    Some(folded(&tree, &refused).into())
}

/// The largest tree that [`object`] makes for an upstream, bytes of its text.
pub fn most_tree(upstream: Dialect) -> usize {
    match upstream {
        Dialect::Chat | Dialect::Responses => MOST_OPENAI,
        Dialect::Messages | Dialect::Gemini => MOST_TREE,
    }
}

/// Whether the root is an object and says nothing that is refused.
fn is_object(schema: &str, refused: &impl Fn(&str) -> bool) -> bool {
    let mut is_object = false;
    let mut is_refused = false;
    let read = Scanner::over(schema).object(|scanner, key| {
        let (value, _) = scanner.value()?;
        let key = key.decode();
        is_refused |= refused(&key);
        if let (json::Value::String(kind), "type") = (value, &*key) {
            is_object = kind.decode() == "object";
        }
        Ok(())
    });
    read.is_ok() && is_object && !is_refused
}

fn folded(root: &Value, refused: &impl Fn(&str) -> bool) -> Value {
    let mut folder = Folder {
        root,
        left: MOST_TREE,
    };
    let shape = folder.shape(root, 0).unwrap_or_else(Shape::anything);
    let mut object = root.as_object().cloned().unwrap_or_default();
    let mut gone = Map::new();
    object.retain(|key, value| {
        let stays = !refused(key);
        if !stays && key != "$ref" {
            gone.insert(key.to_owned(), value.take());
        }
        stays
    });
    object.insert("type".to_owned(), "object".into());
    object.insert("properties".to_owned(), shape.properties.into());
    match shape.required.is_empty() {
        true => object.shift_remove("required"),
        false => object.insert("required".to_owned(), shape.required.into()),
    };
    if !object
        .get("additionalProperties")
        .is_some_and(Value::is_object)
    {
        object.shift_remove("additionalProperties");
    }
    if !shape.is_open {
        object.insert("additionalProperties".to_owned(), false.into());
    }
    // It would see less than it did.
    object.shift_remove("unevaluatedProperties");
    in_words(gone, &mut object);
    with_root(object, root)
}

/// Sees to it that references to the root, and into it, still mean what they meant: it becomes a definition.
fn with_root(mut object: Map<String, Value>, root: &Value) -> Value {
    let is_taken = |name: &str| root.pointer(&format!("/$defs/{name}")).is_some();
    let mut name = "root".to_owned();
    while is_taken(&name) {
        name.push('_');
    }
    let mut mover = Mover {
        root,
        place: format!("#/$defs/{name}"),
        has_moved: false,
    };
    for schema in object.values_mut() {
        mover.redirect(schema, 1);
    }
    if mover.has_moved {
        let mut copy = root.clone();
        if let Value::Object(members) = &mut copy {
            members.shift_remove("$defs");
            members.shift_remove("definitions");
        }
        mover.redirect(&mut copy, 1);
        let definitions = object.entry("$defs").or_insert_with(|| json!({}));
        if let Value::Object(definitions) = definitions {
            definitions.insert(name, copy);
        }
    }
    object.into()
}

struct Mover<'a> {
    root: &'a Value,
    place: String,
    has_moved: bool,
}

impl Mover<'_> {
    fn redirect(&mut self, schema: &mut Value, depth: usize) {
        if depth > REFERENCES {
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
                    self.has_moved = true;
                }
                for (key, value) in members {
                    if !["const", "default", "enum", "examples"].contains(&key.as_str()) {
                        self.redirect(value, depth + 1);
                    }
                }
            }
            Value::Array(list) => {
                for schema in list {
                    self.redirect(schema, depth + 1);
                }
            }
            _ => {}
        }
    }
}

/// Says in the description what the root said, where it is short.
fn in_words(gone: Map<String, Value>, object: &mut Map<String, Value>) {
    let words = Value::Object(gone).to_string();
    if words.len() > WORDS || words == "{}" {
        return;
    }
    let description = match object.get("description").and_then(Value::as_str) {
        Some(before) => format!("{before} (Must match: {words})"),
        None => format!("Must match: {words}"),
    };
    object.insert("description".to_owned(), description.into());
}

fn pointer(reference: &str) -> Option<&str> {
    reference.strip_prefix('#')
}

/// What a schema says of objects.
#[derive(Debug)]
struct Shape {
    properties: Map<String, Value>,
    required: Vec<String>,
    /// Whether there may be other members.
    is_open: bool,
}

impl Shape {
    fn anything() -> Self {
        Self {
            properties: Map::new(),
            required: Vec::new(),
            is_open: true,
        }
    }

    /// What is allowed by all of these.
    fn all_of(mut shapes: Vec<Self>) -> Self {
        if shapes.len() == 1 {
            return shapes.pop().unwrap_or_else(Self::anything);
        }
        let closed = shapes.iter().filter(|shape| !shape.is_open).count();
        let mut all = Members::default();
        let mut required = Vec::new();
        for shape in shapes {
            for name in shape.required {
                if !required.contains(&name) {
                    required.push(name);
                }
            }
            all.add(shape.properties, !shape.is_open);
        }
        let properties = all.0.into_iter().filter_map(|(name, member)| {
            // Where another one names it not and takes no others, there is none.
            let is_allowed = member.marked == closed;
            is_allowed.then(|| (name, together("allOf", member.schemas)))
        });
        Self {
            properties: properties.collect(),
            required,
            is_open: closed == 0,
        }
    }

    /// What is allowed by at least one of these; none where there is none.
    fn any_of(mut shapes: Vec<Self>) -> Option<Self> {
        if shapes.len() < 2 {
            return shapes.pop();
        }
        let open = shapes.iter().filter(|shape| shape.is_open).count();
        let mut required = shapes.first().map(|shape| shape.required.clone())?;
        required.retain(|name| shapes.iter().all(|shape| shape.required.contains(name)));
        let mut any = Members::default();
        for shape in shapes {
            any.add(shape.properties, shape.is_open);
        }
        let properties = any.0.into_iter().map(|(name, mut member)| {
            // Where another one names it not, it may be anything.
            if member.marked < open {
                member.push(json!({}));
            }
            (name, together("anyOf", member.schemas))
        });
        Some(Self {
            properties: properties.collect(),
            required,
            is_open: open > 0,
        })
    }
}

/// The members of several shapes, in their order.
#[derive(Default)]
struct Members(
    Vec<(String, Member)>,
    std::collections::HashMap<String, usize>,
);

#[derive(Default)]
struct Member {
    schemas: Vec<Value>,
    /// Of the shapes that name it, those that are marked.
    marked: usize,
}

impl Members {
    fn add(&mut self, properties: Map<String, Value>, is_marked: bool) {
        for (name, schema) in properties {
            let at = match self.1.get(&name) {
                Some(at) => *at,
                None => {
                    self.1.insert(name.clone(), self.0.len());
                    self.0.push((name, Member::default()));
                    self.0.len() - 1
                }
            };
            if let Some((_, member)) = self.0.get_mut(at) {
                member.push(schema);
                member.marked += usize::from(is_marked);
            }
        }
    }
}

impl Member {
    fn push(&mut self, schema: Value) {
        /// Beyond, it is not looked whether one is there already.
        const LOOKED_AT: usize = 64;
        if self.schemas.len() > LOOKED_AT || !self.schemas.contains(&schema) {
            self.schemas.push(schema);
        }
    }
}

fn together(keyword: &str, mut schemas: Vec<Value>) -> Value {
    match schemas.len() {
        0 => json!({}),
        1 => schemas.pop().unwrap_or_default(),
        _ => json!({keyword: schemas}),
    }
}

struct Folder<'a> {
    root: &'a Value,
    /// Bytes that may still be looked at: references can name the same again and again. What is beyond may be
    /// anything.
    left: usize,
}

impl Folder<'_> {
    /// What a schema says of objects; none where it allows none.
    fn shape(&mut self, schema: &Value, depth: usize) -> Option<Shape> {
        let members = match schema {
            Value::Bool(false) => return None,
            Value::Object(members) => members,
            _ => return Some(Shape::anything()),
        };
        if !allows_objects(members.get("type")) {
            return None;
        }
        let properties = members.get("properties").and_then(Value::as_object);
        let weight = 64 + properties.map_or(0, |properties| properties.values().map(weight).sum());
        if depth > DEPTH || weight > self.left {
            return Some(Shape::anything());
        }
        self.left -= weight;
        let names = members.get("required").and_then(Value::as_array);
        let names = names.into_iter().flatten();
        let has_patterns = members.contains_key("patternProperties");
        let own = Shape {
            properties: properties.into_iter().flatten().map(as_object).collect(),
            required: names.filter_map(Value::as_str).map(str::to_owned).collect(),
            is_open: has_patterns
                || members.get("additionalProperties") != Some(&Value::Bool(false)),
        };
        let mut all = vec![own];
        if let Some(reference) = members.get("$ref").and_then(Value::as_str)
            && let Some(target) = pointer(reference).and_then(|path| self.root.pointer(path))
        {
            all.push(self.shape(target, depth + 1)?);
        }
        for schema in list(members.get("allOf")) {
            all.push(self.shape(schema, depth + 1)?);
        }
        for key in ["anyOf", "oneOf"] {
            let branches = list(members.get(key));
            if !branches.is_empty() {
                let shapes = branches.iter();
                let shapes = shapes.filter_map(|schema| self.shape(schema, depth + 1));
                let shapes = shapes.collect();
                all.push(Shape::any_of(shapes)?);
            }
        }
        Some(Shape::all_of(all))
    }
}

fn list(schemas: Option<&Value>) -> &[Value] {
    schemas.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn allows_objects(kind: Option<&Value>) -> bool {
    let is_object = |kind: &Value| {
        let kind = kind.as_str();
        kind.is_none_or(|kind| kind.eq_ignore_ascii_case("object"))
    };
    match kind {
        Some(Value::Array(kinds)) => kinds.iter().any(is_object),
        Some(kind) => is_object(kind),
        None => true,
    }
}

/// Vendors want objects for schemas.
fn as_object((name, schema): (&String, &Value)) -> (String, Value) {
    let schema = match schema {
        Value::Bool(true) => json!({}),
        Value::Bool(false) => json!({"not": {}}),
        other => other.clone(),
    };
    (name.clone(), schema)
}

/// About how many bytes a schema takes.
fn weight(schema: &Value) -> usize {
    const EACH: usize = 8;
    EACH + match schema {
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(weight).sum(),
        Value::Object(members) => {
            let members = members.iter();
            members
                .map(|(name, value)| name.len() + weight(value))
                .sum()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
}
