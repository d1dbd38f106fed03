//! The client's Gemini request as Code Assist takes it inside its envelope.

use serde_json::Value;
use serde_json::value::RawValue;

use super::request::quoted;
use crate::failure::Failure;
use crate::json::{self, Member, Span, Splice};
use crate::translate::gemini::schema::{Profile, clean};
use crate::translate::neutral::untranslatable::MOST_TREE;

/// The schema of an object that may be anything.
const NO_PROPERTIES: &str = r#"{"type":"object"}"#;

/// A request, and its edits.
pub struct Inner<'a> {
    pub source: &'a [u8],
    pub members: Vec<Member<'a>>,
    pub body: Splice<'a>,
}

impl<'a> Inner<'a> {
    /// The request without its model and its session, which the envelope has, and with schemas of tools under `parameters`.
    ///
    /// # Errors
    /// When the body is not a JSON object, or a schema is too long.
    pub fn of(source: &'a [u8], profile: Profile) -> Result<Self, Failure> {
        let members =
            json::members(source).map_err(|_| Failure::request("the body is not a JSON object"))?;
        let mut body = Splice::new(source);
        for member in &members {
            match &*member.key {
                "model" | "session_id" => body.remove(member),
                "system_instruction" => {
                    let key = Span {
                        start: member.whole.start,
                        end: member.value.start,
                    };
                    body.replace(key, &b"\"systemInstruction\":"[..]);
                }
                "tools" => {
                    if let Some(tools) = tools(raw(source, member), profile)? {
                        body.replace(member.value, tools.into_bytes());
                    }
                }
                _ => {}
            }
        }
        Ok(Self {
            source,
            members,
            body,
        })
    }

    /// The member with one of these names.
    pub fn find(&self, names: [&str; 2]) -> Option<&Member<'a>> {
        let mut members = self.members.iter();
        members.find(|member| names.contains(&&*member.key))
    }

    pub fn raw(&self, member: &Member<'_>) -> &'a [u8] {
        raw(self.source, member)
    }
}

/// The bytes of a member's value.
pub fn raw<'a>(source: &'a [u8], member: &Member<'_>) -> &'a [u8] {
    let Span { start, end } = member.value;
    source.get(start..end).unwrap_or_default()
}

/// The request in a body for counting: Gemini's clients may send it inside of `generateContentRequest`.
pub fn counted(body: &[u8]) -> &[u8] {
    let members = json::members(body).unwrap_or_default();
    let inner = members.iter().find(|member| {
        matches!(
            &*member.key,
            "generateContentRequest" | "generate_content_request"
        )
    });
    inner.map_or(body, |inner| raw(body, inner))
}

/// A schema in the form of `parameters` and `responseSchema`.
///
/// # Errors
/// When it is too long.
pub fn schema(raw: &str, profile: Profile) -> Result<String, Failure> {
    if raw.len() > MOST_TREE {
        return Err(Failure::request("a schema is too long for this upstream"));
    }
    let schema: Value = serde_json::from_str(raw).unwrap_or_default();
    Ok(clean(&schema, profile).to_string())
}

/// The tools with their schemas under `parameters`; `None` if they are so already.
fn tools(raw: &[u8], profile: Profile) -> Result<Option<String>, Failure> {
    let has = |name: &str| memchr::memmem::find(raw, name.as_bytes()).is_some();
    if !has("\"parametersJsonSchema\"") && !has("\"parameters_json_schema\"") {
        return Ok(None);
    }
    let Ok(tools) = serde_json::from_slice::<Vec<&RawValue>>(raw) else {
        return Ok(None);
    };
    list(tools, |tool| {
        edited(tool, |key, value| match key {
            "functionDeclarations" | "function_declarations" => {
                let Ok(declared) = serde_json::from_str::<Vec<&RawValue>>(value) else {
                    return Ok(Edit::Nothing);
                };
                let declared = list(declared, |function| declaration(function, profile))?;
                Ok(Edit::Replace(format!("{}:{declared}", quoted(key))))
            }
            _ => Ok(Edit::Nothing),
        })
    })
    .map(Some)
}

