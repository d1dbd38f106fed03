//! OpenAI-compatible servers with the Chat Completions API.

use http::header::{ACCEPT, CACHE_CONTROL};

use super::headers::CallHeaders;
use super::request::{self, Request};
use super::target::{Action, Call};
use super::url;
use crate::failure::{Failure, Headers};
use crate::json::Splice;

pub fn request<'a>(call: &Call<'a>) -> Result<Request<'a>, Failure> {
    let mut body = request::renamed(call, call.model);
    let path = match call.action {
        Action::Generate => "/chat/completions",
        Action::Compact => {
            for member in request::members_with(call, "stream")? {
                if member.key == "stream" {
                    body.remove(&member);
                }
            }
            "/responses/compact"
        }
        other => return Err(other.unsupported()),
    };
    let uri = url::under(call.target.base_url, path)?;
    let streams = call.stream && call.action == Action::Generate;
    let mut headers = Headers::of_call(call, streams);
    headers.bearer(call);
    headers.credential(call);
    if streams {
        headers.put(ACCEPT, "text/event-stream");
        headers.put(CACHE_CONTROL, "no-cache");
    }
    Ok(Request { uri, headers, body })
}

/// The list of models.
pub fn models<'a>(call: &Call<'a>) -> Result<Request<'a>, Failure> {
    models_at(call, call.target.base_url, "/models")
}

/// The list of models of a server whose API has them at `path`.
pub fn models_at<'a>(call: &Call<'a>, base: &str, path: &str) -> Result<Request<'a>, Failure> {
    let uri = url::under(base, path)?;
    let mut headers = Headers::of_call(call, false);
    headers.bearer(call);
    headers.credential(call);
    let body = Splice::new(call.body);
    Ok(Request { uri, headers, body })
}
