//! Changing members of a credential file and nothing else: unknown members, order and indentation stay.

use std::borrow::Cow;

use serde_json::Value;

use crate::json::{self, Member};

/// A member and its new value.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub key: &'static str,
    pub value: Value,
}

/// The file is not a JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// `content` with the changes made, in both places where a file has a member at the top and in its `token`. A member that
/// is nowhere is added at the top.
///
/// # Errors
/// [`Malformed`] when the content is not a JSON object.
pub fn changed(content: &[u8], changes: &[Change]) -> Result<Vec<u8>, Malformed> {
    let members = json::members(content).map_err(|_| Malformed)?;
    let token = members.iter().rev().find(|member| member.key == "token");
    let token = token.filter(|member| raw(content, member).first() == Some(&b'{'));
    let nested = match token {
        Some(token) => json::members(raw(content, token)).unwrap_or_default(),
        None => Vec::new(),
    };
    let has = |members: &[Member<'_>], key: &str| members.iter().any(|member| member.key == key);
    let (mut top, mut inner, mut added) = (Vec::new(), Vec::new(), Vec::new());
    for change in changes {
        let is_nested = has(&nested, change.key);
        if is_nested {
            inner.push((change.key, &change.value));
        }
        if has(&members, change.key) {
            top.push((
                change.key,
                Cow::Owned(change.value.to_string().into_bytes()),
            ));
        } else if !is_nested {
            added.push((change.key, &change.value));
        }
    }
    if let Some(token) = token.filter(|_| !inner.is_empty()) {
        let inner: Vec<_> = inner
            .into_iter()
            .map(|(key, value)| (key, Cow::Owned(value.to_string().into_bytes())))
            .collect();
        let replaced = replaced(raw(content, token), &nested, &inner);
        top.push(("token", Cow::Owned(replaced)));
    }
    let replaced = replaced(content, &members, &top);
    Ok(with_added(replaced, &added))
}

fn raw<'a>(content: &'a [u8], member: &Member<'_>) -> &'a [u8] {
    content
        .get(member.value.start..member.value.end)
        .unwrap_or_default()
}

/// The object with other values, in every member of that name.
fn replaced(content: &[u8], members: &[Member<'_>], values: &[(&str, Cow<'_, [u8]>)]) -> Vec<u8> {
    let mut splice = json::Splice::new(content);
    for member in members {
        if let Some((_, value)) = values.iter().find(|(key, _)| *key == member.key) {
            splice.replace(member.value, value.clone());
        }
    }
    splice.pieces().collect::<Vec<_>>().concat()
}

/// The object with further members at its end, written as the others are.
fn with_added(content: Vec<u8>, added: &[(&str, &Value)]) -> Vec<u8> {
    let members = json::members(&content).unwrap_or_default();
    let Some(last) = members.last() else {
        let mut splice = json::Splice::new(&content);
        for (key, value) in added {
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
    for (key, value) in added {
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
            change("expiry", json!("later")),
        ];
        for (before, after) in [
            (
                "{\n  \"type\": \"codex\",\n  \"access_token\": \"old\",\n  \"mine\": [1, 2],\n  \"expiry\": \"\"\n}\n",
                "{\n  \"type\": \"codex\",\n  \"access_token\": \"new\",\n  \"mine\": [1, 2],\n  \"expiry\": \"later\"\n}\n",
            ),
            (
                "{\n\t\"type\":\"kimi\"\n}",
                "{\n\t\"type\":\"kimi\",\n\t\"access_token\":\"new\",\n\t\"expiry\":\"later\"\n}",
            ),
            (
                "{\"a\":1}",
                "{\"a\":1,\"access_token\":\"new\",\"expiry\":\"later\"}",
            ),
            ("{ }", "{ \"access_token\":\"new\",\"expiry\":\"later\"}"),
            (
                "{\"token\": {\"access_token\": \"old\", \"expiry\": \"x\", \"y\": 1}}",
                "{\"token\": {\"access_token\": \"new\", \"expiry\": \"later\", \"y\": 1}}",
            ),
            (
                "{\"token\": {\"access_token\": \"old\"}, \"access_token\": \"older\"}",
                "{\"token\": {\"access_token\": \"new\"}, \"access_token\": \"new\", \"expiry\": \"later\"}",
            ),
            (
                "{\"token\": \"none\"}",
                "{\"token\": \"none\",\"access_token\": \"new\",\"expiry\": \"later\"}",
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
