//! Gemini Code Assist, with a credential file of Gemini CLI.

use http::Uri;
use serde_json::json;

use super::code_assist_body::{self, Inner};
use super::gemini;
use super::headers::CallHeaders;
use super::request::{Request, quoted};
use super::target::{Action, Call};
use super::url;
use crate::failure::{Failure, Headers};
use crate::json::Splice;
use crate::translate::gemini::schema::Profile;
use crate::translate::{self, Form, TranslationInput};
use crate::wire::Dialect;

pub const BASE: &str = "https://cloudcode-pa.googleapis.com";
const PROFILE: Profile = Profile::Envelope { validated: false };

pub fn request<'a>(call: &Call<'a>) -> Result<Request<'a>, Failure> {
    if let Action::Forward(method) = call.action {
        return forwarded(call, method);
    }
    let body = match call.action {
        Action::Count => counting(call)?,
        _ => generating(call)?,
    };
    let method = gemini::method(call)?;
    Ok(Request {
        uri: uri(call, &method)?,
        headers: headers(call),
        body,
    })
}

/// Another method, with the client's body as it is.
fn forwarded<'a>(call: &Call<'a>, method: &str) -> Result<Request<'a>, Failure> {
    let mut headers = headers(call);
    if call.target.key.is_none() && call.target.account.is_none() {
        // Nobody's credential is used but the client's own.
        for name in ["authorization", "x-goog-user-project"] {
            if let Some(value) = call.client_header(name) {
                headers.set_named(name, value);
            }
        }
    }
    Ok(Request {
        uri: uri(call, method)?,
        headers,
        body: Splice::new(call.body),
    })
}

/// The quotas of the project, one for each model.
pub fn models<'a>(call: &Call<'a>) -> Result<Request<'a>, Failure> {
    let body = match project(call) {
        Some(project) => json!({"project": project}),
        None => json!({}),
    };
    Ok(Request {
        uri: uri(call, "retrieveUserQuota")?,
        headers: headers(call),
        body: owned(body.to_string()),
    })
}

/// The URL of a method of Code Assist.
pub fn uri(call: &Call<'_>, method: &str) -> Result<Uri, Failure> {
    let base = call.target.base_or(BASE);
    url::under(base, &format!("/v1internal:{method}"))
}

pub fn headers(call: &Call<'_>) -> Headers {
    let mut headers = Headers::of_call(call, call.stream && call.action == Action::Generate);
    headers.bearer(call);
    headers.forward(call, &["x-goog-api-client"]);
    headers.credential(call);
    headers
}

/// The project of the account.
pub fn project<'a>(call: &Call<'a>) -> Option<&'a str> {
    let project = call.target.account?.project.as_deref()?.trim();
    (!project.is_empty()).then_some(project)
}

/// The model without the collection that Google's clients put in front of it.
pub fn model<'a>(call: &Call<'a>) -> &'a str {
    call.model.strip_prefix("models/").unwrap_or(call.model)
}

/// A body that is not the client's.
pub fn owned(body: String) -> Splice<'static> {
    let mut splice = Splice::new(&[]);
    splice.wrap(body.into_bytes(), Vec::new());
    splice
}

fn generating<'a>(call: &Call<'a>) -> Result<Splice<'a>, Failure> {
    let mut body = Inner::of(call.body, PROFILE)?.body;
    let project = project(call).map(|project| format!("\"project\":{},", quoted(project)));
    let lead = format!(
        "{{\"model\":{},{}\"request\":",
        quoted(model(call)),
        project.unwrap_or_default()
    );
    body.wrap(lead.into_bytes(), &b"}"[..]);
    Ok(body)
}

/// The vendor's form, which has the conversation alone.
fn counting<'a>(call: &Call<'a>) -> Result<Splice<'a>, Failure> {
    let inner = Inner::of(code_assist_body::counted(call.body), PROFILE)?;
    let contents = inner.find(["contents", "contents"]);
    let contents = contents.map_or(&b"[]"[..], |contents| inner.raw(contents));
    let mut body = Splice::new(contents);
    let model = quoted(&format!("models/{}", model(call)));
    let lead = format!("{{\"request\":{{\"model\":{model},\"contents\":");
    body.wrap(lead.into_bytes(), &b"}}"[..]);
    Ok(body)
}

/// The estimated tokens of what the vendor's form of counting leaves out: system text and tools.
pub fn uncounted(call: &Call<'_>) -> u64 {
    let body = code_assist_body::counted(call.body);
    let Ok(mut inner) = Inner::of(body, PROFILE) else {
        return 0;
    };
    let is_left_out = |key: &str| {
        matches!(
            key,
            "systemInstruction" | "system_instruction" | "tools" | "toolConfig" | "tool_config"
        )
    };
    if !inner.members.iter().any(|member| is_left_out(&member.key)) {
        return 0;
    }
    inner.body = Splice::new(body);
    for member in &inner.members {
        if !is_left_out(&member.key) {
            inner.body.remove(member);
        }
    }
    inner.body.append_member("contents", "[]");
    let body = inner.body.pieces().collect::<Vec<_>>().concat();
    let input = TranslationInput {
        client: Dialect::Gemini,
        form: Form::Usual,
        upstream: Dialect::Gemini,
        body: &body,
        model: call.model,
        upstream_model: call.model,
        stream: false,
        suffix: None,
        support: None,
        seed: "",
        now: 0,
    };
    translate::estimated_tokens(&input).unwrap_or_default()
}
