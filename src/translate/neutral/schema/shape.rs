//! What a schema says of objects, its combinations merged.

use serde_json::{Map, Value, json};

use super::references::pointer;
use crate::translate::neutral::untranslatable::MOST_TREE;

/// How deep combinations are merged. Each level may nest the result three levels deeper, and common parsers refuse more
/// than 128 levels.
const DEPTH: usize = 24;

/// What a schema says of objects.
#[derive(Debug)]
pub struct Shape {
    pub properties: Map<String, Value>,
    pub required: Vec<String>,
    /// Whether other members are allowed.
    pub is_open: bool,
}

impl Shape {
    pub fn any_object() -> Self {
        Self {
            properties: Map::new(),
            required: Vec::new(),
            is_open: true,
        }
    }

    /// What all of these allow.
    fn all_of(mut shapes: Vec<Self>) -> Self {
        if shapes.len() == 1 {
            return shapes.pop().unwrap_or_else(Self::any_object);
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
            // A shape that does not declare it and allows no other members forbids it.
            let is_allowed = member.marked == closed;
            is_allowed.then(|| (name, combined("allOf", member.schemas)))
        });
        Self {
            properties: properties.collect(),
            required,
            is_open: closed == 0,
        }
    }

    /// What at least one of these allows; `None` for no shapes.
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
            // In an open shape that does not declare it, it may be anything.
            if member.marked < open {
                member.push(json!({}));
            }
            (name, combined("anyOf", member.schemas))
        });
        Some(Self {
            properties: properties.collect(),
            required,
            is_open: open > 0,
        })
    }
}

/// The members of several shapes, in order, and their indexes by name.
#[derive(Default)]
struct Members(
    Vec<(String, Member)>,
    std::collections::HashMap<String, usize>,
);

#[derive(Default)]
struct Member {
    schemas: Vec<Value>,
    /// How many of the shapes that declare it are marked.
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
        /// Beyond this number duplicates are not looked for.
        const COMPARED: usize = 64;
        if self.schemas.len() > COMPARED || !self.schemas.contains(&schema) {
            self.schemas.push(schema);
        }
    }
}

fn combined(keyword: &str, mut schemas: Vec<Value>) -> Value {
    match schemas.len() {
        0 => json!({}),
        1 => schemas.pop().unwrap_or_default(),
        _ => json!({keyword: schemas}),
    }
}

/// Reads the shape of a schema.
pub struct ShapeReader<'a> {
    root: &'a Value,
    /// Bytes that may still be read: references can name the same schema again and again. A schema beyond this budget
    /// counts as any object.
    budget: usize,
}

impl<'a> ShapeReader<'a> {
    pub fn new(root: &'a Value) -> Self {
        let budget = MOST_TREE;
        Self { root, budget }
    }

    /// The shape of a schema; `None` where it allows no objects.
    pub fn shape(&mut self, schema: &Value, depth: usize) -> Option<Shape> {
        let members = match schema {
            Value::Bool(false) => return None,
            Value::Object(members) => members,
            _ => return Some(Shape::any_object()),
        };
        if !allows_objects(members.get("type")) {
            return None;
        }
        let properties = members.get("properties").and_then(Value::as_object);
        let weight = 64 + properties.map_or(0, |properties| properties.values().map(weight).sum());
        if depth > DEPTH || weight > self.budget {
            return Some(Shape::any_object());
        }
        self.budget -= weight;
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

/// Vendors accept only objects as schemas.
fn as_object((name, schema): (&String, &Value)) -> (String, Value) {
    let schema = match schema {
        Value::Bool(true) => json!({}),
        Value::Bool(false) => json!({"not": {}}),
        other => other.clone(),
    };
    (name.clone(), schema)
}

/// About how many bytes a schema takes as JSON.
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
