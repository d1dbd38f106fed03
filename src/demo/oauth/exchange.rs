//! A request to the authorization server and its answer.

use std::collections::HashMap;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};
use tiny_http::{Header, Response};

/// The longest body, bytes.
pub const BODY: usize = 1 << 20;

/// A whole request.
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: HashMap<String, String>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// An answer.
pub struct Said {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Asked {
    /// Reads a request whose declared length is at most [`BODY`].
    pub fn read(request: &mut tiny_http::Request) -> Self {
        let mut body = Vec::new();
        // What cannot be read is no valid request, which its reader says.
        let _ = request.as_reader().take(BODY as u64).read_to_end(&mut body);
        let url = request.url();
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let headers = request.headers().iter();
        Self {
            method: request.method().to_string(),
            path: path.to_owned(),
            query: form(query),
            headers: headers
                .map(|header| (header.field.to_string(), header.value.to_string()))
                .collect(),
            body,
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn is_json(&self) -> bool {
        self.has_type("application/json")
    }

    pub fn is_form(&self) -> bool {
        self.has_type("application/x-www-form-urlencoded")
    }

    fn has_type(&self, expected: &str) -> bool {
        let kind = self.header("content-type").unwrap_or_default();
        kind.split(';').next().unwrap_or_default().trim() == expected
    }

    /// The parameters of the body, whatever its form.
    pub fn parameters(&self) -> HashMap<String, String> {
        if self.is_form() {
            return form(&String::from_utf8_lossy(&self.body));
        }
        let Ok(Value::Object(members)) = serde_json::from_slice(&self.body) else {
            return HashMap::new();
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let members = members.iter();
        members
            .filter_map(|(name, value)| Some((name.clone(), text(value)?)))
            .collect()
    }

    /// User and password of `Authorization: Basic`.
    pub fn basic(&self) -> Option<(String, String)> {
        let encoded = self.header("authorization")?.strip_prefix("Basic ")?;
        let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        Some((user.to_owned(), password.to_owned()))
    }

    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }
}

impl Said {
    pub fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
            body: body.to_string(),
        }
    }

    /// An error as in RFC 6749, 5.2.
    pub fn error(status: u16, code: &str, description: &str) -> Self {
        Self::json(
            status,
            &json!({"error": code, "error_description": description}),
        )
    }

    /// A page for people.
    pub fn page(status: u16, text: &str) -> Self {
        Self {
            status,
            headers: vec![(
                "Content-Type".to_owned(),
                "text/plain; charset=utf-8".to_owned(),
            )],
            body: text.to_owned(),
        }
    }

    /// Sends the browser to `uri` with parameters.
    pub fn redirect(uri: &str, parameters: &[(&str, &str)]) -> Self {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let pairs = parameters.iter();
        let query: Vec<String> = pairs
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect();
        Self {
            headers: vec![("Location".to_owned(), format!("{uri}?{}", query.join("&")))],
            ..Self::page(302, "")
        }
    }

    pub fn send(self, request: tiny_http::Request) {
        let headers = self.headers.iter();
        let headers = headers
            .filter_map(|(name, value)| Header::from_bytes(name.as_bytes(), value.as_bytes()).ok());
        let response = Response::from_data(self.body).with_status_code(self.status);
        // A client that has left needs no answer.
        let _ = request.respond(headers.fold(response, Response::with_header));
    }
}

/// Reads `application/x-www-form-urlencoded`.
pub fn form(text: &str) -> HashMap<String, String> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}
