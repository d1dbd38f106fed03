//! What is logged of the upstream calls of one request, in the order of the calls.

use std::borrow::Cow;
use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::buffer::Buffer;
use super::policy::Policy;
use super::sections;
use crate::config::Secret;
use crate::logs::mask;
use crate::redaction::Redaction;
use crate::redaction::patterns::redact;

/// The upstream calls of one request. Takes no memory until there is something to log.
pub struct UpstreamLog {
    policy: Policy,
    pub(super) sections: Buffer,
    /// The secrets that upstreams were sent, and may repeat.
    pub(super) redaction: Redaction,
    calls: usize,
    identity: String,
    /// Names of headers that the credential sets, in lower case.
    secret_headers: Vec<String>,
}

/// The credential and the proxy of a call.
pub struct CallIdentity<'a> {
    pub provider: &'a str,
    pub id: &'a str,
    pub label: &'a str,
    pub key: Option<&'a Secret>,
    /// The credential's own headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// The URL of the proxy, if there is one.
    pub proxy: Option<&'a str>,
}

impl UpstreamLog {
    pub(super) fn new(policy: Policy, folder: Arc<Path>) -> Self {
        Self {
            policy,
            sections: Buffer::new(folder),
            redaction: Redaction::default(),
            calls: 0,
            identity: String::new(),
            secret_headers: Vec::new(),
        }
    }

    /// Whether requests and responses are logged, not only errors.
    pub(super) fn is_full(&self) -> bool {
        self.policy == Policy::Full
    }

    pub(super) fn attempt(&mut self, identity: &CallIdentity<'_>) {
        identity.hide(&mut self.redaction);
        let names = identity.headers.iter();
        self.secret_headers = names.map(|(name, _)| name.to_ascii_lowercase()).collect();
        self.identity = identity.to_string();
    }

    pub(super) fn request<'h>(
        &mut self,
        method: &str,
        url: &str,
        headers: impl Iterator<Item = (&'h str, &'h str)>,
        body: &mut dyn Read,
    ) {
        self.calls += 1;
        let headers: Vec<(&str, &str)> = headers.collect();
        mask::hide_request(&mut self.redaction, headers.iter().copied(), url);
        let is_secret = |name: &str| self.secret_headers.iter().any(|known| known == name);
        let mut lines: Vec<(&str, Cow<'_, str>)> = headers
            .into_iter()
            .map(|(name, value)| match is_secret(name) {
                true => (name, Secret::new(value).masked().into()),
                false => (name, mask::header(name, value)),
            })
            .collect();
        lines.sort();
        let head = sections::api_request(&sections::ApiRequest {
            number: self.calls,
            time: SystemTime::now(),
            url: &mask::url(url),
            method,
            presented: &self.identity,
            headers: &lines,
        });
        self.sections.put(head.as_bytes());
        // The body is in memory: reading it does not fail.
        let _ = std::io::copy(body, &mut self.sections);
        self.sections.put(sections::END.as_bytes());
    }

    /// The head of the section of a response.
    pub(super) fn response_head<'h>(
        &self,
        status: u16,
        headers: impl Iterator<Item = (&'h str, &'h str)>,
    ) -> String {
        let headers = headers.map(|(name, value)| (name, mask::header(name, value)));
        sections::api_response(self.calls, SystemTime::now(), status, headers)
    }

    pub(super) fn failure(&mut self, status: Option<u16>, text: &str) {
        let section = sections::api_error(status, &redact(text));
        self.sections.put(section.as_bytes());
    }
}

impl CallIdentity<'_> {
    fn hide(&self, redaction: &mut Redaction) {
        if let Some(key) = self.key {
            mask::hide(redaction, key.reveal());
        }
        for (_, value) in self.headers {
            mask::hide_long(redaction, value);
        }
        if let Some(login) = self.proxy.and_then(mask::login) {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            mask::hide(redaction, password);
            mask::hide_long(redaction, user);
            mask::hide_long(redaction, login);
        }
    }
}

impl fmt::Display for CallIdentity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            provider,
            id,
            label,
            ..
        } = self;
        write!(f, "provider={provider}, auth_id={id}, label={label}, type=")?;
        match self.key {
            Some(key) => write!(f, "api_key value={key}"),
            None => f.write_str("none"),
        }
    }
}
