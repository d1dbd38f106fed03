//! Upstreams with the Responses API.
//!
//! The backend of ChatGPT has its own dialect: it only streams, stores no responses, rejects some fields and has other
//! names for some values. For a client that wants one body, the relay [collects](collect()) the stream. Other upstreams get the client's bytes unchanged,
//! except for the model's name.

mod collect;
mod flavour;

pub use collect::collect;
use http::header::HeaderName;

use super::headers::CallHeaders;
use super::request::{self, Request};
use super::target::{Action, Call, Stored};
use super::url;
use crate::credential::is_chatgpt;
use crate::failure::{Failure, Headers};
use crate::json::{Member, Splice};

const SESSION_ID: HeaderName = HeaderName::from_static("session_id");
/// Which of the accounts of a login is meant.
const ACCOUNT_ID: HeaderName = HeaderName::from_static("chatgpt-account-id");
/// Headers of the client that are passed to this API.
const FORWARDED: &[&str] = &[
    "originator",
    "version",
    "session_id",
    "session-id",
    "thread-id",
    "conversation_id",
    "x-client-request-id",
    "x-codex-*",
    "openai-beta",
    "x-openai-subagent",
    "x-responsesapi-include-timing-metrics",
];

/// Fields of Responses that the backend of ChatGPT rejects.
const REMOVED: &[&str] = &[
    "max_output_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "truncation",
    "user",
    "previous_response_id",
    "prompt_cache_retention",
    "prompt_cache_options",
    "safety_identifier",
    "stream_options",
    "context_management",
];

const ENCRYPTED_REASONING: &str = "reasoning.encrypted_content";

pub fn request<'a>(call: &Call<'a>) -> Result<Request<'a>, Failure> {
    let is_chatgpt = is_chatgpt(call.target.base_url);
    let path = match call.action {
        Action::Generate => "/responses",
        Action::Compact => "/responses/compact",
        Action::Count if is_chatgpt => return Err(call.action.unsupported()),
        Action::Count => "/responses/input_tokens",
        Action::Stored(stored) => return self::stored(call, stored),
        Action::Models(_) | Action::Forward(_) => return Err(call.action.unsupported()),
    };
    if call.action == Action::Compact && call.stream {
        return Err(Failure::request("compaction cannot be streamed"));
    }
    let uri = url::under(call.target.base_url, path)?;
    let (body, cache_key) = match call.action {
        Action::Compact => compacting(call, is_chatgpt)?,
        _ if !is_chatgpt => (request::renamed(call, call.model), None),
        _ if call.is_flavoured => forced(call)?,
        _ => flavoured(call)?,
    };
    let streams = call.action == Action::Generate && (call.stream || is_chatgpt);
    let mut headers = Headers::of_call(call, streams);
    authenticate(call, &mut headers);
    if let Some(key) = cache_key {
        headers.set(SESSION_ID, &key);
    }
    headers.forward(call, FORWARDED);
    headers.defaults(call);
    headers.credential(call);
    Ok(Request { uri, headers, body })
}

/// A request about a stored response.
fn stored<'a>(call: &Call<'a>, stored: Stored<'_>) -> Result<Request<'a>, Failure> {
    let uri = url::under(call.target.base_url, &format!("/responses/{}", stored.path))?;
    let mut headers = Headers::of_call(call, call.stream);
    authenticate(call, &mut headers);
    headers.forward(call, FORWARDED);
    headers.credential(call);
    Ok(Request {
        uri,
        headers,
        body: Splice::new(call.body),
    })
}

/// The list of models.
pub fn models<'a>(call: &Call<'a>) -> Result<Request<'a>, Failure> {
    let uri = url::under(call.target.base_url, "/models")?;
    let mut headers = Headers::of_call(call, false);
    authenticate(call, &mut headers);
    headers.credential(call);
    let body = Splice::new(call.body);
    Ok(Request { uri, headers, body })
}

fn authenticate(call: &Call<'_>, headers: &mut Headers) {
    headers.bearer(call);
    let account = call.target.account;
    if let Some(id) = account.and_then(|account| account.id.as_deref()) {
        headers.set(ACCOUNT_ID, id);
    }
}

/// The client's body as its upstream needs it. It may be changed further, and is sent with [`Call::is_flavoured`].
///
/// # Errors
/// When the body is not a JSON object.
pub fn flavour(call: &Call) -> Result<Vec<u8>, Failure> {
    let body = match is_chatgpt(call.target.base_url) {
        true => flavoured(call)?.0,
        false => request::renamed(call, call.model),
    };
    Ok(request::joined(&body))
}

