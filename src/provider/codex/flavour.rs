//! What the backend of ChatGPT spells otherwise than OpenAI's API, below the top level of a request.

use memchr::{memchr, memmem};

use crate::json::{Member, Splice};
use crate::provider::request::{changed, mapped};
use crate::translate::neutral::ids;

/// The longest id of a call.
const LONGEST_ID: usize = 64;
/// Older names of the tool `web_search`.
const SEARCHES: [&[u8]; 2] = [
    b"\"web_search_preview\"",
    b"\"web_search_preview_2025_03_11\"",
];

/// The `input` as the backend accepts it; `None` if it needs no change.
pub fn input(raw: &[u8]) -> Option<Vec<u8>> {
    if raw.first() == Some(&b'"') {
        return Some(one_message(raw));
    }
    let has = |text: &[u8]| memmem::find(raw, text).is_some();
    let needs_change = has(b"\"system\"") || has(BREAKPOINT) || has_long_id(raw);
    needs_change.then(|| mapped(raw, item))?
}

/// The list of tools; `None` if it needs no change.
pub fn tools(raw: &[u8]) -> Option<Vec<u8>> {
    memmem::find(raw, b"\"web_search_preview").and_then(|_| mapped(raw, tool))
}

/// The choice of a tool; `None` if it needs no change.
pub fn tool_choice(raw: &[u8]) -> Option<Vec<u8>> {
    changed(raw, |members, choice| {
        let mut is_changed = false;
        for member in members {
            let value = value(raw, member);
            let new = match &*member.key {
                "type" => current_name(value),
                "tools" => tools(value),
                _ => None,
            };
            is_changed |= put(choice, member, new);
        }
        is_changed
    })
}

const BREAKPOINT: &[u8] = b"\"prompt_cache_breakpoint\"";

/// A string as a message of the user: the backend accepts only lists.
fn one_message(text: &[u8]) -> Vec<u8> {
    [
        br#"[{"type":"message","role":"user","content":[{"type":"input_text","text":"#,
        text,
        b"}]}]",
    ]
    .concat()
}

fn item(raw: &[u8]) -> Option<Vec<u8>> {
    changed(raw, |members, item| {
        let mut is_changed = false;
        for member in members {
            let value = value(raw, member);
            let new = match &*member.key {
                "role" if value == b"\"system\"" => Some(b"\"developer\"".to_vec()),
                "call_id" => short_id(value),
                "content" | "output" => mapped(value, part),
                _ => None,
            };
            is_changed |= put(item, member, new);
        }
        is_changed
    })
}

fn part(raw: &[u8]) -> Option<Vec<u8>> {
    changed(raw, |members, part| {
        let mark = members
            .iter()
            .find(|member| member.key == "prompt_cache_breakpoint");
        mark.inspect(|mark| part.remove(mark)).is_some()
    })
}

fn tool(raw: &[u8]) -> Option<Vec<u8>> {
    changed(raw, |members, tool| {
        let kind = members.iter().find(|member| member.key == "type");
        kind.is_some_and(|kind| put(tool, kind, current_name(value(raw, kind))))
    })
}

fn current_name(kind: &[u8]) -> Option<Vec<u8>> {
    SEARCHES.contains(&kind).then(|| b"\"web_search\"".to_vec())
}

fn short_id(raw: &[u8]) -> Option<Vec<u8>> {
    let id: String = serde_json::from_slice(raw).ok()?;
    let short = ids::short(id.clone(), LONGEST_ID);
    (short != id).then(|| format!("\"{short}\"").into_bytes())
}

/// Whether there may be an id of a call that is too long.
fn has_long_id(raw: &[u8]) -> bool {
    let key = b"\"call_id\"";
    memmem::find_iter(raw, key).any(|at| {
        let rest = raw.get(at + key.len()..).unwrap_or_default();
        let id = memchr(b'"', rest).and_then(|open| rest.get(open + 1..));
        id.is_some_and(|id| memchr(b'"', id).is_none_or(|length| length > LONGEST_ID))
    })
}

fn value<'o>(object: &'o [u8], member: &Member<'_>) -> &'o [u8] {
    let span = member.value;
    object.get(span.start..span.end).unwrap_or_default()
}

