//! What Kimi requires of a conversation and other vendors do not: reasoning with every message that calls tools, and
//! the id of the call with every result.

use serde_json::Value;

use crate::json::{self, Member, Splice};
use crate::provider::request::{joined, mapped};

/// Reasoning where the conversation has none. It is not taken for reasoning when it comes back.
const UNAVAILABLE: &str = "[reasoning unavailable]";

/// The messages with what is missing; `None` if nothing is.
pub fn repaired(messages: &[u8]) -> Option<Vec<u8>> {
    let mut walk = Walk::default();
    mapped(messages, |message| walk.message(message))
}

#[derive(Default)]
struct Walk {
    /// The last reasoning.
    reasoning: Option<String>,
    /// The ids of the calls without a result.
    open: Vec<String>,
}

impl Walk {
    fn message(&mut self, raw: &[u8]) -> Option<Vec<u8>> {
        let members = json::members(raw).ok()?;
        let message = Message {
            raw,
            members: &members,
        };
        match message.text("role")?.as_str() {
            "assistant" => self.assistant(&message),
            "tool" => self.result(&message),
            _ => None,
        }
    }

    fn assistant(&mut self, message: &Message<'_>) -> Option<Vec<u8>> {
        let given = message.text("reasoning_content");
        let given = given.filter(|reasoning| !reasoning.trim().is_empty());
        let is_missing = given.is_none();
        if let Some(reasoning) = given.filter(|reasoning| reasoning != UNAVAILABLE) {
            self.reasoning = Some(reasoning);
        }
        let calls = message.value("tool_calls")?;
        let calls = json::elements(calls).ok()?.into_iter().map(|span| {
            let call = calls.get(span.start..span.end).unwrap_or_default();
            let members = json::members(call).unwrap_or_default();
            let call = Message {
                raw: call,
                members: &members,
            };
            call.text("id").unwrap_or_default()
        });
        let calls: Vec<String> = calls.collect();
        if calls.is_empty() {
            return None;
        }
        self.open = calls.into_iter().filter(|id| !id.is_empty()).collect();
        is_missing.then(|| {
            let reasoning = self.reasoning.clone().or_else(|| message.content());
            let reasoning = reasoning.unwrap_or_else(|| UNAVAILABLE.to_owned());
            message.with("reasoning_content", &reasoning)
        })
    }

    fn result(&mut self, message: &Message<'_>) -> Option<Vec<u8>> {
        let named = |key: &str| message.text(key).filter(|id| !id.is_empty());
        let given = named("tool_call_id");
        let is_missing = given.is_none();
        let only = match self.open.as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        };
        let id = given.or_else(|| named("call_id")).or(only)?;
        self.open.retain(|open| *open != id);
        is_missing.then(|| message.with("tool_call_id", &id))
    }
}

/// An object of the conversation.
struct Message<'m> {
    raw: &'m [u8],
    members: &'m [Member<'m>],
}

impl<'m> Message<'m> {
    fn member(&self, key: &str) -> Option<&'m Member<'m>> {
        self.members.iter().rev().find(|member| member.key == key)
    }

