//! Vertex AI with an API key or a service account.

use http::Uri;

use super::code_assist_body;
use super::gemini::{google, method};
use super::gemini_cli::owned;
use super::headers::CallHeaders;
use super::request::Request;
use super::target::{Action, Call};
use super::{imagen, url};
use crate::failure::{Failure, Headers};
use crate::json::{self, Splice};

const BASE: &str = "https://aiplatform.googleapis.com";
const MODELS: &str = "publishers/google/models/";
/// The region of a service account that names none.
const LOCATION: &str = "us-central1";
/// What is counted.
const COUNTED: [&str; 6] = [
    "contents",
    "systemInstruction",
    "system_instruction",
    "tools",
    "generationConfig",
    "generation_config",
];

pub fn request<'a>(call: &Call<'a>) -> Result<Request<'a>, Failure> {
    let mut request = match call.target.account {
        None => google(call, BASE, &format!("/v1/{MODELS}"))?,
        Some(_) => with_account(call)?,
    };
    if call.draws() {
        request.uri = match call.target.account {
            None => uri(call, BASE, &format!("/v1/{MODELS}"), "predict")?,
            Some(_) => account_uri(call, "predict")?,
        };
        request.body = owned(imagen::body(call)?);
    } else if call.action == Action::Count {
        request.body = counting(call)?;
    }
    Ok(request)
}

/// A call with the token of a service account.
fn with_account<'a>(call: &Call<'a>) -> Result<Request<'a>, Failure> {
    let mut headers = Headers::of_call(call, call.stream && call.action == Action::Generate);
    headers.bearer(call);
    headers.forward(call, &["x-goog-api-client"]);
    headers.credential(call);
    // The body is the same, whatever the credential.
    let request = google(call, BASE, &format!("/v1/{MODELS}"))?;
    Ok(Request {
        uri: account_uri(call, &method(call)?)?,
        headers,
        body: request.body,
    })
}

fn account_uri(call: &Call<'_>, method: &str) -> Result<Uri, Failure> {
    let account = call.target.account;
    let project = account.and_then(|account| account.project.as_deref());
    let project = project.ok_or_else(Failure::no_project)?;
    let location = account.and_then(|account| account.location.as_deref());
    let location = location.map_or("", str::trim);
    let location = if location.is_empty() {
        LOCATION
    } else {
        location
    };
    let is_region = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if !location.bytes().all(is_region) {
        return Err(Failure::request(
            "the location of the service account is no region",
        ));
    }
    let base = match location {
        "global" => BASE.to_owned(),
        location => format!("https://{location}-aiplatform.googleapis.com"),
    };
    let path = format!(
        "/v1/projects/{}/locations/{location}/{MODELS}",
        url::value(project)
    );
    uri(call, &base, &path, method)
}

/// The URL of a model's method, below the credential's own base URL if it has one.
fn uri(call: &Call<'_>, own: &str, models: &str, method: &str) -> Result<Uri, Failure> {
    let base = match call.target.base_url {
        "" | BASE => own,
        base => base,
    };
    let bare = call.model.strip_prefix("models/").unwrap_or(call.model);
    url::under(base, &format!("{models}{}:{method}", url::model(bare)?))
}

/// The part of the request that is counted, without the form of the Gemini API.
fn counting<'a>(call: &Call<'a>) -> Result<Splice<'a>, Failure> {
    let source = code_assist_body::counted(call.body);
    let members =
        json::members(source).map_err(|_| Failure::request("the body is not a JSON object"))?;
    let mut body = Splice::new(source);
    for member in members {
        if !COUNTED.contains(&&*member.key) {
            body.remove(&member);
        }
    }
    Ok(body)
}
