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
    /// Whether all conditions hold for a reader who takes the first of equal members, or for one who takes the last.
    fn holds(&self, text: &str) -> bool {
        let mut both = [true; 2];
        for condition in &self.conditions {
            for (holds, now) in both.iter_mut().zip(condition.holds(text)) {
                *holds &= now;
            }
        }
        both.contains(&true)
    }
}

impl Condition {
    /// For each of both readers.
    fn holds(&self, text: &str) -> [bool; 2] {
        let found = read::readings(text, self.path()).unwrap_or_default();
        found.both().map(|found| match self {
            Self::Is(_, wanted) => is(found, wanted),
            Self::IsNot(_, wanted) => !is(found, wanted),
            Self::Exists(_) => has(found),
            Self::Lacks(_) => !has(found),
        })
    }

    fn path(&self) -> &Path {
        match self {
            Self::Is(path, _) | Self::IsNot(path, _) | Self::Exists(path) | Self::Lacks(path) => {
                path
            }
        }
    }
}

fn has(found: Option<&str>) -> bool {
    found.is_some_and(|value| value != "null")
}

fn is(found: Option<&str>, wanted: &str) -> bool {
    let Some(found) = found else {
        return false;
    };
    if found == wanted {
        return true;
    }
    let values = serde_json::from_str(found).and_then(|a| Ok((a, serde_json::from_str(wanted)?)));
    match values {
        // 1 and 1.0 are one number.
        Ok((Value::Number(a), Value::Number(b))) => a.as_f64() == b.as_f64(),
        Ok((a, b)) => a == b,
        Err(_) => false,
    }
}
