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
use super::veil::Veil;
use crate::config::Secret;
use crate::dialect::problem::redact;

/// What is kept of the upstreams of one request. Takes no memory until there is something to keep.
pub struct Upstream {
    keep: Keep,
    pub(super) sections: Spool,
    /// What upstreams were shown, and may repeat.
    pub(super) veil: Veil,
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
            veil: Veil::default(),
            calls: 0,
            presented: String::new(),
            hidden: Vec::new(),
        }
    }

    fn present(&mut self, presented: &Presented<'_>) {
        presented.hide(&mut self.veil);
        let names = presented.headers.iter();
        self.hidden = names.map(|(name, _)| name.to_ascii_lowercase()).collect();
        self.presented = presented.to_string();
    }
}

impl Presented<'_> {
    /// All of it that is secret.
    pub fn hide(&self, veil: &mut Veil) {
        let headers = self.headers.iter().map(|(_, value)| *value);
        for secret in headers.chain(self.key.map(Secret::reveal)) {
            veil.add(secret);
        }
        if let Some(user) = self.proxy.and_then(user) {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            for secret in [user, name, password] {
                veil.add(secret);
                veil.add(&percent_encoding::percent_decode_str(secret).decode_utf8_lossy());
            }
        }
    }
}

/// User and password of a URL.
fn user(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let (user, _) = rest.split('/').next()?.rsplit_once('@')?;
    Some(user)
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
        let mut lines: Vec<(&str, Cow<'_, str>)> = headers
            .map(|(name, value)| {
                if let Some(secret) = mask::secret_of(name, value) {
                    upstream.veil.add(secret);
                }
                match upstream.hidden.iter().any(|hidden| hidden == name) {
                    true => (name, Secret::new(value).masked().into()),
                    false => (name, mask::header(name, value)),
                }
            })
            .collect();
        lines.sort();
        for secret in mask::secrets_of(url) {
            upstream.veil.add(&secret);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_of_proxies_are_found() {
        assert_eq!(user("socks5://u:p@h:1/x@y"), Some("u:p"));
        assert_eq!(user("http://h:1"), None);
        assert_eq!(user("direct"), None);
    }
}
