//! xAI's Responses API. It has other tools than OpenAI's, and refuses some members
//! (<https://docs.x.ai/developers/rest-api-reference/inference/responses>).

use serde::Deserialize;

use super::compat;
use super::headers::CallHeaders;
use super::request::{self, Request};
use super::target::{Action, Call};
use super::url;
use crate::failure::{Failure, Headers};
use crate::json::Splice;

const BASE: &str = "https://api.x.ai/v1";
/// Its tools.
const TOOLS: [&str; 7] = [
    "function",
    "web_search",
    "web_search_preview",
    "x_search",
    "file_search",
    "code_interpreter",
    "mcp",
];
/// What a request without tools must not have.
const ABOUT_TOOLS: [&str; 3] = ["tools", "tool_choice", "parallel_tool_calls"];

pub fn request<'a>(call: &Call<'a>) -> Result<Request<'a>, Failure> {
    match call.action {
        Action::Generate => {}
        other => return Err(other.unsupported()),
    }
    let uri = url::under(call.target.base_or(BASE), "/responses")?;
    let mut headers = Headers::of_call(call, call.stream);
    headers.bearer(call);
    headers.credential(call);
    Ok(Request {
        uri,
        headers,
        body: body(call)?,
    })
}

/// The list of models.
pub fn models<'a>(call: &Call<'a>) -> Result<Request<'a>, Failure> {
    compat::models_at(call, call.target.base_or(BASE), "/models")
}

fn body<'a>(call: &Call<'a>) -> Result<Splice<'a>, Failure> {
    let mut body = request::renamed(call, call.model);
    let members = request::members(call)?;
    let mut has_tools = false;
    for member in &members {
        let raw = request::raw(call, member);
        let new = match &*member.key {
            "stop" => {
                body.remove(member);
                None
            }
            "input" => input(raw),
            "tools" => {
                let tools = tools(raw);
                let count = crate::json::elements(tools.as_deref().unwrap_or(raw));
                has_tools = count.is_ok_and(|tools| !tools.is_empty());
                tools
            }
            _ => None,
        };
        if let Some(new) = new {
            body.replace(member.value, new);
        }
    }
    if !has_tools {
        let about_tools = members
            .iter()
            .filter(|member| ABOUT_TOOLS.contains(&&*member.key));
        about_tools.for_each(|member| body.remove(member));
    }
    Ok(body)
}

/// The items without reasoning that another vendor has encrypted; `None` if there is none.
fn input(raw: &[u8]) -> Option<Vec<u8>> {
    memchr::memmem::find(raw, b"\"encrypted_content\"")
        .and_then(|_| request::filtered(raw, |item| !is_foreign_reasoning(item)))
}

/// OpenAI's is recognised by its beginning (a Fernet token), that of others by the tag that holdfast gives it.
fn is_foreign_reasoning(item: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Item {
        encrypted_content: Option<String>,
    }
    let item: Option<Item> = serde_json::from_slice(item).ok();
    let encrypted = item.and_then(|item| item.encrypted_content);
    encrypted.is_some_and(|text| text.starts_with("gAAAA") || text.contains('#'))
}

/// The tools that it has, as it has them; `None` if nothing changes.
fn tools(raw: &[u8]) -> Option<Vec<u8>> {
    let known = request::filtered(raw, |tool| TOOLS.contains(&&*kind(tool)));
    let changed = request::mapped(known.as_deref().unwrap_or(raw), tool);
    changed.or(known)
}

fn kind(tool: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Tool {
        #[serde(rename = "type")]
        kind: String,
    }
    let tool: Option<Tool> = serde_json::from_slice(tool).ok();
    tool.map_or_else(String::new, |tool| tool.kind)
}

fn tool(raw: &[u8]) -> Option<Vec<u8>> {
    let kind = kind(raw);
    request::changed(raw, |members, tool| {
        let find = |key: &str| members.iter().find(|member| member.key == key);
        match kind.as_str() {
            "function" if find("parameters").is_none() => {
                tool.append_member("parameters", r#"{"type":"object","properties":{}}"#);
                true
            }
            // Only OpenAI has it.
            "web_search" => find("external_web_access")
                .inspect(|member| tool.remove(member))
                .is_some(),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: Option<Vec<u8>>) -> Option<String> {
        bytes.map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn tools_are_those_of_xai() {
        for (given, expected) in [
            (r#"[{"type":"x_search"},{"type":"mcp"}]"#, None),
            (
                r#"[{"type":"image_generation"},{"type":"web_search"},{"type":"local_shell"}, 1]"#,
                Some(r#"[{"type":"web_search"}]"#),
            ),
            (r#"[{"type":"custom","name":"f"}]"#, Some("[]")),
            (
                r#"[{"type":"web_search","external_web_access":false,"filters":{}}]"#,
                Some(r#"[{"type":"web_search","filters":{}}]"#),
            ),
            (
                r#"[{"type":"tool_search"},{"type":"function","name":"f"}]"#,
                Some(
                    r#"[{"type":"function","name":"f","parameters":{"type":"object","properties":{}}}]"#,
                ),
            ),
            (r#"[{"type":"function","name":"f","parameters":{}}]"#, None),
            ("null", None),
        ] {
            assert_eq!(
                text(tools(given.as_bytes())).as_deref(),
                expected,
                "{given}"
            );
        }
    }

    #[test]
    fn only_its_own_encrypted_reasoning_is_sent() {
        for (given, expected) in [
            (
                r#"[{"type":"reasoning","encrypted_content":"gAAAAB"},{"role":"user","content":"a"},{"type":"reasoning","encrypted_content":"claude#b"}]"#,
                Some(r#"[{"role":"user","content":"a"}]"#),
            ),
            (
                r#"[{"type":"reasoning","encrypted_content":"own"},{"encrypted_content":null}]"#,
                None,
            ),
            (r#"[{"role":"user","content":"gAAAA#"}]"#, None),
            (r#""hi \"encrypted_content\"""#, None),
        ] {
            assert_eq!(
                text(input(given.as_bytes())).as_deref(),
                expected,
                "{given}"
            );
        }
    }
}
