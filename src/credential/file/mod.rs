//! Credential files: the JSON files of `auth-dir`, each with the login of one account.

mod edit;
mod expiry;
mod fields;
mod jwt;
mod read;
mod service_account;
mod settings;
#[cfg(test)]
mod tests;
mod tokens;

pub use edit::{Change, Malformed, changed};
pub use expiry::moment;
pub use jwt::Claims;
pub use read::{CredentialFile, FileKind, Unreadable, read};
pub use service_account::ServiceAccount;
pub use settings::FileSettings;
pub use tokens::Tokens;

/// The most bytes of a credential file.
pub const LARGEST: u64 = 1 << 20;
