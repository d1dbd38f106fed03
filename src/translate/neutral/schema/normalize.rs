//! Schemas in the form that every vendor accepts.

use serde_json::json;

use crate::json::{self, Scanner, Text};
use crate::translate::neutral::json_text::Json;
use crate::translate::neutral::request::Grammar;

/// A schema whose root is an object with properties, with types in lower case and no boolean schema as a property of
/// the root. Text becomes text, without a tree: some clients send hundreds of tools with schemas of many kilobytes.
pub fn normalized(schema: &Json) -> Json {
    rewritten(schema, &[])
}

/// As [`normalized`], without `$schema`.
pub fn without_dialect(schema: &Json) -> Json {
    rewritten(schema, &["$schema"])
}

fn rewritten(schema: &Json, left_out: &'static [&'static str]) -> Json {
    let mut out = String::with_capacity(schema.as_str().len() + EMPTY.len());
    let mut root = Root {
        left_out,
        ..Root::default()
    };
    let is_read = schema.is_object()
        && root.read(schema.as_str()).is_ok()
        && write(&mut Scanner::over(schema.as_str()), &mut out, &root, 0).is_ok();
    match is_read {
        true => Json::compact(out),
        false => Json::compact(EMPTY.to_owned()),
    }
}

const EMPTY: &str = r#"{"type":"object","properties":{}}"#;

/// How deep a schema is rewritten; schemas of tools are not deeper.
const DEPTH: usize = 64;

/// What the root declares, in any order of members.
#[derive(Default)]
struct Root {
    has_type: bool,
    is_object: bool,
    has_properties: bool,
    left_out: &'static [&'static str],
}

impl Root {
    fn read(&mut self, schema: &str) -> Result<(), json::Invalid> {
        Scanner::over(schema).object(|scanner, key| {
            let (value, _) = scanner.value()?;
            match value {
                json::Value::Number("6") if key.is("type") => {
                    self.has_type = true;
                    self.is_object = true;
                }
                json::Value::String(kind) if key.is("type") => {
                    self.has_type = true;
                    self.is_object = kind.decode().eq_ignore_ascii_case("object");
                }
                _ if key.is("type") => self.has_type = true,
                _ if key.is("properties") => self.has_properties = true,
                _ => {}
            }
            Ok(())
        })?;
        self.is_object |= !self.has_type;
        Ok(())
    }
}

