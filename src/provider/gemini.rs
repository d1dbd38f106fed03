//! The Gemini API with an API key.

use http::header::HeaderName;

use super::headers::CallHeaders;
use super::request::{self, Request};
use super::target::{Action, Call};
use super::url;
use crate::failure::{Failure, Headers};
use crate::json::Splice;

const X_GOOG_API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");
const BASE: &str = "https://generativelanguage.googleapis.com";

pub fn request<'a>(call: &Call<'a>) -> Result<Request<'a>, Failure> {
    google(call, BASE, "/v1beta/models/")
}

/// A page of the list of models.
pub fn models<'a>(call: &Call<'a>, page: &str) -> Result<Request<'a>, Failure> {
    let base = call.target.base_or(BASE);
    let uri = url::under(base, &format!("/v1beta/models?pageSize=1000{page}"))?;
    let mut headers = Headers::of_call(call, false);
    if let Some(key) = call.target.key {
        headers.set_secret(X_GOOG_API_KEY, key.reveal().to_owned());
    }
    headers.credential(call);
    let body = Splice::new(call.body);
    Ok(Request { uri, headers, body })
}

/// A call of either Google API. They differ in the path of their models.
pub fn google<'a>(call: &Call<'a>, own_base: &str, models: &str) -> Result<Request<'a>, Failure> {
    let base = call.target.base_or(own_base);
    let bare = call.model.strip_prefix("models/").unwrap_or(call.model);
    let model = url::model(bare)?;
    let method = method(call)?;
    let uri = url::under(base, &format!("{models}{model}:{method}"))?;

    let mut headers = Headers::of_call(call, call.stream && call.action == Action::Generate);
    if let Some(key) = call.target.key {
        headers.set_secret(X_GOOG_API_KEY, key.reveal().to_owned());
    }
    headers.forward(call, &["x-goog-api-client"]);
    headers.credential(call);

    let said = call
        .model_span
        .and_then(|span| call.body.get(span.start..span.end));
    let mut body = match said {
        Some(said) if said.starts_with(b"\"models/") => {
            request::renamed(call, &format!("models/{bare}"))
        }
        _ => request::renamed(call, call.model),
    };
    for member in request::members_with(call, "session_id")? {
        if member.key == "session_id" {
            body.remove(&member);
        }
    }
    Ok(Request { uri, headers, body })
}

/// The last part of the path. A client's `alt` becomes `$alt`, except for streams, which are always requested with
/// `alt=sse`, because Google sends events only then. `json` may have parameters, for example for enumerations.
pub fn method(call: &Call) -> Result<String, Failure> {
    let plain = match (call.action, call.stream) {
        (Action::Generate, true) => "streamGenerateContent",
        (Action::Generate, false) => "generateContent",
        (Action::Count, _) => return Ok("countTokens".to_owned()),
        (other, _) => return Err(other.unsupported()),
    };
    let is_json = |alt: &str| matches!(alt.split(';').next(), Some("" | "sse" | "json"));
    Ok(match (call.alt, call.stream) {
        (alt, true) if alt.is_none_or(is_json) => format!("{plain}?alt=sse"),
        (None | Some("" | "sse"), _) => plain.to_owned(),
        (Some(alt), _) => format!("{plain}?$alt={}", url::value(alt)),
    })
}
