//! Values of payload rules as JSON.

use crate::config::reader::Field;
use crate::config::yaml::{Node, Scalar, Style, Value};

/// A value as JSON; `None`, with a warning, for what JSON cannot represent.
pub fn of(field: &Field<'_>) -> Option<String> {
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
            Some(Plain::NotInJson) => return Err("holds a number that JSON does not have"),
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
pub enum Plain {
    /// As JSON.
    Number(String),
    Word(&'static str),
    /// A date or time, as a JSON string.
    Time(String),
    /// Infinite, or no number at all.
    NotInJson,
}

/// Unlike settings, values here follow YAML 1.2, in which `yes` is a text.
pub fn plain(scalar: &Scalar) -> Option<Plain> {
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
        return Some(Plain::NotInJson);
    }
    if let Ok(number) = serde_json::from_str::<serde_json::Number>(text) {
        let is_finite = number.as_f64().is_some_and(f64::is_finite);
        return Some(match is_finite {
            true => Plain::Number(text.to_owned()),
            false => Plain::NotInJson,
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
        return Some(number.map_or(Plain::NotInJson, |number| Plain::Number(number.to_string())));
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