/// Writes the schema at the scanner's position.
fn write(
    scanner: &mut Scanner<'_>,
    out: &mut String,
    root: &Root,
    depth: usize,
) -> Result<(), json::Invalid> {
    if depth == DEPTH || scanner.peek() != Some(b'{') {
        return copy(scanner, out);
    }
    out.push('{');
    let start = out.len();
    scanner.object(|scanner, key| {
        if depth == 0 && root.left_out.iter().any(|name| key.is(name)) {
            return scanner.skip();
        }
        name(&key, start, out);
        let first = scanner.peek();
        match (&*key.decode(), first) {
            ("type", Some(b'"')) => lower(scanner, out),
            ("type", Some(b'0'..=b'9')) => numbered(scanner, out),
            ("properties" | "$defs" | "definitions", Some(b'{')) => {
                let is_root = depth == 0 && root.is_object && key.is("properties");
                properties(scanner, out, root, depth, is_root)
            }
            ("properties", _) if depth == 0 && root.is_object => {
                out.push_str("{}");
                scanner.skip()
            }
            ("items" | "additionalProperties" | "not", Some(b'{')) => {
                write(scanner, out, root, depth + 1)
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Some(b'[')) => {
                out.push('[');
                let start = out.len();
                scanner.array(|scanner| {
                    comma(start, out);
                    write(scanner, out, root, depth + 1)
                })?;
                out.push(']');
                Ok(())
            }
            _ => copy(scanner, out),
        }
    })?;
    if depth == 0 && !root.has_type {
        comma(start, out);
        out.push_str(r#""type":"object""#);
    }
    if depth == 0 && root.is_object && !root.has_properties {
        comma(start, out);
        out.push_str(r#""properties":{}"#);
    }
    out.push('}');
    Ok(())
}

/// Writes the schemas of an object's members.
fn properties(
    scanner: &mut Scanner<'_>,
    out: &mut String,
    root: &Root,
    depth: usize,
    is_root: bool,
) -> Result<(), json::Invalid> {
    out.push('{');
    let start = out.len();
    scanner.object(|scanner, key| {
        name(&key, start, out);
        match scanner.peek() {
            Some(b't' | b'f' | b'n') if is_root => {
                out.push_str("{}");
                scanner.skip()
            }
            _ => write(scanner, out, root, depth + 1),
        }
    })?;
    out.push('}');
    Ok(())
}

/// Gemini's clients write types in capitals.
fn lower(scanner: &mut Scanner<'_>, out: &mut String) -> Result<(), json::Invalid> {
    let (value, span) = scanner.value()?;
    let kind = scanner.source(span);
    match value {
        json::Value::String(text) if !text.is_escaped() => {
            out.extend(kind.chars().map(|c| c.to_ascii_lowercase()));
        }
        _ => out.push_str(kind),
    }
    Ok(())
}

/// `Type` by its numbers (googleapis, `google/ai/generativelanguage/v1beta/content.proto`): Google's generated clients
/// send these.
const TYPES: [&str; 8] = [
    "string", "string", "number", "integer", "boolean", "array", "object", "null",
];

fn numbered(scanner: &mut Scanner<'_>, out: &mut String) -> Result<(), json::Invalid> {
    let (_, span) = scanner.value()?;
    let number = scanner.source(span);
    let known = number.parse().ok().and_then(|at: usize| TYPES.get(at));
    match known {
        Some(name) => {
            out.push('"');
            out.push_str(name);
            out.push('"');
        }
        None => out.push_str(number),
    }
    Ok(())
}

fn copy(scanner: &mut Scanner<'_>, out: &mut String) -> Result<(), json::Invalid> {
    let (_, span) = scanner.value()?;
    out.push_str(scanner.source(span));
    Ok(())
}

fn comma(start: usize, out: &mut String) {
    if out.len() > start {
        out.push(',');
    }
}

fn name(key: &Text<'_>, start: usize, out: &mut String) {
    comma(start, out);
    out.push('"');
    out.push_str(key.raw());
    out.push_str("\":");
}

/// The schema of a custom tool, which takes text, for upstreams whose tools take JSON.
pub fn of_text() -> Json {
    json!({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]})
        .into()
}

/// The description of a custom tool for such an upstream.
pub fn text_description(description: Option<String>, grammar: Option<Grammar>) -> Option<String> {
    match (description, grammar.map(|grammar| grammar.definition)) {
        (Some(description), Some(grammar)) => Some(format!("{description}\n\n{grammar}")),
        (description, grammar) => description.or(grammar),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_normalized() {
        for (schema, expected) in [
            (json!(null), json!({"type": "object", "properties": {}})),
            (json!({}), json!({"type": "object", "properties": {}})),
            (
                json!({"type": "OBJECT", "properties": {"a": {"type": "STRING"}, "type": true}}),
                json!({"type": "object", "properties": {"a": {"type": "string"}, "type": {}}}),
            ),
            (
                json!({"type": 6, "properties": {"a": {"type": 1, "n": 1}}}),
                json!({"type": "object", "properties": {"a": {"type": "string", "n": 1}}}),
            ),
            (
                json!({"properties": {"a": {"items": {"type": "NUMBER"}}}}),
                json!({"properties": {"a": {"items": {"type": "number"}}}, "type": "object"}),
            ),
        ] {
            let normal = normalized(&Json::from(schema));
            assert_eq!(normal.tree(), Some(expected));
        }
    }
}
