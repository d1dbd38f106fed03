//! A schema node for Gemini, with fields only for what Gemini supports.

use std::collections::{BTreeSet, HashSet};
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::fields::Fields;
use super::node::Kind;
use super::profile::Profile;

/// For how many values the description lists an enumeration.
const LISTED_VALUES: RangeInclusive<usize> = 2..=10;

/// States that a value may be `null`.
const NULLABLE: &str = "(nullable)";

/// What the description states because Gemini has no keyword for it, or ignores it.
#[derive(Debug, PartialEq, Eq)]
pub enum Hint {
    /// The values of the draft.
    Allowed,
    Nullable,
    Text(String),
}

#[derive(Debug, Default)]
pub struct Draft {
    pub kind: Option<Kind>,
    pub description: Option<String>,
    pub hints: Vec<Hint>,
    pub values: Option<Vec<String>>,
    /// Clean schemas.
    pub properties: Option<Map<String, Value>>,
    /// Properties that may be `null`, which Gemini does not support; they are not required.
    pub optional: BTreeSet<String>,
    pub required: Vec<String>,
    pub ordering: Vec<Value>,
    pub items: Option<Value>,
    pub prefix_items: Vec<Value>,
    pub minimum: Option<Value>,
    pub maximum: Option<Value>,
    pub is_nullable: bool,
    /// `null` was one of its types or values.
    pub takes_null: bool,
}

impl Draft {
    /// The placeholder of a definition that is not expanded.
    pub fn see(name: &str, description: Option<&str>) -> Self {
        Self {
            kind: Some(Kind::Object),
            description: description.map(str::to_owned),
            hints: vec![Hint::Text(format!("See: {name}"))],
            ..Self::default()
        }
    }

    pub fn hint(&mut self, hint: String) {
        self.hints.push(Hint::Text(hint));
    }

    /// Allows `null`, which makes a property optional.
    pub fn take_null(&mut self) {
        self.takes_null = true;
        self.hints.push(Hint::Nullable);
    }

    /// Allows these values only. Gemini supports enumerations of strings only.
    pub fn allow(&mut self, values: Vec<String>) {
        let mut seen = HashSet::new();
        let values: Vec<_> = values
            .into_iter()
            .filter(|value| !value.is_empty() && seen.insert(value.clone()))
            .collect();
        if values.is_empty() {
            return;
        }
        self.hints.push(Hint::Allowed);
        self.kind = Some(Kind::String);
        self.values = Some(values);
    }

    pub fn has_property(&self, name: &str) -> bool {
        self.properties
            .as_ref()
            .is_some_and(|properties| properties.contains_key(name))
    }

    /// The first definition of a property stays.
    pub fn add_property(&mut self, name: &str, draft: Box<Self>, profile: Profile) {
        if self.has_property(name) {
            return;
        }
        if draft.takes_null {
            self.optional.insert(name.to_owned());
        }
        self.properties
            .get_or_insert_default()
            .insert(name.to_owned(), draft.write(profile));
    }

    /// The type of a schema that declares none.
    pub fn infer_kind(&mut self) {
        self.kind = self.kind.or(if self.properties.is_some() {
            Some(Kind::Object)
        } else if self.items.is_some() || !self.prefix_items.is_empty() {
            Some(Kind::Array)
        } else {
            None
        });
    }

    /// Adds the properties of a conditional branch; none of them is required.
    pub fn absorb_properties(&mut self, branch: Box<Self>) {
        let Some(properties) = branch.properties else {
            return;
        };
        let mut optional = branch.optional;
        let own = self.properties.get_or_insert_default();
        for (name, schema) in properties {
            if own.contains_key(&name) {
                continue;
            }
            if let Some(name) = optional.take(&name) {
                self.optional.insert(name);
            }
            own.insert(name, schema);
        }
    }

    /// Adds what another schema of the same value declares and this one does not.
    pub fn absorb(&mut self, mut member: Box<Self>) {
        if self.kind.is_none() {
            self.kind = member.kind;
            self.takes_null |= member.takes_null;
        }
        if self.values.is_none()
            && member.values.is_some()
            && !matches!(self.kind, Some(Kind::Object | Kind::Array))
        {
            self.kind = Some(Kind::String);
            self.values = member.values.take();
        } else {
            member.hints.retain(|hint| *hint != Hint::Allowed);
        }
        self.description = self.description.take().or(member.description.take());
        self.hints.append(&mut member.hints);
        self.required.append(&mut member.required);
        self.items = self.items.take().or(member.items.take());
        self.minimum = self.minimum.take().or(member.minimum.take());
        self.maximum = self.maximum.take().or(member.maximum.take());
        if self.prefix_items.is_empty() {
            self.prefix_items.append(&mut member.prefix_items);
        }
        if self.ordering.is_empty() {
            self.ordering.append(&mut member.ordering);
        }
        self.is_nullable |= member.is_nullable;
        self.absorb_properties(member);
    }

