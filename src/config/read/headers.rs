//! Extra request headers of a credential.

use crate::config::credentials::HeaderValueSource;
use crate::config::reader::Field;
use crate::config::secret::Secret;

/// Headers that follow from the connection and the body, which no setting may change.
const REFUSED: [&str; 4] = ["host", "content-length", "transfer-encoding", "connection"];

/// Reads `headers`. Of names that are equal but for case the last one counts.
pub fn read(field: &Field<'_>) -> Vec<(String, HeaderValueSource)> {
    let mut headers: Vec<(String, HeaderValueSource)> = Vec::new();
    for (name, value) in field.pairs() {
        let name = name.trim();
        let Some(text) = value.filled().filter(|_| !name.is_empty()) else {
            continue;
        };
        if !is_token(name) || !is_value(&text) {
            value.warn("is not a valid header: skipped");
            continue;
        }
        if REFUSED
            .iter()
            .any(|refused| name.eq_ignore_ascii_case(refused))
        {
            value.warn("is set by holdfast itself: skipped");
            continue;
        }
        if let Some(same) = headers
            .iter()
            .position(|(other, _)| other.eq_ignore_ascii_case(name))
        {
            value.warn("is set twice, in different case: this one is used");
            headers.remove(same);
        }
        let source = match text.strip_prefix('$').filter(|rest| is_token(rest)) {
            Some(client) => HeaderValueSource::Client(client.to_owned()),
            None => HeaderValueSource::Literal(Secret::new(text)),
        };
        headers.push((name.to_owned(), source));
    }
    headers
}

/// A value for a header that has its name from elsewhere.
pub fn value(field: &Field<'_>) -> Option<String> {
    let text = field.filled()?;
    if !is_value(&text) {
        field.warn("is not a valid header: skipped");
        return None;
    }
    Some(text)
}

/// RFC 9110, section 5.5, without what is not ASCII.
fn is_value(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(part)
}
