//! Writing renewed tokens to their file.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fmt, io};

use serde_json::{Value, json};

use super::content::content;
use crate::atomic_file;
use crate::config::Secret;
use crate::credential::Channel;
use crate::credential::file::{Change, Claims, Tokens, changed, read};
use crate::provider::oauth::Renewed;
use crate::time;

/// Members of a vendor's answer that are kept, with their places in it.
const CLAUDE: &[(&str, &str)] = &[
    ("email", "/account/email_address"),
    ("account_uuid", "/account/uuid"),
    ("organization_uuid", "/organization/uuid"),
    ("organization_name", "/organization/name"),
];

/// What a renewal changes in the file. What the vendor left out changes nothing.
pub fn changes(channel: Channel, renewed: &Renewed, now: SystemTime) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut put = |key, value: Value| changes.push(Change { key, value });
    let text = |secret: &Secret| json!(secret.reveal());
    if let Some(access) = &renewed.access {
        put("access_token", text(access));
    }
    if let Some(refresh) = &renewed.refresh {
        put("refresh_token", text(refresh));
    }
    if let Some(id_token) = &renewed.id_token {
        put("id_token", text(id_token));
    }
    if let Some(key) = &renewed.api_key {
        put("api_key", text(key));
    }
    let expiry = json!(rfc3339(renewed.expiry));
    match channel {
        Channel::GeminiCli => put("expiry", expiry),
        Channel::Antigravity => {
            let lifetime = renewed.expiry.duration_since(now).unwrap_or_default();
            put("expires_in", json!(lifetime.as_secs()));
            put("timestamp", json!(milliseconds(now)));
            put("expired", expiry);
        }
        _ => put("expired", expiry),
    }
    if !matches!(channel, Channel::GeminiCli | Channel::Antigravity) {
        put("last_refresh", json!(rfc3339(now)));
    }
    if channel == Channel::Codex
        && let Some(token) = &renewed.id_token
    {
        let claims = Claims::of(token.reveal());
        if let Some(id) = claims.account_id() {
            put("account_id", json!(id));
        }
        if let Some(email) = claims.email() {
            put("email", json!(email));
        }
    }
    if channel == Channel::Claude
        && let Some(answer) = &renewed.answer
    {
        let answer: Value = serde_json::from_str(answer.reveal()).unwrap_or_default();
        for (key, place) in CLAUDE {
            let value = answer.pointer(place).and_then(Value::as_str);
            if let Some(value) = value.filter(|value| !value.trim().is_empty()) {
                put(key, json!(value));
            }
        }
    }
    changes
}

/// Why changes were not written.
#[derive(Debug)]
pub enum NotWritten {
    /// The file has another login than the one that was renewed.
    OtherLogin,
    /// It is gone, or has another channel.
    Gone,
    Failed(io::Error),
}

/// Reads the file again and writes it with the changes. `expected` are its tokens as last read. A file that has vanished is
/// not created again. Returns the tokens as the file has them now.
///
/// # Errors
/// [`NotWritten`]; the file is then unchanged.
pub fn write(
    path: &Path,
    channel: Channel,
    expected: &Tokens,
    changes: &[Change],
) -> Result<Tokens, NotWritten> {
    let before = match content(path) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(NotWritten::Gone),
        Err(error) => return Err(NotWritten::Failed(error)),
    };
    let invalid = || NotWritten::Failed(io::ErrorKind::InvalidData.into());
    let file = read("", &before).map_err(|_| invalid())?;
    if file.channel() != Some(channel) {
        return Err(NotWritten::Gone);
    }
    if !file.tokens.is_same_login(expected) {
        return Err(NotWritten::OtherLogin);
    }
    let after = changed(&before, changes).map_err(|_| invalid())?;
    let tokens = read("", &after).map_err(|_| invalid())?.tokens;
    atomic_file::rewrite_private(path, &after).map_err(NotWritten::Failed)?;
    Ok(tokens)
}

/// Writes the file with the changes, whatever login it has.
///
/// # Errors
/// Errors of the file system, or when the file is not a JSON object. It is then unchanged.
pub fn overwrite(path: &Path, changes: &[Change]) -> io::Result<()> {
    let before = content(path)?;
    let after = changed(&before, changes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not a JSON object"))?;
    atomic_file::rewrite_private(path, &after)
}

/// Both lists of changes; the later ones count.
pub fn merged(mut earlier: Vec<Change>, later: Vec<Change>) -> Vec<Change> {
    earlier.retain(|change| later.iter().all(|other| other.key != change.key));
    earlier.extend(later);
    earlier
}

impl fmt::Display for NotWritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherLogin => f.write_str("it has another login now"),
            Self::Gone => f.write_str("it is gone"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

fn rfc3339(moment: SystemTime) -> String {
    let seconds = moment
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    time::unix_to_rfc3339(seconds).unwrap_or_default()
}

fn milliseconds(moment: SystemTime) -> u64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