    fn value(&self, key: &str) -> Option<&'m [u8]> {
        let span = self.member(key)?.value;
        self.raw.get(span.start..span.end)
    }

    fn text(&self, key: &str) -> Option<String> {
        serde_json::from_slice(self.value(key)?).ok()
    }

    /// The text of the message.
    fn content(&self) -> Option<String> {
        let text = match serde_json::from_slice(self.value("content")?).ok()? {
            Value::String(text) => text,
            Value::Array(parts) => {
                let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
                texts.collect()
            }
            _ => return None,
        };
        (!text.trim().is_empty()).then_some(text)
    }

    /// The object with `key` set to `text`.
    fn with(&self, key: &str, text: &str) -> Vec<u8> {
        let mut object = Splice::new(self.raw);
        let text = Value::from(text).to_string();
        match self.member(key) {
            Some(member) => object.replace(member.value, text.into_bytes()),
            None => object.append_member(key, text),
        }
        joined(&object)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn walked(messages: &Value) -> Option<Value> {
        let repaired = repaired(messages.to_string().as_bytes())?;
        Some(serde_json::from_slice(&repaired).unwrap())
    }

    fn calling(more: Value) -> Value {
        let mut message =
            json!({"role": "assistant", "tool_calls": [{"id": "c1", "type": "function"}]});
        let more = more.as_object().unwrap().clone();
        message.as_object_mut().unwrap().extend(more);
        message
    }

    #[test]
    fn calls_have_reasoning() {
        for (before, message, expected) in [
            (json!([]), json!({"content": null}), UNAVAILABLE),
            (
                json!([]),
                json!({"content": "Let me look."}),
                "Let me look.",
            ),
            (
                json!([]),
                json!({"content": [{"type": "text", "text": "Let "}, {"type": "text", "text": "me"}]}),
                "Let me",
            ),
            (json!([]), json!({"reasoning_content": " "}), UNAVAILABLE),
            (json!([]), json!({"reasoning_content": null}), UNAVAILABLE),
            (
                json!([{"role": "assistant", "content": "a", "reasoning_content": "think"}]),
                json!({"content": "b"}),
                "think",
            ),
            (
                json!([calling(json!({"reasoning_content": "first"}))]),
                json!({}),
                "first",
            ),
            (
                json!([calling(json!({"reasoning_content": UNAVAILABLE}))]),
                json!({"content": "b"}),
                "b",
            ),
            (
                json!([{"role": "user", "content": "u", "reasoning_content": "not mine"}]),
                json!({"content": "b"}),
                "b",
            ),
        ] {
            let mut messages = before;
            messages.as_array_mut().unwrap().push(calling(message));
            let repaired = walked(&messages).expect("a change");
            let count = messages.as_array().unwrap().len();
            assert_eq!(
                repaired[count - 1]["reasoning_content"],
                expected,
                "{messages}"
            );
            let same = |index: usize| repaired[index] == messages[index];
            assert!((0..count - 1).all(same), "{messages}");
        }
    }

    #[test]
    fn results_have_the_id_of_their_call() {
        let call = calling(json!({"reasoning_content": "r"}));
        let two = json!({"role": "assistant", "reasoning_content": "r",
            "tool_calls": [{"id": "c1"}, {"id": "c2"}]});
        for (assistant, results, expected) in [
            (&call, json!([{"content": "x"}]), json!(["c1"])),
            (
                &call,
                json!([{"content": "x", "tool_call_id": ""}]),
                json!(["c1"]),
            ),
            (&call, json!([{"call_id": "own"}]), json!(["own"])),
            (&call, json!([{"tool_call_id": "own"}]), json!(["own"])),
            (&two, json!([{}, {}]), json!([null, null])),
            (
                &two,
                json!([{"tool_call_id": "c2"}, {}]),
                json!(["c2", "c1"]),
            ),
            (&two, json!([{"call_id": "c1"}, {}]), json!(["c1", "c2"])),
        ] {
            let mut messages = vec![assistant.clone()];
            for result in results.as_array().unwrap() {
                let mut result = result.clone();
                result["role"] = json!("tool");
                messages.push(result);
            }
            let messages = Value::from(messages);
            let repaired = walked(&messages).unwrap_or(messages);
            let ids: Vec<&Value> = repaired.as_array().unwrap()[1..]
                .iter()
                .map(|result| &result["tool_call_id"])
                .collect();
            assert_eq!(json!(ids), expected, "{repaired}");
        }
    }

    /// A message, whole or not.
    fn any_message() -> impl Strategy<Value = Value> {
        let text = || prop::option::of("[ a-c]{0,3}");
        let role = prop::sample::select(vec!["assistant", "tool", "user", "odd"]);
        let ids = prop::option::of(prop::collection::vec("[xyz]?", 0..3));
        (role, text(), text(), text(), ids).prop_map(|(role, content, reasoning, id, calls)| {
            let mut message = json!({"role": role, "content": content});
            for (key, value) in [("reasoning_content", reasoning), ("tool_call_id", id)] {
                if let Some(value) = value {
                    message[key] = json!(value);
                }
            }
            if let Some(calls) = calls {
                let calls: Vec<Value> = calls.iter().map(|id| json!({"id": id})).collect();
                message["tool_calls"] = json!(calls);
            }
            message
        })
    }

    proptest! {
        #[test]
        fn only_what_is_missing_is_added(messages in prop::collection::vec(any_message(), 0..8)) {
            let given = json!(messages);
            let repaired = walked(&given).unwrap_or_else(|| given.clone());
            for (before, after) in messages.iter().zip(repaired.as_array().unwrap()) {
                let calls = before["tool_calls"].as_array().is_some_and(|calls| !calls.is_empty());
                if before["role"] == "assistant" && calls {
                    let reasoning = after["reasoning_content"].as_str().unwrap_or_default();
                    prop_assert!(!reasoning.trim().is_empty(), "{}", after);
                }
                for (key, value) in before.as_object().unwrap() {
                    let is_blank = value.as_str().is_none_or(|text| text.trim().is_empty());
                    prop_assert!(after[key] == *value || is_blank, "{} {}", before, after);
                }
            }
            // What is complete stays so.
            prop_assert_eq!(walked(&repaired), None);
        }
    }

    #[test]
    fn complete_and_odd_conversations_are_unchanged() {
        for messages in [
            json!([{"role": "user", "content": "hi"}]),
            json!([{"role": "assistant", "content": "hi"}]),
            json!([{"role": "assistant", "content": "hi", "tool_calls": []}]),
            json!([calling(json!({"reasoning_content": "r"})), {"role": "tool", "tool_call_id": "c1"}]),
            json!([1, null, [], {"role": 1}, {"role": "tool"}]),
            json!({}),
            json!("x"),
        ] {
            assert_eq!(walked(&messages), None, "{messages}");
        }
    }
}
