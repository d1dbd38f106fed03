//! Changing members of a credential file and nothing else: unknown members, order and indentation stay.

use std::fmt;

use serde_json::Value;

use super::expiry;
use crate::json::{self, Member};

/// A member and its new value, which is not shown: it may be a token.
#[derive(Clone, PartialEq)]
pub struct Change {
    pub key: &'static str,
    pub value: Value,
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Change({})", self.key)
    }
}

/// What some editors put in front of UTF-8.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The file is not a JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// `content` with the changes made, in both places where a file has a member at the top and in its `token`. A member that
/// is nowhere is added at the top. The time of expiry is changed under each of its names that the file has, as text or
/// number as it was.
///
/// # Errors
/// [`Malformed`] when the content is not a JSON object.
pub fn changed(content: &[u8], changes: &[Change]) -> Result<Vec<u8>, Malformed> {
    if let Some(rest) = content.strip_prefix(BYTE_ORDER_MARK) {
        return Ok([BYTE_ORDER_MARK, &changed(rest, changes)?].concat());
    }
    let members = json::members(content).map_err(|_| Malformed)?;
    let token = members.iter().rev().find(|member| member.key == "token");
    let token = token.filter(|member| raw(content, member).first() == Some(&b'{'));
    let inner = token.map(|token| raw(content, token)).unwrap_or_default();
    let nested = json::members(inner).unwrap_or_default();
    let is_nowhere = |change: &&Change| {
        let all = members.iter().chain(&nested);
        !all.into_iter().any(|member| is_of(change, member))
    };
    let added: Vec<&Change> = changes.iter().filter(is_nowhere).collect();
    let mut splice = json::Splice::new(content);
    for (member, value) in replacements(content, &members, changes) {
        splice.replace(member.value, value.into_bytes());
    }
    if let Some(token) = token {
        let mut own = json::Splice::new(inner);
        for (member, value) in replacements(inner, &nested, changes) {
            own.replace(member.value, value.into_bytes());
        }
        splice.replace(token.value, own.pieces().collect::<Vec<_>>().concat());
    }
    let replaced = splice.pieces().collect::<Vec<_>>().concat();
    Ok(with_added(replaced, &added))
}

/// Whether a change is of this member.
fn is_of(change: &Change, member: &Member<'_>) -> bool {
    let is_expiry = |name: &str| expiry::EXPIRY.contains(&name);
    *change.key == *member.key || (is_expiry(change.key) && is_expiry(&member.key))
}

/// The new values of the members that are changed.
fn replacements<'m>(
    content: &[u8],
    members: &'m [Member<'m>],
    changes: &[Change],
) -> Vec<(&'m Member<'m>, String)> {
    let of_member = |member: &'m Member<'m>| {
        let change = changes.iter().find(|change| is_of(change, member))?;
        let before: Option<Value> = serde_json::from_slice(raw(content, member)).ok();
        let value = before.and_then(|before| expiry::as_before(&before, &change.value));
        let value = value.filter(|_| expiry::EXPIRY.contains(&change.key));
        Some((
            member,
            value.unwrap_or_else(|| change.value.clone()).to_string(),
        ))
    };
    members.iter().filter_map(of_member).collect()
}

fn raw<'a>(content: &'a [u8], member: &Member<'_>) -> &'a [u8] {
    content
        .get(member.value.start..member.value.end)
        .unwrap_or_default()
}

