//! Collects the secrets of a call for redaction.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;

use super::net::Origin;
use super::target::Call;
use crate::glob;
use crate::logs::mask;
use crate::redaction::{LEAST, Redaction};

/// Public headers, which describe the client and its request; `*` ends a prefix. Any other configured header may be a
/// secret.
const PUBLIC: &[&str] = &[
    "accept*",
    "anthropic-beta",
    "anthropic-dangerous-direct-browser-access",
    "anthropic-version",
    "cache-control",
    "content-type",
    "http-referer",
    "openai-beta",
    "origin",
    "originator",
    "referer",
    "user-agent",
    "version",
    "x-app",
    "x-goog-api-client",
    "x-stainless-*",
    "x-title",
];

/// The secrets of `call`, with `query`, to `origin`. Values that the client sent are not secrets.
pub fn secrets(call: &Call, query: Option<&str>, origin: &Origin) -> Arc<Redaction> {
    let mut secrets = Redaction::default();
    if let Some(key) = call.target.key {
        secrets.add(key.reveal());
    }
    for &(name, value) in call.target.headers {
        let is_clients = call.client_headers.iter().any(|(_, sent)| *sent == value);
        let is_public = PUBLIC
            .iter()
            .any(|pattern| glob::matches_ignore_ascii_case(pattern, name));
        if !is_clients && !is_public {
            header(&mut secrets, name, value);
        }
    }
    if let Some(query) = query {
        for secret in mask::secrets_of(&format!("?{query}")) {
            secrets.add(&secret);
        }
    }
    if let Some(login) = mask::login(call.target.base_url) {
        let login = percent_decode_str(login).decode_utf8_lossy();
        let (user, password) = login.split_once(':').unwrap_or((&login, ""));
        self::login(&mut secrets, user, password);
    }
    if let Some(proxy) = origin.proxy.as_ref().and_then(|proxy| proxy.login.as_ref()) {
        login(&mut secrets, &proxy.user, &proxy.password);
    }
    Arc::new(secrets)
}

fn header(secrets: &mut Redaction, name: &str, value: &str) {
    let secret = mask::secret_of(name, value);
    if value.trim().len() >= LEAST {
        secrets.add(value);
    }
    let Some(secret) = secret else {
        return;
    };
    secrets.add(secret);
    let decoded = BASE64_STANDARD.decode(secret.trim());
    let decoded = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some((user, password)) = decoded.as_deref().and_then(|text| text.split_once(':')) {
        login(secrets, user, password);
    }
}

fn login(secrets: &mut Redaction, user: &str, password: &str) {
    secrets.add(password);
    // As sent in base64.
    secrets.add(&format!("{user}:{password}"));
    if user.len() >= LEAST {
        secrets.add(user);
    }
}
