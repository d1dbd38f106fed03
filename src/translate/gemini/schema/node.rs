//! A schema node as written: its keywords and its properties.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A value of the keyword `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Object,
    Array,
    String,
    Number,
    Integer,
    Boolean,
    Null,
}

/// The keywords of a schema object and of those that it refers to; the first of a name counts.
#[derive(Debug, Default)]
pub struct Node<'a> {
    keywords: BTreeMap<&'a str, &'a Value>,
    properties: Option<Vec<(&'a str, &'a Value)>>,
    required: Vec<&'a str>,
}

/// Keywords whose value may look like a schema without being a property.
const HOLD_OBJECTS: [&str; 32] = [
    "$defs",
    "$vocabulary",
    "additionalItems",
    "additionalProperties",
    "const",
    "contains",
    "contentSchema",
    "default",
    "definitions",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "discriminator",
    "else",
    "encrypted",
    "enumDescriptions",
    "enumTitles",
    "example",
    "examples",
    "externalDocs",
    "if",
    "items",
    "not",
    "patternProperties",
    "prefill",
    "prefixItems",
    "properties",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
    "xml",
];

impl Kind {
    const ALL: [Self; 7] = [
        Self::Object,
        Self::Array,
        Self::String,
        Self::Number,
        Self::Integer,
        Self::Boolean,
        Self::Null,
    ];

    /// Gemini's schemas have types in upper case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| name.eq_ignore_ascii_case(kind.name()))
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Null => "null",
        }
    }

    /// The types in the value of the keyword `type`, each once.
    pub fn read(value: Option<&Value>) -> Vec<Self> {
        let names = match value {
            Some(Value::Array(names)) => names.as_slice(),
            Some(name) => std::slice::from_ref(name),
            None => &[],
        };
        let mut kinds = Vec::new();
        for kind in names
            .iter()
            .filter_map(Value::as_str)
            .filter_map(Self::parse)
        {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        kinds
    }
}

impl<'a> Node<'a> {
    pub fn of(map: &'a Map<String, Value>) -> Self {
        let mut node = Self::default();
        node.add(map);
        node
    }

    /// Adds the keywords of `map` after the present ones.
    pub fn add(&mut self, map: &'a Map<String, Value>) {
        let mut properties: Option<Vec<_>> = match map.get("properties") {
            Some(Value::Object(properties)) => Some(
                properties
                    .iter()
                    .map(|(name, value)| (name.as_str(), value))
                    .collect(),
            ),
            _ => None,
        };
        let is_bare = properties.is_none() && may_hold_properties(map);
        for (key, value) in map {
            if is_bare && is_property(key, value) {
                properties.get_or_insert_default().push((key, value));
            } else {
                self.keywords.entry(key).or_insert(value);
            }
        }
        if let Some(properties) = properties {
            self.properties.get_or_insert_default().extend(properties);
        }
        if let Some(Value::Array(names)) = map.get("required") {
            self.required.extend(names.iter().filter_map(Value::as_str));
        }
    }

    pub fn get(&self, keyword: &str) -> Option<&'a Value> {
        self.keywords.get(keyword).copied()
    }

    pub fn list(&self, keyword: &str) -> Option<&'a [Value]> {
        self.get(keyword)?.as_array().map(Vec::as_slice)
    }

    /// The value of a keyword if it is a string that is not empty.
    pub fn text(&self, keyword: &str) -> Option<&'a str> {
        self.get(keyword)?.as_str().filter(|text| !text.is_empty())
    }

    /// The schemas of the properties; `None` for a node without properties.
    pub fn properties(&self) -> Option<&[(&'a str, &'a Value)]> {
        self.properties.as_deref()
    }

    /// The names in `required`, which need not be properties.
    pub fn required(&self) -> &[&'a str] {
        &self.required
    }

    /// The allowed literals: `enum`, or else `const`.
    pub fn literals(&self) -> Option<&'a [Value]> {
        self.list("enum")
            .or_else(|| self.get("const").map(std::slice::from_ref))
    }
}

fn may_hold_properties(map: &Map<String, Value>) -> bool {
    let kinds = Kind::read(map.get("type"));
    kinds.is_empty() || kinds.contains(&Kind::Object)
}

/// Whether a member next to the keywords is a property that belongs under `properties`.
fn is_property(key: &str, value: &Value) -> bool {
    let Value::Object(value) = value else {
        return false;
    };
    !key.starts_with("x-")
        && !HOLD_OBJECTS.contains(&key)
        && (!Kind::read(value.get("type")).is_empty()
            || ["description", "$ref"]
                .iter()
                .any(|key| value.get(*key).is_some_and(Value::is_string))
            || ["enum", "anyOf", "oneOf", "allOf"]
                .iter()
                .any(|key| value.get(*key).is_some_and(Value::is_array))
            || ["properties", "items"]
                .iter()
                .any(|key| value.get(*key).is_some_and(Value::is_object))
            || value.contains_key("const"))
}
