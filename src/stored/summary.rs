//! Compaction for upstreams without that operation: the model writes a summary, which replaces the conversation.

use std::sync::Arc;

use memchr::memmem;
use serde_json::{Value, json};

use super::item::{Item, elements, member, message_of, string};
use super::reference;
use super::sealed::Sealer;
use crate::json::fields::Put;
use crate::json::{self, Splice};

/// The prompt for the model.
const PROMPT: &str = "Summarize the conversation above. Someone else will continue it and will see your summary \
instead of the conversation, so include everything that is needed to go on: what the user wants and every \
constraint they gave, what was decided and why, what was done (files, commands and results that matter), what is \
still open, and the next step. Answer with the summary only. Do not call tools.";

/// The text before a summary in a later request.
const LEAD: &str = "The conversation up to this point was replaced by this summary of it:";
/// The text instead of a summary that cannot be decrypted.
const UNREADABLE: &str =
    "The conversation up to this point was replaced by a summary that cannot be read here.";

/// Members that are removed from the request for a summary.
const LEFT_OUT: [&str; 10] = [
    "stream",
    "stream_options",
    "store",
    "background",
    "text",
    "tool_choice",
    "include",
    "max_output_tokens",
    "truncation",
    "context_management",
];

/// The most bytes of user messages that are returned with the summary.
const MOST_WORDS: usize = 64 * 1024;

/// Whether the last item of the input of `body` is a `compaction_trigger`.
pub fn is_triggered(body: &[u8]) -> bool {
    const TRIGGER: &str = "compaction_trigger";
    if memmem::rfind(body, TRIGGER.as_bytes()).is_none() {
        return false;
    }
    let texts = reference::input_of(body);
    let last = texts.last().and_then(|text| member(text, "type"));
    last.and_then(string).as_deref() == Some(TRIGGER)
}

/// The request for a summary of the conversation in `body`; `None` if that is not a JSON object.
pub fn request(body: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok()?;
    let members = json::members(body).ok()?;
    let mut splice = Splice::new(body);
    let asked = message_of(&Value::from(PROMPT).to_string());
    let input = members.iter().rposition(|member| member.key == "input");
    for (index, found) in members.iter().enumerate() {
        match &*found.key {
            "input" if Some(index) == input => {
                let said = text.get(found.value.start..found.value.end)?;
                let said = match said.strip_prefix('[') {
                    Some(items) => items.strip_suffix(']')?.trim_ascii().to_owned(),
                    None if said.starts_with('"') => message_of(said),
                    None => String::new(),
                };
                let comma = if said.is_empty() { "" } else { "," };
                splice.replace(found.value, format!("[{said}{comma}{asked}]").into_bytes());
            }
            key if key == "input" || LEFT_OUT.contains(&key) => splice.remove(found),
            _ => {}
        }
    }
    if input.is_none() {
        splice.append_member("input", format!("[{asked}]"));
    }
    splice.append_member("store", "false");
    let has_tools = member(text, "tools").is_some_and(|tools| !elements(tools).is_empty());
    if has_tools {
        // Tools stay, because the conversation has calls of them.
        splice.append_member("tool_choice", "\"none\"");
    }
    Some(splice.pieces().collect::<Vec<_>>().concat())
}

/// The answer to a compaction.
#[derive(Clone, Copy, Debug)]
pub struct Compacted<'a> {
    /// A unique id.
    pub id: &'a str,
    /// Seconds since 1970.
    pub created: u64,
    /// The model's answer to [`request`], a response object.
    pub answer: &'a [u8],
    /// The items of the conversation.
    pub items: &'a [Arc<Item>],
}

impl Compacted<'_> {
    /// The summary, encrypted with a key derived from the client's.
    fn item(&self, answer: &Value, sealer: &Sealer) -> Option<Value> {
        let summary = words(answer);
        if summary.trim().is_empty() {
            return None;
        }
        Some(
            json!({"id": format!("cmp_{}", self.id), "type": "compaction",
            "encrypted_content": sealer.seal(&summary)?}),
        )
    }

    /// A response with the summary as its only item.
    pub fn response(&self, sealer: &Sealer) -> Option<Vec<u8>> {
        let mut answer: Value = serde_json::from_slice(self.answer).ok()?;
        let item = self.item(&answer, sealer)?;
        answer.put("output", json!([item]));
        Some(answer.to_string().into_bytes())
    }

    /// The same as a stream.
    pub fn events(&self, sealer: &Sealer) -> Option<Vec<u8>> {
        let whole: Value = serde_json::from_slice(&self.response(sealer)?).ok()?;
        let item = whole.pointer("/output/0")?.clone();
        let mut begun = whole.clone();
        begun.put("status", "in_progress".into());
        begun.put("output", json!([]));
        for unknown in ["usage", "completed_at", "incomplete_details"] {
            begun.put(unknown, Value::Null);
        }
        let ended = match whole.get("status").and_then(Value::as_str) {
            Some("incomplete") => "response.incomplete",
            _ => "response.completed",
        };
        let events = [
            ("response.created", json!({"response": begun})),
            ("response.in_progress", json!({"response": begun})),
            (
                "response.output_item.added",
                json!({"output_index": 0, "item": item}),
            ),
            (
                "response.output_item.done",
                json!({"output_index": 0, "item": item}),
            ),
            (ended, json!({"response": whole})),
        ];
        let mut out = String::new();
        for (number, (kind, members)) in events.into_iter().enumerate() {
            let mut event = json!({"type": kind, "sequence_number": number});
            if let (Some(event), Value::Object(members)) = (event.as_object_mut(), members) {
                event.extend(members);
            }
            out.push_str(&format!("event: {kind}\ndata: {event}\n\n"));
        }
        Some(out.into_bytes())
    }

    /// The vendor's `response.compaction`: the newest user messages within the limit, and the summary. `None` if the model
    /// returned no text, or the system has no random bytes.
    pub fn object(&self, sealer: &Sealer) -> Option<Vec<u8>> {
        let answer: Value = serde_json::from_slice(self.answer).ok()?;
        let summary = self.item(&answer, sealer)?;
        let mut room = MOST_WORDS;
        let mut said: Vec<Value> = Vec::new();
        for item in self.items.iter().rev() {
            let Some(words) = item.users_words().filter(|words| !is_ours(words)) else {
                continue;
            };
            let Some(left) = room.checked_sub(words.len()) else {
                break;
            };
            room = left;
            said.extend(serde_json::from_str::<Value>(&item.listed()).ok());
        }
        said.reverse();
        said.push(summary);
        let object = json!({
            "id": format!("resp_{}", self.id),
            "object": "response.compaction",
            "created_at": self.created,
            "output": said,
            "usage": answer.get("usage"),
        });
        Some(object.to_string().into_bytes())
    }
}

