//! `payload`: the rules that change bodies.

use super::json::{self, Plain};
use crate::config::reader::{Field, Mapping};
use crate::config::yaml::Value;
use crate::payload::{Condition, Edit, Glob, NotAPath, Path, Protocol, Row, Rule, Rules, Section};

/// A rule with the places of its edits, for warnings.
struct Found<'a> {
    rule: Rule,
    /// One for each edit.
    places: Vec<Field<'a>>,
}

pub fn read(block: &Mapping<'_>) -> Rules {
    let mut found = Vec::new();
    for section in Section::ALL {
        let rules = block.field(section.name()).mappings();
        for (index, rule) in rules.into_iter().enumerate() {
            found.extend(self::rule(section, index + 1, rule));
        }
    }
    warn_of_pointless_overrides(&found);
    Rules::new(found.into_iter().map(|found| found.rule).collect())
}

fn rule(section: Section, number: usize, rule: Mapping<'_>) -> Option<Found<'_>> {
    let models = rule.field("models");
    let rows: Vec<Row> = models.mappings().into_iter().filter_map(row).collect();
    let params = rule.field("params");
    let edits = match section {
        Section::Filter => Some(filtered(&params)),
        section => written(section, number, &params),
    };
    if models.is_empty() {
        rule.warn("has no models, so it never applies");
    }
    if params.is_empty() {
        rule.warn("has no params: skipped");
    }
    let (edits, places): (Vec<Edit>, Vec<Field<'_>>) = edits?.into_iter().unzip();
    let rule = Rule {
        section,
        number,
        rows,
        edits,
    };
    (!rule.rows.is_empty() && !rule.edits.is_empty()).then_some(Found { rule, places })
}

/// One row of `models`; `None` for one that never matches.
fn row(row: Mapping<'_>) -> Option<Row> {
    let name = row.field("name");
    let pattern = name.filled();
    if pattern.is_none() {
        row.warn("has no name, so it never applies");
    }
    let protocol = protocol(&row.field("protocol"));
    let from = self::protocol(&row.field("from-protocol"));
    let headers = row.field("headers").pairs();
    let headers = headers.into_iter().map(|(name, value)| {
        let pattern = value.text().unwrap_or_default();
        if pattern.is_empty() {
            value.warn("is blank, so the row never applies");
        }
        (name.trim().to_owned(), Glob::of_name(&pattern))
    });
    let headers = headers.collect();
    let mut conditions = Vec::new();
    let mut is_readable = true;
    for (key, make) in [
        ("match", Condition::Is as fn(Path, Box<str>) -> Condition),
        ("not-match", Condition::IsNot),
    ] {
        for (path, value) in compared(&row.field(key)) {
            match (self::path(path, &value), json::of(&value)) {
                (Some(path), Some(json)) => conditions.push(make(path, json.into())),
                _ => is_readable = false,
            }
        }
    }
    for (key, make) in [
        ("exist", Condition::Exists as fn(Path) -> Condition),
        ("not-exist", Condition::Lacks),
    ] {
        for item in row.field(key).items() {
            match item.filled().and_then(|text| path(&text, &item)) {
                Some(path) => conditions.push(make(path)),
                None => is_readable = false,
            }
        }
    }
    // A condition that cannot be read must not turn into none.
    is_readable.then_some(())?;
    Some(Row {
        name: Glob::of_name(&pattern?),
        protocol: protocol?,
        from: from?,
        headers,
        conditions,
    })
}

/// `Some(None)` for all; `None` for one that there is not.
fn protocol(field: &Field<'_>) -> Option<Option<Protocol>> {
    let Some(name) = field.filled() else {
        return Some(None);
    };
    let protocol = Protocol::of_name(&name);
    if protocol.is_none() {
        field.warn("is not a known protocol, so the row never applies");
    }
    protocol.map(Some)
}

/// The pairs of a list of mappings, or of one mapping.
fn compared<'a>(field: &Field<'a>) -> Vec<(&'a str, Field<'a>)> {
    match field.node().map(|node| &node.value) {
        Some(Value::Mapping(_)) => field.pairs(),
        _ => field.items().iter().flat_map(Field::pairs).collect(),
    }
}

fn path(text: &str, at: &Field<'_>) -> Option<Path> {
    match Path::parse(text) {
        Ok(path) => {
            if path.is_inert() {
                at.warn("uses `|` or `@` in its path, which match nothing");
            }
            Some(path)
        }
        Err(why @ (NotAPath::Empty | NotAPath::EmptySegment)) => {
            at.warn(format!("{why} in its path: skipped"));
            None
        }
        Err(why) => {
            at.warn(format!("{why}: skipped"));
            None
        }
    }
}

/// The paths of `filter`.
fn filtered<'a>(params: &Field<'a>) -> Vec<(Edit, Field<'a>)> {
    let mut edits = Vec::new();
    for item in params.items() {
        let Some(path) = item.text().and_then(|text| path(&text, &item)) else {
            continue;
        };
        if path.is_complex() {
            item.warn("has a wildcard or a query, with which nothing is removed: skipped");
            continue;
        }
        let value = "".into();
        edits.push((Edit { path, value }, item));
    }
    edits
}