/// Gives a member a new value, if there is one. Returns whether there is.
fn put(object: &mut Splice<'_>, member: &Member<'_>, new: Option<Vec<u8>>) -> bool {
    let is_new = new.is_some();
    if let Some(new) = new {
        object.replace(member.value, new);
    }
    is_new
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn text(bytes: Option<Vec<u8>>) -> Option<String> {
        bytes.map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn items_are_spelled_as_the_backend_accepts_them() {
        let long = "x".repeat(65);
        let hash = ids::hash(&long);
        for (given, expected) in [
            (
                r#""hi \"you\"""#.to_owned(),
                Some(r#"[{"type":"message","role":"user","content":[{"type":"input_text","text":"hi \"you\""}]}]"#.to_owned()),
            ),
            (
                r#"[{"role":"system", "content":"a"},{"role":"user","content":"system"}]"#.to_owned(),
                Some(r#"[{"role":"developer", "content":"a"},{"role":"user","content":"system"}]"#.to_owned()),
            ),
            (
                r#"[{"role":"user","content":[{"type":"input_text","text":"a","prompt_cache_breakpoint":{"mode":"explicit"}},{"type":"input_text","text":"\"prompt_cache_breakpoint\""}]}]"#.to_owned(),
                Some(r#"[{"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_text","text":"\"prompt_cache_breakpoint\""}]}]"#.to_owned()),
            ),
            (
                r#"[{"type":"function_call_output","call_id":"c","output":[{"prompt_cache_breakpoint":1,"type":"input_text","text":"a"}]}]"#.to_owned(),
                Some(r#"[{"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"a"}]}]"#.to_owned()),
            ),
            (
                format!(r#"[{{"type":"function_call","call_id":"{long}"}},{{"type":"function_call_output","call_id" : "{long}","output":"o"}}]"#),
                Some(format!(r#"[{{"type":"function_call","call_id":"{hash}"}},{{"type":"function_call_output","call_id" : "{hash}","output":"o"}}]"#)),
            ),
            (r#"[{"role":"user","content":"\"system\" \"call_id\""}, 1, "system"]"#.to_owned(), None),
            (r#"[{"role":"system","content""#.to_owned(), None),
            ("null".to_owned(), None),
            ("{}".to_owned(), None),
        ] {
            assert_eq!(text(input(given.as_bytes())), expected, "{given}");
        }
    }

    /// An item, in the API's form or nearly.
    fn any_item() -> impl Strategy<Value = Value> {
        let part = prop::bool::ANY.prop_map(|is_marked| match is_marked {
            true => json!({"type": "input_text", "text": "a", "prompt_cache_breakpoint": {}}),
            false => json!({"type": "input_text", "text": "\"system\""}),
        });
        let role = prop::sample::select(vec!["system", "user", "assistant", "developer"]);
        let id = prop::sample::select(vec![1_usize, 64, 65, 90]);
        (role, prop::collection::vec(part, 0..3), id).prop_map(|(role, content, id)| {
            json!({"role": role, "call_id": "i".repeat(id), "content": content})
        })
    }

    proptest! {
        #[test]
        fn nothing_else_changes(items in prop::collection::vec(any_item(), 0..5), pretty in any::<bool>()) {
            let given = match pretty {
                true => serde_json::to_vec_pretty(&items),
                false => serde_json::to_vec(&items),
            }
            .unwrap();
            let mut expected = items.clone();
            for item in &mut expected {
                if item["role"] == "system" {
                    item["role"] = json!("developer");
                }
                let id = item["call_id"].as_str().unwrap().to_owned();
                item["call_id"] = json!(ids::short(id, LONGEST_ID));
                for part in item["content"].as_array_mut().unwrap() {
                    part.as_object_mut().unwrap().shift_remove("prompt_cache_breakpoint");
                }
            }
            let changed = input(&given);
            let sent = changed.as_deref().unwrap_or(&given);
            prop_assert_eq!(serde_json::from_slice::<Vec<Value>>(sent).unwrap(), expected);
            prop_assert_eq!(changed.is_none(), items == serde_json::from_slice::<Vec<Value>>(sent).unwrap());
        }
    }

    #[test]
    fn tools_and_choices_have_their_current_names() {
        for (given, expected) in [
            (
                r#"[{"type":"function","name":"web_search_preview"},{"type": "web_search_preview","search_context_size":"low"},{"type":"web_search_preview_2025_03_11"}]"#,
                Some(
                    r#"[{"type":"function","name":"web_search_preview"},{"type": "web_search","search_context_size":"low"},{"type":"web_search"}]"#,
                ),
            ),
            (r#"[{"type":"web_search"}]"#, None),
            (r#"[{"type":"web_search_preview_2099_01_01"}]"#, None),
        ] {
            assert_eq!(text(tools(given.as_bytes())).as_deref(), expected);
        }
        for (given, expected) in [
            (
                r#"{"type":"web_search_preview"}"#,
                Some(r#"{"type":"web_search"}"#),
            ),
            (
                r#"{"type":"allowed_tools","mode":"auto","tools":[{"type":"web_search_preview"},{"type":"function","name":"f"}]}"#,
                Some(
                    r#"{"type":"allowed_tools","mode":"auto","tools":[{"type":"web_search"},{"type":"function","name":"f"}]}"#,
                ),
            ),
            (r#"{"type":"function","name":"web_search_preview"}"#, None),
            (r#""auto""#, None),
        ] {
            assert_eq!(text(tool_choice(given.as_bytes())).as_deref(), expected);
        }
    }
}
