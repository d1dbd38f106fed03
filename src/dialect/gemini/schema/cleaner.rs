//! The steps of cleaning, in the order of the specification.

use serde_json::{Map, Value};

use super::draft::Draft;
use super::node::{Kind, Node};
use super::reference::{self, References};
use super::{DEPTH, Profile, text};

/// Keywords that are told in the description, with their value.
const TOLD: [&str; 11] = [
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

pub struct Cleaner<'a> {
    root: &'a Value,
    profile: Profile,
    references: References<'a>,
}

/// A definition that is named instead of put in.
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

    /// What a schema says. Booleans, and what is no schema at all, say nothing.
    fn draft(&mut self, schema: &'a Value, depth: usize) -> Draft {
        let Value::Object(map) = schema else {
            return Draft::default();
        };
        let mark = self.references.mark();
        let draft = match self.read(map) {
            Ok(node) => self.draft_node(&node, depth),
            Err(see) => Draft::see(see.name, see.description),
        };
        self.references.close(mark);
        draft
    }

    /// Steps 1 and 2: the keys of a schema and of what it refers to.
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

    fn draft_node(&mut self, node: &Node<'a>, depth: usize) -> Draft {
        let mut draft = Draft {
            description: node.text("description").map(str::to_owned),
            minimum: node
                .get("minimum")
                .filter(|bound| bound.is_number())
                .cloned(),
            maximum: node
                .get("maximum")
                .filter(|bound| bound.is_number())
                .cloned(),
            ordering: node.list("propertyOrdering").unwrap_or_default().to_vec(),
            required: node
                .required()
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
            is_nullable: node.get("nullable") == Some(&Value::Bool(true)),
            ..Draft::default()
        };
        let kinds = Kind::read(node.get("type"));
        let named: Vec<_> = kinds
            .iter()
            .copied()
            .filter(|kind| *kind != Kind::Null)
            .collect();
        let is_list = node.get("type").is_some_and(Value::is_array);
        draft.kind = match (named.first(), kinds.first()) {
            (Some(kind), _) => Some(*kind),
            (None, Some(_)) if is_list => Some(Kind::String),
            (None, kind) => kind.copied(),
        };
        take_literals(&mut draft, node);
        take_hints(&mut draft, node);
        if depth < DEPTH {
            self.take_fields(&mut draft, node, depth + 1);
            self.take_items(&mut draft, node, depth + 1);
            self.take_conditions(&mut draft, node, depth + 1);
            self.take_alternatives(&mut draft, node, depth + 1);
        } else if node.properties().is_some() {
            draft.kind = draft.kind.or(Some(Kind::Object));
        }
        draft.infer_kind();
        if node.literals().is_none() {
            draft.hint_kinds(&named);
        }
        if is_list && kinds.contains(&Kind::Null) {
            draft.take_null();
        }
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
        // A boolean beside a tuple closes it, which Gemini cannot say.
        let items = match self.profile {
            Profile::Public => single.filter(|items| items.is_object() || tuple.is_empty()),
            Profile::Envelope { .. } => single
                .filter(|items| items.is_object())
                .or(tuple.first())
                .or(single),
        };
        draft.items = items.map(|items| self.draft(items, depth).write(self.profile));
    }

    /// The second half of step 8.
    fn take_conditions(&mut self, draft: &mut Draft, node: &Node<'a>, depth: usize) {
        for branch in ["then", "else"].into_iter().filter_map(|key| node.get(key)) {
            let branch = self.draft(branch, depth);
            draft.absorb_properties(branch);
        }
    }

    /// Steps 9 and 10.
    fn take_alternatives(&mut self, draft: &mut Draft, node: &Node<'a>, depth: usize) {
        for member in node.list("allOf").unwrap_or_default() {
            let member = self.draft(member, depth);
            draft.absorb(member);
        }
        for branches in ["anyOf", "oneOf"]
            .into_iter()
            .filter_map(|key| node.list(key))
        {
            let branches = branches
                .iter()
                .map(|branch| self.draft(branch, depth))
                .collect();
            draft.choose(branches);
        }
    }
}

/// Steps 3 to 5.
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

/// Steps 6 and 7, and `not` of step 8.
fn take_hints(draft: &mut Draft, node: &Node) {
    if node.get("additionalProperties") == Some(&Value::Bool(false)) {
        draft.hint("No extra properties allowed".to_owned());
    }
    for key in TOLD {
        let Some(value) = node.get(key) else { continue };
        if matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_)) {
            draft.hint(format!("{key}: {}", text(value)));
        }
    }
    if let Some(not) = node.get("not") {
        draft.hint(format!("Must not: {not}"));
    }
}
