//! Members of a credential file, in the spellings that programs write.

use serde_json::{Map, Value};

/// The members of a file, and those of its `token`, which some programs nest.
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    top: &'a Map<String, Value>,
    token: Option<&'a Map<String, Value>>,
}

impl<'a> Fields<'a> {
    pub fn new(top: &'a Map<String, Value>) -> Self {
        Self {
            top,
            token: top.get("token").and_then(Value::as_object),
        }
    }

    /// The member of that name, or with hyphens instead of underscores.
    pub fn value(self, name: &str) -> Option<&'a Value> {
        let hyphenated = || self.top.get(&name.replace('_', "-"));
        let found = self.top.get(name).or_else(hyphenated);
        found.filter(|value| !value.is_null())
    }

    /// As [`Fields::value`], or the member of `token`.
    pub fn of_token(self, name: &str) -> Option<&'a Value> {
        let nested = || self.token.and_then(|token| token.get(name));
        self.value(name)
            .filter(|value| !is_blank(value))
            .or_else(nested)
    }

    /// A text that is not blank, without the white space around it.
    pub fn text(self, name: &str) -> Option<&'a str> {
        filled(self.value(name))
    }

    /// As [`Fields::text`], or of `token`.
    pub fn token_text(self, name: &str) -> Option<&'a str> {
        filled(self.of_token(name))
    }

    /// A switch: a boolean, the word for one, or a number.
    pub fn flag(self, name: &str) -> Option<bool> {
        match self.value(name)? {
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) => number.as_f64().map(|number| number != 0.0),
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Some(true),
                "false" | "0" | "no" | "off" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// A whole number, or a text that is one; fractions are cut off.
    pub fn integer(self, name: &str) -> Option<i64> {
        let number = number(self.value(name)?)?;
        // Saturates.
        Some(number as i64)
    }

    /// A list of texts, or one text with commas.
    pub fn texts(self, name: &str) -> Vec<String> {
        let split = |text: &str| -> Vec<String> {
            let parts = text.split(',').map(str::trim);
            parts
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect()
        };
        match self.value(name) {
            Some(Value::String(text)) => split(text),
            Some(Value::Array(items)) => {
                let texts = items.iter().filter_map(Value::as_str).map(str::trim);
                texts
                    .filter(|text| !text.is_empty())
                    .map(str::to_owned)
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}

/// A number, or a text that is one.
pub fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number: &f64| number.is_finite())
}

fn filled(value: Option<&Value>) -> Option<&str> {
    let text = value?.as_str()?.trim();
    (!text.is_empty()).then_some(text)
}

fn is_blank(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim().is_empty())
}