/// The params of the other sections; `None` when one of them takes the rule with it.
fn written<'a>(
    section: Section,
    number: usize,
    params: &Field<'a>,
) -> Option<Vec<(Edit, Field<'a>)>> {
    let mut edits = Some(Vec::new());
    for (key, field) in params.pairs() {
        let value = if section.is_raw() {
            match raw(&field) {
                Raw::Json(json) => Some(json),
                Raw::Nothing => {
                    field.warn("is not JSON text, a list, a mapping or a number: skipped");
                    None
                }
                Raw::Broken => {
                    let section = section.name();
                    field.warn(format!(
                        "is not JSON: the whole rule {number} of {section} is skipped"
                    ));
                    edits = None;
                    None
                }
            }
        } else {
            json::of(&field)
        };
        let path = path(key, &field);
        if let (Some(edits), Some(path), Some(value)) = (&mut edits, path, value) {
            let value = value.into();
            edits.push((Edit { path, value }, field));
        }
    }
    edits
}

enum Raw {
    Json(String),
    Nothing,
    /// A text that is no JSON.
    Broken,
}

fn raw(field: &Field<'_>) -> Raw {
    let Some(node) = field.node() else {
        return Raw::Nothing;
    };
    let Value::Scalar(scalar) = &node.value else {
        return json::of(field).map_or(Raw::Nothing, Raw::Json);
    };
    match json::plain(scalar) {
        Some(Plain::Number(number)) => Raw::Json(number),
        Some(Plain::Word(_)) => Raw::Nothing,
        Some(Plain::NotInJson | Plain::Time(_)) | None => {
            match serde_json::from_str::<&serde_json::value::RawValue>(&scalar.text) {
                Ok(json) => Raw::Json(json.get().to_owned()),
                Err(_) => Raw::Broken,
            }
        }
    }
}

/// Warns of overrides that a filter removes again.
fn warn_of_pointless_overrides(found: &[Found<'_>]) {
    let filters: Vec<&Found<'_>> = found
        .iter()
        .filter(|found| found.rule.section == Section::Filter)
        .collect();
    for over in found
        .iter()
        .filter(|found| found.rule.section.is_override())
    {
        for (edit, place) in over.rule.edits.iter().zip(&over.places) {
            let removes = |filter: &&&Found<'_>| {
                let mut removed = filter.rule.edits.iter();
                removed.any(|removed| removed.path == edit.path)
                    && overlap(&over.rule, &filter.rule)
            };
            if let Some(filter) = filters.iter().find(removes) {
                let number = filter.rule.number;
                place.warn(format!(
                    "is removed again by rule {number} of filter, which applies to the same models"
                ));
            }
        }
    }
}

fn overlap(a: &Rule, b: &Rule) -> bool {
    let both = |a: Option<Protocol>, b: Option<Protocol>| a.is_none() || b.is_none() || a == b;
    a.rows.iter().any(|a| {
        b.rows.iter().any(|b| {
            both(a.protocol, b.protocol) && both(a.from, b.from) && a.name.overlaps(&b.name)
        })
    })
}
