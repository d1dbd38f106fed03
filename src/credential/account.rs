//! The account behind a credential file, as far as its upstream needs it in requests.

use std::sync::Arc;

/// The account of a credential file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The name of the file, which has the tokens. Credentials of one file share them.
    pub file: Arc<str>,
    /// The account, for operators: a mail address or a telephone number.
    pub email: Option<String>,
    /// The vendor's id of the account (`ChatGPT-Account-ID`).
    pub id: Option<String>,
    /// The plan of the account, for operators.
    pub plan: Option<String>,
    /// The Google Cloud project.
    pub project: Option<String>,
    /// The region of Vertex AI.
    pub location: Option<String>,
}