fn declaration(function: &str, profile: Profile) -> Result<String, Failure> {
    edited(function, |key, value| match key {
        "parametersJsonSchema" | "parameters_json_schema" => {
            let schema = schema(value, profile)?;
            // A function without parameters has none.
            Ok(match schema == NO_PROPERTIES {
                true => Edit::Remove,
                false => Edit::Replace(format!("\"parameters\":{schema}")),
            })
        }
        _ => Ok(Edit::Nothing),
    })
}

/// The list of the edited elements.
fn list(
    elements: Vec<&RawValue>,
    edit: impl Fn(&str) -> Result<String, Failure>,
) -> Result<String, Failure> {
    let mut out = String::from("[");
    for element in elements {
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(&edit(element.get())?);
    }
    out.push(']');
    Ok(out)
}

/// What is done with a member.
enum Edit {
    Nothing,
    /// Another member takes its place.
    Replace(String),
    Remove,
}

/// An object with edited members. What is no object stays as it is.
fn edited(
    object: &str,
    edit: impl Fn(&str, &str) -> Result<Edit, Failure>,
) -> Result<String, Failure> {
    let Ok(members) = json::members(object.as_bytes()) else {
        return Ok(object.to_owned());
    };
    let mut body = Splice::new(object.as_bytes());
    for member in &members {
        let value = object
            .get(member.value.start..member.value.end)
            .unwrap_or_default();
        match edit(&member.key, value)? {
            Edit::Nothing => {}
            Edit::Remove => body.remove(member),
            Edit::Replace(changed) => {
                let span = Span {
                    start: member.whole.start,
                    end: member.value.end,
                };
                body.replace(span, changed.into_bytes());
            }
        }
    }
    Ok(String::from_utf8_lossy(&body.pieces().collect::<Vec<_>>().concat()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Profile = Profile::Envelope { validated: false };

    fn inner(body: &str) -> String {
        let inner = Inner::of(body.as_bytes(), PLAIN).unwrap();
        String::from_utf8(inner.body.pieces().collect::<Vec<_>>().concat()).unwrap()
    }

    #[test]
    fn a_plain_request_keeps_its_bytes() {
        let body = r#"{ "contents":[{"role":"user","parts":[{"text":"a\u00e9"}]}], "x" : 1.50 }"#;
        assert_eq!(inner(body), body);
    }

    #[test]
    fn model_and_session_are_the_envelopes() {
        assert_eq!(
            inner(r#"{"model":"models/m","contents":[],"session_id":"s"}"#),
            r#"{"contents":[]}"#
        );
    }

    #[test]
    fn instructions_have_one_spelling() {
        assert_eq!(
            inner(r#"{"a":1, "system_instruction" : {"parts":[]} ,"b":2}"#),
            r#"{"a":1,"systemInstruction":{"parts":[]} ,"b":2}"#
        );
    }

    #[test]
    fn schemas_of_tools_are_parameters() {
        let body = r#"{"tools":[{"googleSearch":{}},{"functionDeclarations":[{"name":"a", "parametersJsonSchema":{"type":["string","null"],"x-y":1}},{"name":"b","parameters":{"type":"OBJECT"}}]}]}"#;
        let sent: Value = serde_json::from_str(&inner(body)).unwrap();
        let functions = &sent["tools"][1]["functionDeclarations"];
        assert_eq!(sent["tools"][0], serde_json::json!({"googleSearch": {}}));
        assert_eq!(functions[0]["parameters"]["type"], "string");
        assert!(functions[0]["parameters"].get("x-y").is_none());
        assert!(functions[0].get("parametersJsonSchema").is_none());
        assert_eq!(
            functions[1],
            serde_json::json!({"name": "b", "parameters": {"type": "OBJECT"}})
        );
    }

    #[test]
    fn long_schemas_are_refused() {
        let body = format!(
            r#"{{"tools":[{{"functionDeclarations":[{{"parametersJsonSchema":{{"description":"{}"}}}}]}}]}}"#,
            "x".repeat(MOST_TREE)
        );
        assert!(Inner::of(body.as_bytes(), PLAIN).is_err());
    }
}
