//! Headers of a call, in this order: protocol, the product's name, the client's own, the configured defaults for what it
//! does not send, the credential's. A later source replaces what an earlier one said.

use http::header::{self, HeaderName, HeaderValue};

use super::target::Call;
use crate::failure::Headers;
use crate::glob;

/// The `User-Agent` if the client sends none.
pub(super) const PRODUCT: &str = concat!("holdfast/", env!("CARGO_PKG_VERSION"));
/// Headers that a credential cannot set, because they frame the message.
const REFUSED: [HeaderName; 4] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
];

/// What the headers of a call are made of.
pub trait CallHeaders: Sized {
    /// The headers a call to any upstream has.
    fn of_call(call: &Call, streams: bool) -> Self;
    /// Authenticates with the credential's key, if it has one.
    fn bearer(&mut self, call: &Call);
    /// Takes the client's headers that are in `allowed`; a name ending in `*` stands for all that begin so.
    fn forward(&mut self, call: &Call, allowed: &[&str]);
    /// Sets the configured ones that the client has not sent.
    fn defaults(&mut self, call: &Call);
    /// Sets the credential's own headers.
    fn credential(&mut self, call: &Call);
}

impl CallHeaders for Headers {
    fn of_call(call: &Call, streams: bool) -> Self {
        let mut headers = Self::with_capacity(12);
        headers.put(header::CONTENT_TYPE, "application/json");
        headers.put(
            header::ACCEPT,
            match streams {
                true => "text/event-stream",
                false => "application/json",
            },
        );
        match call.client_header("user-agent") {
            Some(agent) => headers.set(header::USER_AGENT, agent),
            None => headers.put(header::USER_AGENT, PRODUCT),
        }
        headers
    }

    fn bearer(&mut self, call: &Call) {
        if let Some(key) = call
            .target
            .key
            .filter(|key| !key.reveal().trim().is_empty())
        {
            self.set_secret(header::AUTHORIZATION, format!("Bearer {}", key.reveal()));
        }
    }

    fn forward(&mut self, call: &Call, allowed: &[&str]) {
        let mut taken: Vec<HeaderName> = Vec::new();
        for &(name, value) in call.client_headers {
            if !allowed
                .iter()
                .any(|pattern| glob::matches_ignore_ascii_case(pattern, name))
            {
                continue;
            }
            let (Ok(name), Ok(value)) = (name.parse(), HeaderValue::from_bytes(value.as_bytes()))
            else {
                continue;
            };
            if taken.contains(&name) {
                self.push(name, value);
            } else {
                self.replace(name.clone(), value);
                taken.push(name);
            }
        }
    }

    fn defaults(&mut self, call: &Call) {
        for (name, value) in call.target.defaults {
            if call.client_header(name).is_none() {
                self.set_named(name, value);
            }
        }
    }

    fn credential(&mut self, call: &Call) {
        for (name, value) in call.target.headers {
            let refused = REFUSED
                .iter()
                .any(|refused| name.eq_ignore_ascii_case(refused.as_str()));
            if !refused {
                self.set_named(name, value);
            }
        }
    }
}