    /// Adds one of several branches: Gemini has no choice among schemas.
    #[inline(never)] // Inlined, its frame would be part of the recursion.
    pub fn choose(&mut self, branches: impl Iterator<Item = Box<Self>>) {
        let branches: Vec<Self> = branches.map(|branch| *branch).collect();
        self.infer_kind();
        let mut kinds = Vec::new();
        for kind in branches.iter().filter_map(|branch| branch.kind) {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        let best = if self.values.is_none() && is_enumeration(&branches) {
            Some(Self::union(branches))
        } else {
            first_highest(branches)
        };
        let Some(mut best) = best else { return };
        let description = best.describe();
        best.description = None;
        if let Some(description) = description
            && self.description.as_ref() != Some(&description)
        {
            self.hint(description);
        }
        // A branch may require properties of others; another branch need not.
        let Self {
            properties,
            required,
            ..
        } = &mut best;
        required.retain(|name| {
            properties
                .as_ref()
                .is_some_and(|own| own.contains_key(name))
        });
        self.absorb(Box::new(best));
        self.hint_kinds(&kinds);
    }

    /// States the accepted types if there are several.
    pub fn hint_kinds(&mut self, kinds: &[Kind]) {
        if kinds.len() > 1 {
            let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
            self.hint(format!("Accepts: {}", names.join(" | ")));
        }
    }

    /// One enumeration of the values of all branches.
    fn union(branches: Vec<Self>) -> Self {
        let mut union = Self {
            takes_null: branches.iter().any(|branch| branch.takes_null),
            ..Self::default()
        };
        union.allow(
            branches
                .into_iter()
                .filter_map(|branch| branch.values)
                .flatten()
                .collect(),
        );
        union
    }

    fn is_null(&self) -> bool {
        self.kind == Some(Kind::Null) || (self.kind.is_none() && self.takes_null)
    }

    fn score(&self) -> u8 {
        match self.kind {
            Some(Kind::Object) => 3,
            Some(Kind::Array) => 2,
            Some(Kind::Null) | None => 0,
            Some(_) => 1,
        }
    }

    /// The description, followed by the hints.
    fn describe(&mut self) -> Option<String> {
        let mut text = self.description.take().unwrap_or_default();
        let mut seen = HashSet::new();
        for hint in std::mem::take(&mut self.hints) {
            let hint = match hint {
                Hint::Allowed => match self.list_values() {
                    Some(hint) if !has_hint(&text, &hint) => hint,
                    _ => continue,
                },
                Hint::Nullable => NULLABLE.to_owned(),
                Hint::Text(hint) => hint,
            };
            if !seen.insert(hint.clone()) {
                continue;
            }
            if text.is_empty() || hint == NULLABLE {
                text.push_str(if text.is_empty() { "" } else { " " });
                text.push_str(&hint);
            } else {
                text.push_str(" (");
                text.push_str(&hint);
                text.push(')');
            }
        }
        (!text.is_empty()).then_some(text)
    }

    fn list_values(&self) -> Option<String> {
        let values = self.values.as_ref()?;
        LISTED_VALUES
            .contains(&values.len())
            .then(|| format!("Allowed: {}", values.join(", ")))
    }

    /// The root schema.
    pub fn write_root(mut self: Box<Self>, profile: Profile) -> Value {
        self.infer_kind();
        let kind = *self.kind.get_or_insert(Kind::Object);
        if kind == Kind::Object {
            self.properties.get_or_insert_default();
        }
        self.write_at(profile, true)
    }

    /// A nested schema.
    pub fn write(self: Box<Self>, profile: Profile) -> Value {
        self.write_at(profile, false)
    }

    fn write_at(mut self: Box<Self>, profile: Profile, is_root: bool) -> Value {
        self.infer_kind();
        let mut out = Map::new();
        if let Some(text) = self.describe() {
            out.insert("description".to_owned(), text.into());
        }
        if let Some(kind) = self.kind {
            out.insert("type".to_owned(), kind.name().into());
        }
        if let Some(values) = self.values {
            out.insert("enum".to_owned(), values.into());
        }
        if self.is_nullable && profile != Profile::Public {
            out.insert("nullable".to_owned(), true.into());
        }
        // Gemini refuses a keyword on a type that it does not belong to.
        match self.kind {
            Some(Kind::Object) => {
                let mut seen = HashSet::new();
                let mut fields = Fields {
                    required: self
                        .required
                        .into_iter()
                        .filter(|name| !self.optional.contains(name))
                        .filter(|name| seen.insert(name.clone()))
                        .collect(),
                    properties: self.properties,
                    ordering: self.ordering,
                };
                fields.settle(profile, is_root);
                fields.write(&mut out);
            }
            Some(Kind::Array) => {
                if self.prefix_items.is_empty() {
                    let items = self.items.unwrap_or_else(|| {
                        Value::Object(Map::from_iter([("type".to_owned(), "string".into())]))
                    });
                    out.insert("items".to_owned(), items);
                } else {
                    out.insert("prefixItems".to_owned(), self.prefix_items.into());
                    if let Some(items) = self.items {
                        out.insert("items".to_owned(), items);
                    }
                }
            }
            Some(Kind::Number | Kind::Integer) | None => {
                for (key, bound) in [("minimum", self.minimum), ("maximum", self.maximum)] {
                    if let Some(bound) = bound {
                        out.insert(key.to_owned(), bound);
                    }
                }
            }
            Some(Kind::String | Kind::Boolean | Kind::Null) => {}
        }
        Value::Object(out)
    }
}

/// Whether the branches are enumerations only.
fn is_enumeration(branches: &[Draft]) -> bool {
    let mut values = branches.iter().filter(|branch| !branch.is_null());
    values.clone().count() > 1 && values.all(|branch| branch.values.is_some())
}

fn first_highest(branches: Vec<Draft>) -> Option<Draft> {
    let mut branches = branches.into_iter();
    let mut best = branches.next()?;
    for branch in branches {
        if branch.score() > best.score() {
            best = branch;
        }
    }
    Some(best)
}

/// Whether `text` has the hint already: alone, first or in parentheses.
fn has_hint(text: &str, hint: &str) -> bool {
    text.match_indices(hint).any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default();
        let after = text.get(at + hint.len()..).unwrap_or_default();
        (before.is_empty() || before.ends_with('('))
            && (after.is_empty() || after.starts_with(')') || after.starts_with(" ("))
    })
}
