//! What a request asked of upstreams and what they said, in the order in which it happened.
//!
//! The functions here are for whoever calls upstreams, on the thread of the request. When nothing is kept,
//! each is a look and a branch.

use std::borrow::Cow;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::current;
use super::keep::Keep;
use super::mask;
use super::sections;
use super::spool::Spool;
use crate::config::Secret;
use crate::redaction::Redaction;
use crate::redaction::patterns::redact;

/// What is kept of the upstreams of one request. Takes no memory until there is something to keep.
pub struct Upstream {
    keep: Keep,
    pub(super) sections: Spool,
    /// What upstreams were shown, and may repeat.
    pub(super) redaction: Redaction,
    calls: usize,
    presented: String,
    hidden: Vec<String>,
}

/// Who a call presents itself as.
pub struct Presented<'a> {
    pub provider: &'a str,
    pub id: &'a str,
    pub label: &'a str,
    pub key: Option<&'a Secret>,
    /// The credential's own headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// The URL of the proxy, if there is one.
    pub proxy: Option<&'a str>,
}

impl Upstream {
    pub(super) fn new(keep: Keep, folder: Arc<Path>) -> Self {
        Self {
            keep,
            sections: Spool::new(folder),
            redaction: Redaction::default(),
            calls: 0,
            presented: String::new(),
            hidden: Vec::new(),
        }
    }

    fn present(&mut self, presented: &Presented<'_>) {
        presented.hide(&mut self.redaction);
        let names = presented.headers.iter();
        self.hidden = names.map(|(name, _)| name.to_ascii_lowercase()).collect();
        self.presented = presented.to_string();
    }
}

impl Presented<'_> {
    /// All of it that is secret.
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

impl std::fmt::Display for Presented<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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

/// Whether calls are written down.
pub fn is_kept() -> bool {
    current::with(|upstream| upstream.keep == Keep::Everything).unwrap_or(false)
}

/// An attempt begins, as `presented`.
pub fn attempt(presented: &Presented<'_>) {
    current::with(|upstream| upstream.present(presented));
}

/// A request goes out.
#[cold]
#[inline(never)]
pub fn request<'h>(
    method: &str,
    url: &str,
    headers: impl Iterator<Item = (&'h str, &'h str)>,
    body: &mut dyn Read,
) {
    current::with(|upstream| {
        if upstream.keep != Keep::Everything {
            return;
        }
        upstream.calls += 1;
        let headers: Vec<(&str, &str)> = headers.collect();
        mask::hide_request(&mut upstream.redaction, headers.iter().copied(), url);
        let mut lines: Vec<(&str, Cow<'_, str>)> = headers
            .into_iter()
            .map(
                |(name, value)| match upstream.hidden.iter().any(|hidden| hidden == name) {
                    true => (name, Secret::new(value).masked().into()),
                    false => (name, mask::header(name, value)),
                },
            )
            .collect();
        lines.sort();
        let head = sections::api_request(&sections::ApiRequest {
            number: upstream.calls,
            time: SystemTime::now(),
            url: &mask::url(url),
            method,
            presented: &upstream.presented,
            headers: &lines,
        });
        upstream.sections.put(head.as_bytes());
        let mut piece = [0; 8192];
        while let Ok(count @ 1..) = body.read(&mut piece) {
            upstream
                .sections
                .put(piece.get(..count).unwrap_or_default());
        }
        upstream.sections.put(sections::END.as_bytes());
    });
}

/// An answer comes: what is read of the returned body is written down.
pub fn answer<'h>(
    status: u16,
    headers: impl Iterator<Item = (&'h str, &'h str)>,
    body: Box<dyn Read>,
) -> Box<dyn Read> {
    let head = current::with(|upstream| {
        (upstream.keep == Keep::Everything).then(|| {
            let headers = headers.map(|(name, value)| (name, mask::header(name, value)));
            sections::api_response(upstream.calls, SystemTime::now(), status, headers)
        })
    });
    match head.flatten() {
        Some(head) => Box::new(Noted {
            body,
            head: Some(head),
        }),
        None => body,
    }
}

/// A call came to nothing. `text` is what the upstream said, or else what happened.
pub fn failure(status: Option<u16>, text: &str) {
    current::with(|upstream| {
        let text = redact(text);
        let section = sections::api_error(status, &text);
        upstream.sections.put(section.as_bytes());
    });
}

/// Bytes of an answer are written down as they are read.
struct Noted {
    body: Box<dyn Read>,
    head: Option<String>,
}

impl Read for Noted {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = self.body.read(room)?;
        current::with(|upstream| {
            if let Some(head) = self.head.take() {
                upstream.sections.put(head.as_bytes());
            }
            upstream.sections.put(room.get(..count).unwrap_or_default());
        });
        Ok(count)
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        current::with(|upstream| {
            let head = self.head.take().unwrap_or_default();
            upstream.sections.put(head.as_bytes());
            upstream.sections.put(sections::END.as_bytes());
        });
    }
}
