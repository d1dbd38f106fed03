//! Reading a credential file.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::edit::BYTE_ORDER_MARK;
use super::fields::Fields;
use super::service_account::ServiceAccount;
use super::settings::FileSettings;
use super::tokens::Tokens;
use crate::credential::channel::Channel;

/// A credential file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialFile {
    /// Its name in the directory, which is the id of its credential.
    pub name: Arc<str>,
    /// Where it is; set by whoever has found it.
    pub path: PathBuf,
    /// Whether it belongs to a vendor's program: then it is only read.
    pub is_followed: bool,
    pub kind: FileKind,
    pub settings: FileSettings,
    pub tokens: Tokens,
}

/// What a file is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileKind {
    Known(Channel),
    /// A `type` that is not supported.
    Other(String),
}

/// Why a file is no credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    Empty,
    NotAnObject,
    NoType,
}

impl CredentialFile {
    /// Whether both say the same, except for their tokens.
    pub fn is_same_but_for_tokens(&self, other: &Self) -> bool {
        let Self {
            name,
            path,
            is_followed,
            kind,
            settings,
            tokens: _,
        } = self;
        (name, path, is_followed, kind, settings)
            == (
                &other.name,
                &other.path,
                &other.is_followed,
                &other.kind,
                &other.settings,
            )
    }

    /// The channel, if it is supported.
    pub fn channel(&self) -> Option<Channel> {
        match &self.kind {
            FileKind::Known(channel) => Some(*channel),
            FileKind::Other(_) => None,
        }
    }
}

/// Reads the content of the file called `name`.
///
/// # Errors
/// [`Unreadable`] when it is no credential.
pub fn read(name: &str, content: &[u8]) -> Result<CredentialFile, Unreadable> {
    let content = content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(content);
    if content.trim_ascii().is_empty() {
        return Err(Unreadable::Empty);
    }
    let json: Map<String, Value> =
        serde_json::from_slice(content).map_err(|_| Unreadable::NotAnObject)?;
    let fields = Fields::new(&json);
    let kind = fields.text("type").ok_or(Unreadable::NoType)?;
    let kind = match Channel::of_type(kind) {
        Some(channel) => FileKind::Known(channel),
        None => FileKind::Other(kind.to_owned()),
    };
    let channel = match &kind {
        FileKind::Known(channel) => Some(*channel),
        FileKind::Other(_) => None,
    };
    let service_account = match channel {
        Some(Channel::Vertex) => match json.get("service_account") {
            Some(account) => account.as_object().and_then(ServiceAccount::read),
            // Google's own key file.
            None => ServiceAccount::read(&json),
        },
        _ => None,
    };
    let tokens = Tokens::of(fields, service_account);
    let settings = FileSettings::of(fields, channel, &tokens);
    Ok(CredentialFile {
        name: Arc::from(name),
        path: PathBuf::from(name),
        is_followed: false,
        kind,
        settings,
        tokens,
    })
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "is empty",
            Self::NotAnObject => "is not a JSON object",
            Self::NoType => "has no `type`",
        })
    }
}

impl std::error::Error for Unreadable {}