/// A body that was prepared for the backend and then changed by payload rules: only what the API always rejects is
/// corrected, so that the rules have the last word otherwise.
fn forced<'a>(call: &Call<'a>) -> Result<(Splice<'a>, Option<String>), Failure> {
    const REFUSED: [&str; 4] = [
        "previous_response_id",
        "prompt_cache_retention",
        "safety_identifier",
        "stream_options",
    ];
    let missing = &[("stream", "true"), ("instructions", "\"\"")];
    edited(call, missing, |body, member, raw| match &*member.key {
        "stream" if raw != b"true" => body.replace(member.value, &b"true"[..]),
        "instructions" if raw == b"null" => body.replace(member.value, &b"\"\""[..]),
        key if REFUSED.contains(&key) => body.remove(member),
        _ => {}
    })
}

/// The client's body with the top-level members that the backend needs, and its cache key.
fn flavoured<'a>(call: &Call<'a>) -> Result<(Splice<'a>, Option<String>), Failure> {
    let missing = &[
        ("stream", "true"),
        ("store", "false"),
        ("instructions", "\"\""),
        ("include", "[\"reasoning.encrypted_content\"]"),
        ("parallel_tool_calls", "true"),
    ];
    edited(call, missing, |body, member, raw| match &*member.key {
        "stream" if raw != b"true" => body.replace(member.value, &b"true"[..]),
        "store" if raw != b"false" => body.replace(member.value, &b"false"[..]),
        "instructions" if raw == b"null" => body.replace(member.value, &b"\"\""[..]),
        "parallel_tool_calls" if raw == b"null" => body.replace(member.value, &b"true"[..]),
        "include" => {
            if let Some(include) = with_reasoning(raw) {
                body.replace(member.value, include.into_bytes());
            }
        }
        "service_tier" if raw != b"\"priority\"" => body.remove(member),
        key if REMOVED.contains(&key) => body.remove(member),
        _ => respell(body, member, raw),
    })
}

/// Replaces the value of a member that the backend spells otherwise.
fn respell(body: &mut Splice<'_>, member: &Member<'_>, raw: &[u8]) {
    let new = match &*member.key {
        "input" => flavour::input(raw),
        "tools" => flavour::tools(raw),
        "tool_choice" => flavour::tool_choice(raw),
        _ => None,
    };
    if let Some(new) = new {
        body.replace(member.value, new);
    }
}

/// The client's body with every member edited, those of `missing` that it lacks appended, and its cache key.
fn edited<'a>(
    call: &Call<'a>,
    missing: &[(&str, &str)],
    edit: impl Fn(&mut Splice<'a>, &Member<'a>, &[u8]),
) -> Result<(Splice<'a>, Option<String>), Failure> {
    let mut body = request::renamed(call, call.model);
    let mut cache_key = None;
    let mut missing = missing.to_vec();
    for member in request::members(call)? {
        missing.retain(|(name, _)| *name != member.key);
        if member.key == "prompt_cache_key" {
            cache_key = request::text(call, &member).map(|text| text.into_owned());
        }
        edit(&mut body, &member, request::raw(call, &member));
    }
    for (name, value) in missing {
        body.append_member(name, value.as_bytes());
    }
    Ok((body, cache_key))
}

/// The body of a compaction, which cannot be streamed. ChatGPT requires instructions.
fn compacting<'a>(
    call: &Call<'a>,
    is_chatgpt: bool,
) -> Result<(Splice<'a>, Option<String>), Failure> {
    let mut body = request::renamed(call, call.model);
    let mut has_instructions = !is_chatgpt;
    for member in request::members(call)? {
        match &*member.key {
            "stream" => body.remove(&member),
            "instructions" if is_chatgpt => {
                has_instructions = true;
                if request::raw(call, &member) == b"null" {
                    body.replace(member.value, &b"\"\""[..]);
                }
            }
            _ if is_chatgpt => respell(&mut body, &member, request::raw(call, &member)),
            _ => {}
        }
    }
    if !has_instructions {
        body.append_member("instructions", &b"\"\""[..]);
    }
    Ok((body, None))
}

/// The `include` array with encrypted reasoning added; `None` if it has it already.
fn with_reasoning(raw: &[u8]) -> Option<String> {
    let mut include: Vec<serde_json::Value> = serde_json::from_slice(raw).unwrap_or_default();
    if include.iter().any(|item| item == ENCRYPTED_REASONING) {
        return None;
    }
    include.push(ENCRYPTED_REASONING.into());
    Some(serde_json::Value::from(include).to_string())
}
