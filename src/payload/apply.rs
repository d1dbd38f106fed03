//! What the rules make of a body.

use std::borrow::Cow;

use serde_json::Value;

use super::edit;
use super::path::Path;
use super::read;
use super::rules::{Condition, Row, Rule, Section};

/// The rules that concern a request, each with its rows that do.
#[derive(Debug, Default)]
pub struct Selected<'r>(pub(super) Vec<(&'r Rule, Vec<&'r Row>)>);

impl Selected<'_> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The body as the rules want it; the very same where they change nothing. One that is no JSON is not
    /// touched.
    pub fn apply<'b>(&self, body: &'b [u8]) -> Cow<'b, [u8]> {
        let Ok(sent) = std::str::from_utf8(body) else {
            return Cow::Borrowed(body);
        };
        let mut now = Cow::Borrowed(sent);
        // Of all defaults for a path the first that could be written counts (`spec/config.md` 3.2).
        let mut claimed: Vec<&Path> = Vec::new();
        for (rule, rows) in &self.0 {
            if !rows.iter().any(|row| row.holds(&now)) {
                continue;
            }
            for change in &rule.edits {
                let path = &change.path;
                let changed = match rule.section {
                    Section::Default | Section::DefaultRaw => {
                        if claimed.contains(&path) || read::exists(sent, path) {
                            continue;
                        }
                        let changed = edit::set(&now, path, &change.value);
                        if changed.is_some() {
                            claimed.push(path);
                        }
                        changed
                    }
                    Section::Override | Section::OverrideRaw => {
                        edit::set(&now, path, &change.value)
                    }
                    Section::Filter => edit::delete(&now, path),
                };
                if let Some(changed) = changed.filter(|changed| *changed != now) {
                    now = Cow::Owned(changed);
                }
            }
        }
        match now {
            Cow::Borrowed(_) => Cow::Borrowed(body),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        }
    }
}

impl Row {
    fn holds(&self, text: &str) -> bool {
        self.conditions.iter().all(|condition| match condition {
            Condition::Is(path, wanted) => is(text, path, wanted),
            Condition::IsNot(path, wanted) => !is(text, path, wanted),
            Condition::Exists(path) => has(text, path),
            Condition::Lacks(path) => !has(text, path),
        })
    }
}

fn has(text: &str, path: &Path) -> bool {
    read::get(text, path).is_some_and(|value| value != "null")
}

fn is(text: &str, path: &Path, wanted: &str) -> bool {
    let Some(found) = read::get(text, path) else {
        return false;
    };
    if found == wanted {
        return true;
    }
    let values = serde_json::from_str(&found).and_then(|a| Ok((a, serde_json::from_str(wanted)?)));
    match values {
        // 1 and 1.0 are one number.
        Ok((Value::Number(a), Value::Number(b))) => a.as_f64() == b.as_f64(),
        Ok((a, b)) => a == b,
        Err(_) => false,
    }
}
