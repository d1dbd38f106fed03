//! iFlow: an API key by the session of a browser.

use http::header::COOKIE;
use serde_json::{Value, json};

use super::service::{Service, failed, json_body, json_of};
use super::token::Refusal;
use crate::config::Secret;
use crate::credential::file::moment;
use crate::credential::{Channel, Login};
use crate::failure::Headers;

const NOT_ACCEPTED: &str = "the vendor does not accept the cookie";

/// The part of the browser's cookies that counts.
pub fn session(pasted: &str) -> Option<Secret> {
    let pasted = pasted.trim();
    let pasted = pasted.strip_prefix("Cookie:").unwrap_or(pasted);
    let pairs = pasted.split(';').filter_map(|pair| pair.split_once('='));
    let mut values = pairs
        .filter(|(name, _)| name.trim() == "BXAuth")
        .map(|(_, value)| value.trim());
    let is_value = |value: &&str| {
        let fits = |byte: u8| byte.is_ascii_graphic() && byte != b',';
        !value.is_empty() && value.bytes().all(fits)
    };
    let value = values.find(is_value)?;
    Some(Secret::new(format!("BXAuth={value};")))
}

/// Asks for the account of the session, and for a new API key.
///
/// # Errors
/// [`Refusal`] when there is no key.
pub fn login(service: &Service<'_>, session: &Secret) -> Result<Login, Refusal> {
    let url = service.endpoints.api_key().unwrap_or_default();
    let headers = || {
        let mut headers = Headers::default();
        headers.set_secret(COOKIE, session.reveal().to_owned());
        headers
    };
    let known = service.get(&url, headers())?;
    if matches!(known.status, 401 | 403) {
        return Err(failed(NOT_ACCEPTED));
    }
    let known = data(&json_of(&known, "the account")?)?;
    let name = text(&known, "name").ok_or_else(|| failed("the vendor names no account"))?;
    let body = json_body(&json!({ "name": name }));
    let renewed = json_of(&service.post(&url, body, headers())?, "a key")?;
    let renewed = data(&renewed)?;
    let key = text(&renewed, "apiKey").ok_or_else(|| failed("the account has no API key"))?;
    Ok(Login {
        expiry: renewed.get("expireTime").and_then(moment),
        email: Some(name),
        own: vec![("api_key", key.into()), ("cookie", session.reveal().into())],
        ..Login::new(Channel::Iflow, Secret::new(""))
    })
}

fn data(json: &Value) -> Result<Value, Refusal> {
    let is_fine = json.get("success").and_then(Value::as_bool) == Some(true);
    let data = json.get("data").filter(|data| is_fine && data.is_object());
    data.cloned().ok_or_else(|| failed(NOT_ACCEPTED))
}

fn text(data: &Value, name: &str) -> Option<String> {
    let text = data.get(name)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_session_is_kept() {
        for (pasted, expected) in [
            ("BXAuth=abc", Some("BXAuth=abc;")),
            (" a=1; BXAuth=abc== ; b=2\n", Some("BXAuth=abc==;")),
            ("Cookie: x=y; BXAuth=abc;", Some("BXAuth=abc;")),
            ("BXAuth=; a=1", None),
            ("NotBXAuth=abc", None),
            ("BXAuth=a\r\nX: y", None),
            ("abc", None),
            ("", None),
        ] {
            let found = session(pasted);
            assert_eq!(found.as_ref().map(Secret::reveal), expected, "{pasted}");
        }
    }
}
