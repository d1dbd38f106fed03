//! What a request allows and contains: declared tools, a schema, reasoning, images, results of tools. Each dialect has
//! its own place for it. Gemini takes each name in camelCase and in snake_case, as all of Google's JSON APIs do
//! (ProtoJSON), and its SDK sends both.

use serde_json::{Map, Value};

use super::target::Dialect;

/// What makes reasoning count as the vendor's own when it comes back.
pub const SIGNATURE: &str = "EpIBCkgIARABGAIiQGRlbW8gdGhvdWdodHMgYXJlIHNpZ25lZCBieSB0aGUgZGVtbw==";

/// The JSON of a request, with the conversation in it.
pub struct Offers<'a> {
    pub dialect: Dialect,
    pub body: &'a Value,
    /// The messages, oldest first.
    pub spoken: &'a [Value],
}

impl Offers<'_> {
    /// Whether a tool of this name is declared, with a parameter for each of the `arguments`.
    pub fn has_tool(&self, name: &str, arguments: &Value) -> bool {
        let mut functions = self.functions();
        functions.any(|(known, schema)| known == name && covers(schema, arguments))
    }

    /// The call of a declared `get_…` that the prompt asks about, as in the examples of all vendors; what it requires
    /// is the prompt.
    pub fn call_for(&self, prompt: &str) -> Option<(String, String)> {
        let is_asked = prompt.trim_end().ends_with('?');
        let mut words = prompt.split(|c: char| !c.is_alphanumeric());
        let (name, schema) = self.functions().filter(|_| is_asked).find(|(name, _)| {
            let thing = name.strip_prefix("get_");
            thing.is_some_and(|thing| words.any(|word| word.eq_ignore_ascii_case(thing)))
        })?;
        let required = elements(&schema["required"]).filter_map(Value::as_str);
        let arguments: Map<String, Value> = required
            .map(|name| (name.to_owned(), prompt.into()))
            .collect();
        Some((name.to_owned(), Value::from(arguments).to_string()))
    }

    /// Name and schema of each function that is declared.
    fn functions(&self) -> impl Iterator<Item = (&str, &Value)> {
        const SCHEMA: [&str; 4] = [
            "parameters",
            "parametersJsonSchema",
            "parameters_json_schema",
            "input_schema",
        ];
        let functions = elements(&self.body["tools"]).flat_map(|tool| match self.dialect {
            Dialect::Chat => std::slice::from_ref(&tool["function"]),
            Dialect::Responses | Dialect::Messages => std::slice::from_ref(tool),
            Dialect::Gemini => first_of(tool, &["functionDeclarations", "function_declarations"])
                .as_array()
                .map_or(&[][..], |all| all),
        });
        functions
            .filter_map(|function| Some((function["name"].as_str()?, first_of(function, &SCHEMA))))
    }

    /// Whether the answer shall follow a schema with all members of `answer`.
    pub fn has_schema(&self, answer: &Value) -> bool {
        let body = self.body;
        let schema = match self.dialect {
            Dialect::Chat => &body["response_format"]["json_schema"]["schema"],
            Dialect::Responses => &body["text"]["format"]["schema"],
            Dialect::Messages => &body["output_config"]["format"]["schema"],
            Dialect::Gemini => first_of(
                &body["generationConfig"],
                &[
                    "responseSchema",
                    "responseJsonSchema",
                    "response_schema",
                    "response_json_schema",
                ],
            ),
        };
        covers(schema, answer)
    }

    /// Whether the answer may begin with reasoning.
    pub fn may_reason(&self) -> bool {
        let body = self.body;
        match self.dialect {
            Dialect::Chat => body["reasoning_effort"].is_string(),
            Dialect::Responses => body["reasoning"]["summary"].is_string(),
            Dialect::Messages => body["thinking"]["type"]
                .as_str()
                .is_some_and(|kind| kind != "disabled"),
            Dialect::Gemini => {
                let config = &body["generationConfig"];
                let thinking = first_of(config, &["thinkingConfig", "thinking_config"]);
                *first_of(thinking, &["includeThoughts", "include_thoughts"]) == true
            }
        }
    }

    /// The last picture of the last message, as a `data:` URL.
    pub fn picture(&self) -> Option<String> {
        let data_url = |kind: &Value, data: &Value| {
            Some(format!("data:{};base64,{}", kind.as_str()?, data.as_str()?))
        };
        let mut parts = parts(self.spoken.last()?).rev();
        parts.find_map(|part| match self.dialect {
            Dialect::Chat => Some(part["image_url"]["url"].as_str()?.to_owned()),
            Dialect::Responses => Some(part["image_url"].as_str()?.to_owned()),
            Dialect::Messages => data_url(&part["source"]["media_type"], &part["source"]["data"]),
            Dialect::Gemini => {
                let picture = first_of(part, &["inlineData", "inline_data"]);
                let kind = first_of(picture, &["mimeType", "mime_type"]);
                // Here, and only here, the alphabet for URLs is welcome too; the SDK sends it.
                let data = picture["data"]
                    .as_str()?
                    .replace('-', "+")
                    .replace('_', "/");
                data_url(kind, &data.into())
            }
        })
    }

    /// Whether reasoning comes back that this upstream has not signed. Only Messages cares.
    pub fn has_foreign_reasoning(&self) -> bool {
        self.dialect == Dialect::Messages
            && self
                .spoken
                .iter()
                .flat_map(parts)
                .any(|part| part["type"] == "thinking" && part["signature"] != SIGNATURE)
    }

    /// What tools have answered since the assistant spoke last, in words; empty if nothing.
    ///
    /// # Errors
    /// When a result is not that of a call in this conversation.
    pub fn results(&self) -> Result<Vec<String>, String> {
        let mut results = Vec::new();
        match self.dialect {
            Dialect::Chat => {
                for message in self.spoken.iter().rev() {
                    if message["role"] != "tool" {
                        break;
                    }
                    results.push((&message["tool_call_id"], &message["content"]));
                }
                results.reverse();
            }
            Dialect::Responses => {
                for item in self.spoken.iter().rev() {
                    if item["type"] != "function_call_output" {
                        break;
                    }
                    results.push((&item["call_id"], &item["output"]));
                }
                results.reverse();
            }
            Dialect::Messages => results.extend(
                self.spoken
                    .last()
                    .into_iter()
                    .flat_map(parts)
                    .filter(|part| part["type"] == "tool_result")
                    .map(|part| (&part["tool_use_id"], &part["content"])),
            ),
            Dialect::Gemini => results.extend(
                self.spoken
                    .last()
                    .into_iter()
                    .flat_map(parts)
                    .map(|part| first_of(part, &["functionResponse", "function_response"]))
                    .filter(|result| !result.is_null())
                    .map(|result| (&result["name"], &result["response"])),
            ),
        }
        results
            .into_iter()
            .map(|(id, result)| match id.as_str() {
                Some(id) if self.has_call(id) => Ok(words(result)),
                _ => Err(format!("no tool was called as {id}")),
            })
            .collect()
    }

    /// Whether the assistant has made this call. Gemini knows calls by the function's name.
    fn has_call(&self, id: &str) -> bool {
        self.spoken.iter().any(|message| match self.dialect {
            Dialect::Chat => elements(&message["tool_calls"]).any(|call| call["id"] == id),
            Dialect::Responses => message["type"] == "function_call" && message["call_id"] == id,
            Dialect::Messages => {
                parts(message).any(|part| part["type"] == "tool_use" && part["id"] == id)
            }
            Dialect::Gemini => parts(message)
                .any(|part| first_of(part, &["functionCall", "function_call"])["name"] == id),
        })
    }
}

