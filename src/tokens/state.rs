//! The condition of a credential file, for operators.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use crate::credential::file::FileKind;

/// What can be done with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    Ok,
    /// The operator has switched it off.
    Disabled,
    /// Its channel is not supported.
    Unsupported,
    /// It lacks something, or has something invalid.
    Unusable(&'static str),
    /// The vendor no longer accepts its refresh token; with the vendor's word for it.
    NeedsLogin(String),
    /// It has expired, and no OAuth client is known to renew it.
    NeedsClient,
    /// It has expired and has nothing to be renewed with.
    Expired,
    /// Renewed tokens could not be written to the file.
    Unsaved,
}

/// A file and its condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileState {
    pub name: Arc<str>,
    pub path: PathBuf,
    pub kind: FileKind,
    pub label: String,
    pub email: Option<String>,
    pub plan: Option<String>,
    pub projects: Vec<String>,
    pub condition: Condition,
    pub expiry: Option<SystemTime>,
    pub last_refresh: Option<SystemTime>,
    /// When it is renewed next.
    pub next_refresh: Option<SystemTime>,
    /// Why the last renewal failed.
    pub last_error: Option<String>,
}

impl Condition {
    /// Its name for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Disabled => "disabled",
            Self::Unsupported => "unsupported",
            Self::Unusable(_) => "unusable",
            Self::NeedsLogin(_) => "needs_login",
            Self::NeedsClient => "needs_client",
            Self::Expired => "expired",
            Self::Unsaved => "unsaved",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(why) => f.write_str(why),
            Self::NeedsLogin(word) => write!(f, "the login is no longer accepted ({word})"),
            Self::NeedsClient => {
                f.write_str("it has expired and no OAuth client is known to renew it")
            }
            Self::Expired => f.write_str("it has expired and cannot be renewed"),
            Self::Unsaved => f.write_str("renewed tokens could not be written to the file"),
            other => f.write_str(other.name()),
        }
    }
}