/// The object with further members at its end, written as the others are.
fn with_added(content: Vec<u8>, added: &[&Change]) -> Vec<u8> {
    let members = json::members(&content).unwrap_or_default();
    let Some(last) = members.last() else {
        let mut splice = json::Splice::new(&content);
        for Change { key, value } in added {
            splice.append_member(key, value.to_string());
        }
        return splice.pieces().collect::<Vec<_>>().concat();
    };
    let start = content.get(last.whole.start..last.value.start);
    let start = start.unwrap_or_default();
    let blank = start.len() - start.trim_ascii_start().len();
    let indent = start.get(..blank).unwrap_or_default();
    let gap: &[u8] = if start.ends_with(b" ") { b" " } else { b"" };
    let (before, after) = content.split_at(last.value.end.min(content.len()));
    let mut result = before.to_vec();
    for Change { key, value } in added {
        result.push(b',');
        result.extend_from_slice(indent);
        result.extend_from_slice(Value::from(*key).to_string().as_bytes());
        result.push(b':');
        result.extend_from_slice(gap);
        result.extend_from_slice(value.to_string().as_bytes());
    }
    result.extend_from_slice(after);
    result
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;

    fn change(key: &'static str, value: Value) -> Change {
        Change { key, value }
    }

    #[test]
    fn everything_else_stays() {
        let changes = [
            change("access_token", json!("new")),
            change("expiry", json!("2026-04-17T10:30:00Z")),
        ];
        for (before, after) in [
            (
                "{\n  \"type\": \"codex\",\n  \"access_token\": \"old\",\n  \"mine\": [1, 2],\n  \"expiry\": \"\"\n}\n",
                "{\n  \"type\": \"codex\",\n  \"access_token\": \"new\",\n  \"mine\": [1, 2],\n  \"expiry\": \"2026-04-17T10:30:00Z\"\n}\n",
            ),
            (
                "{\n\t\"type\":\"kimi\"\n}",
                "{\n\t\"type\":\"kimi\",\n\t\"access_token\":\"new\",\n\t\"expiry\":\"2026-04-17T10:30:00Z\"\n}",
            ),
            (
                "{\"a\":1}",
                "{\"a\":1,\"access_token\":\"new\",\"expiry\":\"2026-04-17T10:30:00Z\"}",
            ),
            (
                "\u{feff}{\"a\":1}",
                "\u{feff}{\"a\":1,\"access_token\":\"new\",\"expiry\":\"2026-04-17T10:30:00Z\"}",
            ),
            (
                "{ }",
                "{ \"access_token\":\"new\",\"expiry\":\"2026-04-17T10:30:00Z\"}",
            ),
            (
                "{\"token\": {\"access_token\": \"old\", \"expiry\": \"x\", \"y\": 1}}",
                "{\"token\": {\"access_token\": \"new\", \"expiry\": \"2026-04-17T10:30:00Z\", \"y\": 1}}",
            ),
            (
                "{\"token\": {\"access_token\": \"old\"}, \"access_token\": \"older\"}",
                "{\"token\": {\"access_token\": \"new\"}, \"access_token\": \"new\", \"expiry\": \"2026-04-17T10:30:00Z\"}",
            ),
            (
                "{\"expired\": 5, \"access_token\": 1, \"token\": {\"expires_at\": 1700000000000}}",
                "{\"expired\": 1776421800, \"access_token\": \"new\", \"token\": {\"expires_at\": 1776421800000}}",
            ),
            (
                "{\"token\": \"none\"}",
                "{\"token\": \"none\",\"access_token\": \"new\",\"expiry\": \"2026-04-17T10:30:00Z\"}",
            ),
        ] {
            let result = changed(before.as_bytes(), &changes).unwrap();
            assert_eq!(String::from_utf8(result).unwrap(), after);
        }
        for malformed in ["", "[]", "null", "{", "{}x"] {
            assert_eq!(changed(malformed.as_bytes(), &changes), Err(Malformed));
        }
    }

    proptest! {
        #[test]
        fn any_object_keeps_its_other_members(
            members in prop::collection::vec(("[a-z_]{1,12}", any::<u8>()), 0..6),
            is_pretty in any::<bool>(),
            value in "\\PC{0,20}",
        ) {
            let object: Map<String, Value> = members
                .into_iter()
                .filter(|(key, _)| key != "token")
                .map(|(key, value)| (key, json!(value)))
                .collect();
            let before = match is_pretty {
                true => serde_json::to_vec_pretty(&object).unwrap(),
                false => serde_json::to_vec(&object).unwrap(),
            };
            let after = changed(&before, &[change("refresh_token", json!(value))]).unwrap();
            let after: Map<String, Value> = serde_json::from_slice(&after).unwrap();
            let mut expected = object;
            expected.insert("refresh_token".to_owned(), json!(value));
            prop_assert_eq!(after, expected);
        }
    }
}