/// The message that contains a summary.
pub fn message(summary: Option<&str>) -> String {
    let said = match summary {
        Some(summary) => format!("{LEAD}\n\n{summary}"),
        None => UNREADABLE.to_owned(),
    };
    message_of(&Value::from(said).to_string())
}

fn is_ours(words: &str) -> bool {
    words.starts_with(LEAD) || words.starts_with(UNREADABLE)
}

/// The text of an answer.
fn words(answer: &Value) -> String {
    let list = |value: &Value, name: &str| {
        let list = value.get(name).and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    let mut words = String::new();
    for part in list(answer, "output")
        .iter()
        .flat_map(|item| list(item, "content"))
    {
        if part.get("type").and_then(Value::as_str) == Some("output_text") {
            words.push_str(part.get("text").and_then(Value::as_str).unwrap_or_default());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(body: &str) -> Value {
        serde_json::from_slice(&request(body.as_bytes()).expect(body)).unwrap()
    }

    #[test]
    fn a_summary_is_asked_for_behind_the_conversation() {
        let body = asked(
            r#"{"model":"m","input":[{"n":1}],"tools":[{"type":"function"}],"tool_choice":"required",
            "stream":false,"text":{"format":{"type":"json_object"}},"instructions":"i"}"#,
        );
        assert_eq!(body["input"][0], json!({"n": 1}));
        assert_eq!(body["input"][1]["content"][0]["text"], PROMPT);
        assert_eq!(
            (&body["tool_choice"], &body["store"]),
            (&json!("none"), &json!(false))
        );
        assert_eq!(
            (&body["instructions"], &body["tools"][0]["type"]),
            (&json!("i"), &json!("function"))
        );
        for gone in ["stream", "text"] {
            assert_eq!(body.get(gone), None, "{gone}");
        }
        for (input, before) in [
            (r#","input":"hi""#, 1),
            (r#","input":[ ]"#, 0),
            ("", 0),
            (r#","input":null"#, 0),
        ] {
            let body = asked(&format!(r#"{{"model":"m"{input}}}"#));
            assert_eq!(
                body["input"].as_array().unwrap().len(),
                before + 1,
                "{input}"
            );
            assert_eq!(body.get("tool_choice"), None);
        }
        assert_eq!(request(b"[]"), None);
    }

    fn items(texts: &[String]) -> Vec<Arc<Item>> {
        texts
            .iter()
            .map(|text| Arc::new(Item::new(text, 1)))
            .collect()
    }

    #[test]
    fn the_answer_has_the_vendors_shape() {
        let sealer = Sealer::new("k").unwrap();
        let said = |text: &str| message_of(&Value::from(text).to_string());
        let items = items(&[
            said(&"x".repeat(MOST_WORDS)),
            said("first"),
            r#"{"role":"assistant","content":"no"}"#.to_owned(),
            message(Some("an older summary")),
            r#"{"role":"user","content":[{"type":"input_image","image_url":"data:"}]}"#.to_owned(),
            r#"{"role":"user","content":"second"}"#.to_owned(),
        ]);
        let answer = json!({"output": [{"type": "reasoning", "summary": []},
            {"type": "message", "content": [{"type": "output_text", "text": "the summary"}]}],
            "usage": {"input_tokens": 5, "output_tokens": 2}});
        let answer = answer.to_string();
        let compacted = Compacted {
            id: "1",
            created: 7,
            answer: answer.as_bytes(),
            items: &items,
        };
        let object: Value = serde_json::from_slice(&compacted.object(&sealer).unwrap()).unwrap();
        assert_eq!(object["object"], "response.compaction");
        assert_eq!(
            (&object["id"], &object["created_at"]),
            (&json!("resp_1"), &json!(7))
        );
        assert_eq!(object["usage"]["input_tokens"], 5);
        let output = object["output"].as_array().unwrap();
        let words: Vec<&Value> = output
            .iter()
            .map(|item| &item["content"][0]["text"])
            .collect();
        assert_eq!(words, [&json!("first"), &json!("second"), &Value::Null]);
        assert_eq!(
            (&output[2]["type"], &output[2]["id"]),
            (&json!("compaction"), &json!("cmp_1"))
        );
        let sealed = output[2]["encrypted_content"].as_str().unwrap();
        assert_eq!(sealer.open(sealed).as_deref(), Some("the summary"));
        let silent = Compacted {
            answer: br#"{"output":[]}"#,
            ..compacted
        };
        assert_eq!(silent.object(&sealer), None);
    }
}
