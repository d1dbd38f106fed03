//! The request of a call.

use std::borrow::Cow;

use http::Uri;
use memchr::memmem;

use super::target::Call;
use crate::failure::{Failure, Headers};
use crate::json::{self, Member, Splice};

/// The request that a kind of upstream makes of a [`Call`].
pub struct Request<'a> {
    pub uri: Uri,
    pub headers: Headers,
    /// The client's bytes with edits.
    pub body: Splice<'a>,
}

/// The client's body with the upstream's name of the model.
pub fn renamed<'a>(call: &Call<'a>, name: &str) -> Splice<'a> {
    let mut body = Splice::new(call.body);
    if let Some(span) = call.model_span {
        let said = call.body.get(span.start..span.end);
        let name = quoted(name);
        if said != Some(name.as_bytes()) {
            body.replace(span, name.into_bytes());
        }
    }
    body
}

/// The top-level members of the client's body.
///
/// # Errors
/// When the body is not a JSON object.
pub fn members<'a>(call: &Call<'a>) -> Result<Vec<Member<'a>>, Failure> {
    json::members(call.body).map_err(|_| Failure::request("the body is not a JSON object"))
}

/// As [`members`], but empty if the body cannot contain `key`, which is the usual case.
///
/// # Errors
/// When the body could hold the key and is not a JSON object.
pub fn members_with<'a>(call: &Call<'a>, key: &str) -> Result<Vec<Member<'a>>, Failure> {
    match memmem::find(call.body, format!("\"{key}\"").as_bytes()) {
        Some(_) => members(call),
        None => Ok(Vec::new()),
    }
}

/// The bytes of a member's value.
pub fn raw<'a>(call: &Call<'a>, member: &Member) -> &'a [u8] {
    let span = member.value;
    call.body.get(span.start..span.end).unwrap_or_default()
}

/// The value of a member, if it is a string.
pub fn text<'a>(call: &Call<'a>, member: &Member) -> Option<Cow<'a, str>> {
    let value = raw(call, member);
    serde_json::from_slice::<String>(value).ok().map(Cow::Owned)
}

/// `text` as a JSON string.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
