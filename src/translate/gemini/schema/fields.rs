//! The properties of a clean object, what it requires, and its placeholders.

use serde_json::{Map, Value};

use super::profile::Profile;

/// A property of an object without properties, which models in validated mode do not call.
pub const REASON: &str = "reason";
pub const REASON_DESCRIPTION: &str = "Brief explanation of why you are calling this tool";
/// A property of a nested object that requires none of its properties, for the same reason.
pub const BLANK: &str = "_";

/// The properties of an object.
pub struct Fields {
    pub properties: Option<Map<String, Value>>,
    pub required: Vec<String>,
    pub ordering: Vec<Value>,
}

impl Fields {
    /// Requires existing properties only, and adds or removes placeholders.
    pub fn settle(&mut self, profile: Profile, is_root: bool) {
        self.keep_existing();
        match profile {
            Profile::Public => self.remove_placeholders(),
            Profile::Envelope { validated: true } => self.add_placeholders(is_root),
            // These upstreams refuse an empty list of properties.
            Profile::Envelope { validated: false } => {
                self.properties = self.properties.take().filter(|list| !list.is_empty());
            }
        }
        self.keep_existing();
    }

    fn keep_existing(&mut self) {
        let Some(properties) = &self.properties else {
            self.required.clear();
            self.ordering.clear();
            return;
        };
        self.required.retain(|name| properties.contains_key(name));
        self.ordering.retain(|name| {
            name.as_str()
                .is_some_and(|name| properties.contains_key(name))
        });
    }

    fn add_placeholders(&mut self, is_root: bool) {
        let properties = self.properties.get_or_insert_default();
        if properties.is_empty() {
            properties.insert(REASON.to_owned(), reason());
            self.required = vec![REASON.to_owned()];
        } else if !is_root && self.required.is_empty() && !properties.contains_key(BLANK) {
            properties.insert(BLANK.to_owned(), blank());
            self.required = vec![BLANK.to_owned()];
        }
    }

    /// Removes the placeholders that an earlier cleaning for another model has added.
    fn remove_placeholders(&mut self) {
        let Some(properties) = &mut self.properties else {
            return;
        };
        let [required] = self.required.as_slice() else {
            return;
        };
        let is_placeholder = match required.as_str() {
            REASON => properties.len() == 1 && properties.get(REASON) == Some(&reason()),
            BLANK => properties.get(BLANK) == Some(&blank()),
            _ => false,
        };
        if is_placeholder {
            properties.remove(required);
        }
    }

    pub fn write(self, out: &mut Map<String, Value>) {
        if let Some(properties) = self.properties {
            out.insert("properties".to_owned(), properties.into());
        }
        if !self.required.is_empty() {
            out.insert("required".to_owned(), self.required.into());
        }
        if !self.ordering.is_empty() {
            out.insert("propertyOrdering".to_owned(), self.ordering.into());
        }
    }
}

/// The schema of [`REASON`].
pub fn reason() -> Value {
    Value::Object(Map::from_iter([
        ("type".to_owned(), "string".into()),
        ("description".to_owned(), REASON_DESCRIPTION.into()),
    ]))
}

/// The schema of [`BLANK`].
pub fn blank() -> Value {
    Value::Object(Map::from_iter([("type".to_owned(), "boolean".into())]))
}