/// All the text of a message, a line for each part.
pub fn text(message: &Value) -> String {
    if let Value::String(text) = &message["content"] {
        return text.clone();
    }
    let texts: Vec<&str> = parts(message)
        .filter_map(|part| part["text"].as_str())
        .collect();
    texts.join("\n")
}

fn parts(message: &Value) -> std::slice::Iter<'_, Value> {
    first_of(message, &["content", "parts"])
        .as_array()
        .map_or(&[][..], |all| all)
        .iter()
}

fn elements(array: &Value) -> impl Iterator<Item = &Value> {
    array.as_array().into_iter().flatten()
}

/// The first of these members that there is.
fn first_of<'a>(value: &'a Value, names: &[&str]) -> &'a Value {
    names
        .iter()
        .map(|name| &value[*name])
        .find(|member| !member.is_null())
        .unwrap_or(&Value::Null)
}

/// Whether `schema` has a property for each member of `object`.
fn covers(schema: &Value, object: &Value) -> bool {
    object.as_object().is_some_and(|members| {
        members
            .keys()
            .all(|name| !schema["properties"][name].is_null())
    })
}

/// A tool's result, which may be a string, an object with one, or parts with text.
fn words(result: &Value) -> String {
    match result {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        Value::Object(members) => match members.values().next() {
            Some(Value::String(text)) if members.len() == 1 => text.clone(),
            _ => result.to_string(),
        },
        _ => result.to_string(),
    }
}
