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
    // A body that was changed before has the name of the call.
    let written = || {
        let members = members(call).unwrap_or_default().into_iter();
        let mut named = members.filter(|member| member.key == "model");
        named.next().map(|member| member.value)
    };
    let is_other = name != call.model;
    let span = call.model_span.or_else(|| is_other.then(written)?);
    if let Some(span) = span {
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

/// A JSON array with some of its elements replaced; `None` if `edit` replaces none of them, or if it is no array.
pub fn mapped(array: &[u8], mut edit: impl FnMut(&[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut mapped = Splice::new(array);
    let mut is_changed = false;
    for span in json::elements(array).ok()? {
        if let Some(element) = edit(array.get(span.start..span.end)?) {
            mapped.replace(span, element);
            is_changed = true;
        }
    }
    is_changed.then(|| joined(&mapped))
}

/// A JSON array with the elements that `keep` wants; `None` if it wants all, or if it is no array.
pub fn filtered(array: &[u8], keep: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let elements = json::elements(array).ok()?;
    let text = |span: &json::Span| array.get(span.start..span.end).unwrap_or_default();
    let kept: Vec<&[u8]> = elements.iter().map(text).filter(|it| keep(it)).collect();
    let is_changed = kept.len() < elements.len();
    is_changed.then(|| [b"[", &*kept.join(&b","[..]), b"]"].concat())
}

/// A JSON object with some of its members changed by `edit`, which returns whether it has changed any; `None` if it has
/// not, or if it is no object.
pub fn changed<'o>(
    object: &'o [u8],
    edit: impl FnOnce(&[Member<'o>], &mut Splice<'o>) -> bool,
) -> Option<Vec<u8>> {
    let members = json::members(object).ok()?;
    let mut changed = Splice::new(object);
    edit(&members, &mut changed).then(|| joined(&changed))
}

/// A changed text in one piece.
pub fn joined(splice: &Splice<'_>) -> Vec<u8> {
    splice.pieces().collect::<Vec<_>>().concat()
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
