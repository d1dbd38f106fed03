//! `payload`: the rules that change bodies (`spec/config.md` 3).

use super::reader::{Field, Mapping};
use super::yaml::{Node, Scalar, Style, Value};
use crate::payload::{Condition, Edit, Glob, NotAPath, Path, Protocol, Row, Rule, Rules, Section};

/// A rule with what the last check needs to tell its place.
struct Found<'a> {
    rule: Rule,
    /// Of each edit, in their order.
    places: Vec<Field<'a>>,
}

pub fn read(mut block: Mapping<'_>) -> Rules {
    let mut found = Vec::new();
    for section in Section::ALL {
        let rules = block.field(section.name()).mappings();
        for (index, rule) in rules.into_iter().enumerate() {
            found.extend(self::rule(section, index + 1, rule));
        }
    }
    block.finish();
    warn_of_pointless_overrides(&found);
    Rules::new(found.into_iter().map(|found| found.rule).collect())
}

fn rule(section: Section, number: usize, mut rule: Mapping<'_>) -> Option<Found<'_>> {
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
    rule.finish();
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
fn row(mut row: Mapping<'_>) -> Option<Row> {
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
            match (self::path(path, &value), json(&value)) {
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
    row.finish();
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
                at.warn("uses `|` or `@` in its path, which lead nowhere");
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
                    field.warn("is no JSON text, list, mapping or number: skipped");
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
            json(&field)
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
        return json(field).map_or(Raw::Nothing, Raw::Json);
    };
    match plain(scalar) {
        Some(Plain::Number(number)) => Raw::Json(number),
        Some(Plain::Word(_)) => Raw::Nothing,
        Some(Plain::Unsayable | Plain::Time(_)) | None => {
            match serde_json::from_str::<&serde_json::value::RawValue>(&scalar.text) {
                Ok(json) => Raw::Json(json.get().to_owned()),
                Err(_) => Raw::Broken,
            }
        }
    }
}

/// A value as JSON; `None`, with a warning, for what JSON cannot say.
fn json(field: &Field<'_>) -> Option<String> {
    let mut out = String::new();
    match field.node() {
        None => out.push_str("null"),
        Some(node) => {
            if let Err(what) = write(node, &mut out) {
                field.warn(format!("{what}: skipped"));
                return None;
            }
        }
    }
    Some(out)
}

/// As deep as the file, which is bounded.
fn write(node: &Node, out: &mut String) -> Result<(), &'static str> {
    match &node.value {
        Value::Scalar(scalar) => match plain(scalar) {
            Some(Plain::Number(text) | Plain::Time(text)) => out.push_str(&text),
            Some(Plain::Word(word)) => out.push_str(word),
            Some(Plain::Unsayable) => return Err("holds a number that JSON does not have"),
            None => out.push_str(&quoted(&scalar.text)),
        },
        Value::Sequence(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out)?;
            }
            out.push(']');
        }
        Value::Mapping(entries) => {
            out.push('{');
            for (index, entry) in entries.iter().enumerate() {
                if plain(&entry.key).is_some() {
                    return Err("holds a key that is not text");
                }
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&quoted(&entry.key.text));
                out.push(':');
                write(&entry.value, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What unquoted text can be other than text.
enum Plain {
    /// As JSON.
    Number(String),
    Word(&'static str),
    /// A date or time, as a JSON string.
    Time(String),
    /// Infinite, or no number at all.
    Unsayable,
}

/// Unlike settings, values here follow YAML 1.2, in which `yes` is a text.
fn plain(scalar: &Scalar) -> Option<Plain> {
    if scalar.style != Style::Plain {
        return None;
    }
    if scalar.is_null() {
        return Some(Plain::Word("null"));
    }
    let text = scalar.text.as_str();
    match text {
        "true" | "True" | "TRUE" => return Some(Plain::Word("true")),
        "false" | "False" | "FALSE" => return Some(Plain::Word("false")),
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Plain::Unsayable);
    }
    if let Ok(number) = serde_json::from_str::<serde_json::Number>(text) {
        let is_finite = number.as_f64().is_some_and(f64::is_finite);
        return Some(match is_finite {
            true => Plain::Number(text.to_owned()),
            false => Plain::Unsayable,
        });
    }
    if let Ok(number) = scalar.integer() {
        return Some(Plain::Number(number.to_string()));
    }
    let is_float = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && !unsigned
            .contains(|c: char| !matches!(c, '0'..='9' | '.' | 'e' | 'E' | '+' | '-' | '_'));
    let float = text.replace('_', "").parse::<f64>().ok();
    if let Some(float) = float.filter(|_| is_float) {
        let number = serde_json::Number::from_f64(float);
        return Some(number.map_or(Plain::Unsayable, |number| Plain::Number(number.to_string())));
    }
    time(text).map(|time| Plain::Time(quoted(&time)))
}

/// A YAML timestamp as RFC 3339: `2001-12-14`, `2001-12-14 21:59:43.10 -5`, with or without a zone.
fn time(text: &str) -> Option<String> {
    let (date, rest) = match text.find(['T', 't', ' ']) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?.trim_start()),
        None => (text, ""),
    };
    let part = |text: &str, most: u32, digits: usize| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse::<u32>().ok()?;
        (is_number && text.len() <= digits && number <= most).then_some(number)
    };
    let mut numbers = date.split('-');
    let (year, month, day) = (numbers.next()?, numbers.next()?, numbers.next()?);
    if year.len() != 4 || numbers.next().is_some() {
        return None;
    }
    let (year, month, day) = (part(year, 9999, 4)?, part(month, 12, 2)?, part(day, 31, 2)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if month == 0 || day == 0 || day > days {
        return None;
    }
    if text.len() == date.len() {
        return Some(format!("{year:04}-{month:02}-{day:02}T00:00:00Z"));
    }
    let zone_at = rest.find(['Z', 'z', '+', '-', ' ']).unwrap_or(rest.len());
    let (clock, zone) = (rest.get(..zone_at)?, rest.get(zone_at..)?.trim());
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, fraction),
        None => (clock, ""),
    };
    let mut numbers = clock.split(':');
    let hour = part(numbers.next()?, 23, 2)?;
    let minute = part(numbers.next()?, 59, 2)?;
    let second = part(numbers.next()?, 59, 2)?;
    let is_fraction = fraction.len() <= 9 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if numbers.next().is_some() || !is_fraction {
        return None;
    }
    let fraction = match fraction.trim_end_matches('0') {
        "" => String::new(),
        digits => format!(".{digits}"),
    };
    let zone = match zone.strip_prefix(['+', '-']) {
        None if matches!(zone, "" | "Z" | "z") => "Z".to_owned(),
        None => return None,
        Some(offset) => {
            let (hours, minutes) = offset.split_once(':').unwrap_or((offset, "0"));
            let (hours, minutes) = (part(hours, 23, 2)?, part(minutes, 59, 2)?);
            let sign = zone.get(..1)?;
            format!("{sign}{hours:02}:{minutes:02}")
        }
    };
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"
    ))
}

/// What is written and then removed again was hardly meant.
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
                    "is removed again by rule {number} of filter, which concerns the same models"
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
