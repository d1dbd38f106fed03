//! Applying the rules to a body.

use std::borrow::Cow;

use serde_json::Value;

use super::path::Path;
use super::rules::{Condition, Edit, Protocol, Request, Row, Rule, Rules};
use super::{edit, read, spelling};

/// The rules that concern a request, each with its rows that do.
#[derive(Debug, Default)]
pub struct Selected<'r> {
    rules: Vec<(&'r Rule, Vec<&'r Row>)>,
    /// The upstream reads members in two spellings.
    is_googles: bool,
}

impl Rules {
    /// The rules that concern a request. Where there are none this is a branch.
    pub fn select<'r>(&'r self, request: &Request<'_>) -> Selected<'r> {
        let concerned = |rule: &'r Rule| {
            let rows = rule.rows.iter().filter(|row| row.concerns(request));
            let rows: Vec<&Row> = rows.collect();
            (!rows.is_empty()).then_some((rule, rows))
        };
        Selected {
            rules: self.iter().filter_map(concerned).collect(),
            is_googles: matches!(request.protocol, Protocol::Gemini | Protocol::Antigravity),
        }
    }
}

impl Selected<'_> {
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The body as the rules want it; the very same where they change nothing. One that is no JSON is not
    /// touched.
    pub fn apply<'b>(&self, body: &'b [u8]) -> Cow<'b, [u8]> {
        let Ok(sent) = std::str::from_utf8(body) else {
            return Cow::Borrowed(body);
        };
        let mut now = Cow::Borrowed(sent);
        // Of all defaults for a path the first that could be written counts.
        let mut claimed: Vec<&Path> = Vec::new();
        for (rule, rows) in &self.rules {
            if !rows.iter().any(|row| row.holds(&now)) {
                continue;
            }
            for Edit { path, value } in &rule.edits {
                let spellings = match self.is_googles {
                    true => Cow::Owned(spelling::spellings(path)),
                    false => Cow::Borrowed(std::slice::from_ref(path)),
                };
                let changed = if rule.section.is_default() {
                    let is_there = spellings.iter().any(|path| read::exists(sent, path));
                    if is_there || claimed.contains(&path) {
                        continue;
                    }
                    let changed = set(&now, &spellings, value);
                    if changed.is_some() {
                        claimed.push(path);
                    }
                    changed
                } else if rule.section.is_override() {
                    set(&now, &spellings, value)
                } else {
                    delete(&now, &spellings)
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

/// The text with `value` at the path, in each of its spellings that is there, else in the one that fits best.
fn set(text: &str, spellings: &[Path], value: &str) -> Option<String> {
    let [only] = spellings else {
        let is_there = |path: &&Path| read::exists(text, path);
        let there: Vec<&Path> = spellings.iter().filter(is_there).collect();
        if there.is_empty() {
            return edit::set(text, spelling::to_make(text, spellings)?, value);
        }
        return each(text, there.into_iter(), |text, path| {
            edit::set(text, path, value)
        });
    };
    edit::set(text, only, value)
}

/// The text without what is at the path, in any of its spellings.
fn delete(text: &str, spellings: &[Path]) -> Option<String> {
    each(text, spellings.iter(), edit::delete)
}

/// The text after all of the changes that can be made; `None` if none can.
fn each<'p>(
    text: &str,
    paths: impl Iterator<Item = &'p Path>,
    change: impl Fn(&str, &Path) -> Option<String>,
) -> Option<String> {
    paths.fold(None, |changed: Option<String>, path| {
        change(changed.as_deref().unwrap_or(text), path).or(changed)
    })
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
