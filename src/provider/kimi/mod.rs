//! Kimi for coding: Chat Completions, and the Messages API for clients of that dialect and for counting tokens.

mod conversation;

use std::borrow::Cow;

use http::header::CACHE_CONTROL;

use super::claude;
use super::compat;
use super::headers::CallHeaders;
use super::request::{self, Request};
use super::target::{Action, Call};
use super::url;
use crate::credential::UpstreamKind;
use crate::failure::{Failure, Headers};

const BASE: &str = "https://api.kimi.com/coding";

pub fn request<'a>(call: &Call<'a>) -> Result<Request<'a>, Failure> {
    let model = upstream_name(call.model);
    if call.target.kind == UpstreamKind::KimiMessages {
        return claude::messages(call, BASE, &model);
    }
    match call.action {
        Action::Generate => {}
        other => return Err(other.unsupported()),
    }
    let uri = url::under(call.target.base_or(BASE), "/v1/chat/completions")?;
    let mut headers = Headers::of_call(call, call.stream);
    headers.bearer(call);
    headers.credential(call);
    if call.stream {
        headers.put(CACHE_CONTROL, "no-cache");
    }
    let mut body = request::renamed(call, &model);
    for member in request::members_with(call, "tool_calls")? {
        if member.key == "messages"
            && let Some(messages) = conversation::repaired(request::raw(call, &member))
        {
            body.replace(member.value, messages);
        }
    }
    Ok(Request { uri, headers, body })
}

/// The list of models.
pub fn models<'a>(call: &Call<'a>) -> Result<Request<'a>, Failure> {
    compat::models_at(call, call.target.base_or(BASE), "/v1/models")
}

/// The vendor's name of a model. Users know the models with `kimi-` in front, and Claude Code appends `[1m]`.
fn upstream_name(model: &str) -> Cow<'_, str> {
    let model = model.trim();
    let name = match model.get(model.len().saturating_sub(4)..) {
        Some(end) if end.eq_ignore_ascii_case("[1m]") => model.strip_suffix(end).unwrap_or(model),
        _ => model,
    };
    let after = |start: &str| {
        let beginning = name.get(..start.len())?;
        let rest = name.get(start.len()..)?;
        beginning.eq_ignore_ascii_case(start).then_some(rest)
    };
    match (after("kimi-k2.7-code"), after("kimi-for-coding")) {
        (Some(rest @ ("" | "-highspeed")), _) => Cow::Owned(format!("kimi-for-coding{rest}")),
        (_, Some(_)) => Cow::Borrowed(name),
        _ => Cow::Borrowed(
            after("kimi-")
                .filter(|rest| !rest.is_empty())
                .unwrap_or(name),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_have_the_vendors_names() {
        for (asked, expected) in [
            ("kimi-k2.5", "k2.5"),
            ("Kimi-K2-thinking", "K2-thinking"),
            ("kimi-k3[1m]", "k3"),
            ("k3", "k3"),
            ("K3[1M]", "K3"),
            ("kimi-k3-256k", "k3-256k"),
            ("kimi-k2.7-code", "kimi-for-coding"),
            ("kimi-k2.7-code[1m]", "kimi-for-coding"),
            ("KIMI-k2.7-code-highspeed", "kimi-for-coding-highspeed"),
            ("kimi-k2.7-code-other", "k2.7-code-other"),
            ("kimi-for-coding", "kimi-for-coding"),
            ("kimi-for-coding-highspeed", "kimi-for-coding-highspeed"),
            ("kimi-", "kimi-"),
            ("[1m]", ""),
            ("é", "é"),
            ("", ""),
        ] {
            assert_eq!(upstream_name(asked), expected, "{asked}");
        }
    }
}
