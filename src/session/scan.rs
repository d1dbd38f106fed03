//! STAND-IN
use crate::json::{Invalid, Span, members};
use std::borrow::Cow;
pub struct Field<'a> {
    pub span: Span,
    pub text: Option<Cow<'a, str>>,
}
pub struct Scan<'a> {
    pub model: Option<Field<'a>>,
    pub is_object: bool,
    pub duplicate: Option<&'static str>,
    stream: bool,
}
impl Scan<'_> {
    pub fn streams(&self) -> bool {
        self.stream
    }
}
pub fn scan(body: &[u8]) -> Result<Scan<'_>, Invalid> {
    let m = members(body)?;
    let get = |k: &str| m.iter().find(|x| x.key == k).map(|x| x.value);
    let raw = |s: Span| &body[s.start..s.end];
    Ok(Scan {
        model: get("model").map(|s| Field {
            span: s,
            text: serde_json::from_slice::<String>(raw(s))
                .ok()
                .map(Cow::Owned),
        }),
        is_object: true,
        duplicate: None,
        stream: get("stream").is_some_and(|s| raw(s) == b"true"),
    })
}
