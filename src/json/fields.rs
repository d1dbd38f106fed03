//! Taking members out of a JSON object without copying them.

use serde_json::{Map, Value};

/// Takes members by name and type; a member of another type is removed and counts as absent.
pub trait Fields {
    fn take(&mut self, key: &str) -> Option<Value>;

    /// Takes the first member that is present under any of these names.
    fn take_any(&mut self, keys: &[&str]) -> Option<Value> {
        let mut found = None;
        for key in keys {
            let value = self.take(key);
            found = found.or(value);
        }
        found
    }

    fn text(&mut self, key: &str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    fn text_or_empty(&mut self, key: &str) -> String {
        self.text(key).unwrap_or_default()
    }

    fn nonempty_text(&mut self, key: &str) -> Option<String> {
        self.text(key).filter(|text| !text.is_empty())
    }

    fn flag(&mut self, key: &str) -> Option<bool> {
        self.take(key)?.as_bool()
    }

    fn count(&mut self, key: &str) -> Option<u64> {
        let value = self.take(key)?;
        value.as_u64().or_else(|| {
            // Some clients write whole numbers as 10.0.
            let number = value.as_f64()?;
            (number >= 0.0 && number.fract() == 0.0 && number < 1e15).then_some(number as u64)
        })
    }

    fn number(&mut self, key: &str) -> Option<f64> {
        self.take(key)?.as_f64()
    }

    fn object(&mut self, key: &str) -> Option<Map<String, Value>> {
        object(self.take(key)?)
    }

    fn list(&mut self, key: &str) -> Vec<Value> {
        match self.take(key) {
            Some(Value::Array(list)) => list,
            _ => Vec::new(),
        }
    }
}

impl Fields for Map<String, Value> {
    fn take(&mut self, key: &str) -> Option<Value> {
        // The order of the remaining members does not matter.
        self.swap_remove(key).filter(|value| !value.is_null())
    }
}

pub fn object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

/// A list, or a single value in its place.
pub fn list_of(value: Value) -> Vec<Value> {
    match value {
        Value::Array(list) => list,
        other => vec![other],
    }
}

/// An object of these members, without spare capacity: a long conversation has thousands.
pub fn object_of<const N: usize>(members: [(&str, Value); N]) -> Value {
    let mut object = Map::with_capacity(N);
    for (key, value) in members {
        object.insert(key.to_owned(), value);
    }
    Value::Object(object)
}

/// Sets members of a value that is known to be an object.
pub trait Put {
    fn put(&mut self, key: &str, value: Value);
}

impl Put for Value {
    fn put(&mut self, key: &str, value: Value) {
        debug_assert!(self.is_object(), "{key} cannot be set in {self}");
        if let Self::Object(members) = self {
            members.insert(key.to_owned(), value);
        }
    }
}

/// Sets a member, if there is a value.
pub fn set(map: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        map.insert(key.to_owned(), value.into());
    }
}
