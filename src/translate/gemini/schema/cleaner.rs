//! Cleaning a schema.

use serde_json::{Map, Value};

use super::draft::Draft;
use super::node::{Kind, Node};
use super::profile::{DEPTH, Profile, text};
use super::reference::{self, References};

/// Keywords that Gemini does not support and that the description states with their values.
const DESCRIBED: [&str; 11] = [
    "minLength",
    "maxLength",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "format",
    "default",
    "examples",
];

/// `schema` in the form that Gemini supports; descriptions state what it does not support.
pub fn clean(schema: &Value, profile: Profile) -> Value {
    Cleaner::new(schema, profile).clean()
}

struct Cleaner<'a> {
    root: &'a Value,
    profile: Profile,
    references: References<'a>,
}

/// A definition that is named instead of expanded.
struct See<'a> {
    name: &'a str,
    description: Option<&'a str>,
}

impl<'a> Cleaner<'a> {
    pub fn new(root: &'a Value, profile: Profile) -> Self {
        Self {
            root,
            profile,
            references: References::new(root),
        }
    }

    pub fn clean(mut self) -> Value {
        self.draft(self.root, 0).write_root(self.profile)
    }

    /// The draft of a schema; empty for a boolean and for any other value.
    ///
    /// Drafts are boxed: on the stack, the recursion would take 190 KiB instead of 64.
    fn draft(&mut self, schema: &'a Value, depth: usize) -> Box<Draft> {
        let Value::Object(map) = schema else {
            return Box::default();
        };
        let mark = self.references.mark();
        let draft = match self.read(map) {
            Ok(node) => self.draft_node(&node, depth),
            Err(see) => Box::new(Draft::see(see.name, see.description)),
        };
        self.references.close(mark);
        draft
    }

    /// The keywords of a schema and of what it refers to.
    fn read(&mut self, map: &'a Map<String, Value>) -> Result<Node<'a>, See<'a>> {
        let mut node = Node::default();
        let mut next = Some(map);
        while let Some(map) = next {
            node.add(map);
            next = match map.get("$ref") {
                Some(Value::String(reference)) => match self.references.open(reference) {
                    Some(target) => target.as_object(),
                    None => {
                        return Err(See {
                            name: reference::name(reference),
                            description: node.text("description"),
                        });
                    }
                },
                _ => None,
            };
        }
        Ok(node)
    }

    fn draft_node(&mut self, node: &Node<'a>, depth: usize) -> Box<Draft> {
        let mut draft = own(node);
        if depth < DEPTH {
            self.take_fields(&mut draft, node, depth + 1);
            self.take_items(&mut draft, node, depth + 1);
            self.take_conditions(&mut draft, node, depth + 1);
            self.take_alternatives(&mut draft, node, depth + 1);
        } else if node.properties().is_some() {
            draft.kind = draft.kind.or(Some(Kind::Object));
        }
        draft.infer_kind();
        hint_types(&mut draft, node);
        draft
    }

    fn take_fields(&mut self, draft: &mut Draft, node: &Node<'a>, depth: usize) {
        let Some(properties) = node.properties() else {
            return;
        };
        draft.properties.get_or_insert_default();
        for (name, schema) in properties {
            if draft.has_property(name) {
                continue;
            }
            if schema.get("required") == Some(&Value::Bool(true)) {
                draft.required.push((*name).to_owned());
            }
            let property = self.draft(schema, depth);
            draft.add_property(name, property, self.profile);
        }
    }

    fn take_items(&mut self, draft: &mut Draft, node: &Node<'a>, depth: usize) {
        let tuple = node
            .list("prefixItems")
            .or(node.list("items"))
            .unwrap_or_default();
        let single = node.get("items").filter(|items| !items.is_array());
        if self.profile == Profile::Public {
            for item in tuple {
                let item = self.draft(item, depth).write(self.profile);
                draft.prefix_items.push(item);
            }
        }
        // A boolean next to a tuple closes it, which Gemini does not support.
        let items = match self.profile {
            Profile::Public => single.filter(|items| items.is_object() || tuple.is_empty()),
            Profile::Envelope { .. } => single
                .filter(|items| items.is_object())
                .or(tuple.first())
                .or(single),
        };
        draft.items = items.map(|items| self.draft(items, depth).write(self.profile));
    }

    fn take_conditions(&mut self, draft: &mut Draft, node: &Node<'a>, depth: usize) {
        for branch in ["then", "else"].into_iter().filter_map(|key| node.get(key)) {
            let branch = self.draft(branch, depth);
            draft.absorb_properties(branch);
        }
    }

    fn take_alternatives(&mut self, draft: &mut Draft, node: &Node<'a>, depth: usize) {
        for member in node.list("allOf").unwrap_or_default() {
            let member = self.draft(member, depth);
            draft.absorb(member);
        }
        for branches in ["anyOf", "oneOf"]
            .into_iter()
            .filter_map(|key| node.list(key))
        {
            let branches: Vec<_> = branches
                .iter()
                .map(|branch| self.draft(branch, depth))
                .collect();
            draft.choose(branches.into_iter());
        }
    }
}

/// The draft of a node without its nested schemas.
fn own(node: &Node) -> Box<Draft> {
    let bound = |key| node.get(key).filter(|bound| bound.is_number()).cloned();
    let names = node.required().iter();
    let mut draft = Box::new(Draft {
        kind: first_kind(node),
        description: node.text("description").map(str::to_owned),
        minimum: bound("minimum"),
        maximum: bound("maximum"),
        ordering: node.list("propertyOrdering").unwrap_or_default().to_vec(),
        required: names.map(|name| (*name).to_owned()).collect(),
        is_nullable: node.get("nullable") == Some(&Value::Bool(true)),
        ..Draft::default()
    });
    take_literals(&mut draft, node);
    take_hints(&mut draft, node);
    draft
}

/// The type; of several, the first that is not `null`.
fn first_kind(node: &Node) -> Option<Kind> {
    let value = node.get("type");
    let kinds = Kind::read(value);
    let named = kinds.iter().copied().find(|kind| *kind != Kind::Null);
    named.or(match kinds.first() {
        Some(_) if value.is_some_and(Value::is_array) => Some(Kind::String),
        kind => kind.copied(),
    })
}

fn hint_types(draft: &mut Draft, node: &Node) {
    let Some(Value::Array(_)) = node.get("type") else {
        return;
    };
    let mut kinds = Kind::read(node.get("type"));
    let takes_null = kinds.contains(&Kind::Null);
    kinds.retain(|kind| *kind != Kind::Null);
    if node.literals().is_none() {
        draft.hint_kinds(&kinds);
    }
    if takes_null {
        draft.take_null();
    }
}

fn take_literals(draft: &mut Draft, node: &Node) {
    let Some(literals) = node.literals() else {
        return;
    };
    let values = literals.iter().filter(|literal| !literal.is_null());
    draft.allow(values.map(text).collect());
    if literals.iter().any(Value::is_null) {
        draft.is_nullable = true;
        draft.take_null();
    }
}

fn take_hints(draft: &mut Draft, node: &Node) {
    if node.get("additionalProperties") == Some(&Value::Bool(false)) {
        draft.hint("No extra properties allowed".to_owned());
    }
    for key in DESCRIBED {
        let Some(value) = node.get(key) else { continue };
        if matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_)) {
            draft.hint(format!("{key}: {}", text(value)));
        }
    }
    if let Some(not) = node.get("not") {
        draft.hint(format!("Must not: {not}"));
    }
}
