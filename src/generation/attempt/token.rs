//! Attempts with the token of a credential file.

use std::borrow::Cow;
use std::time::SystemTime;

use super::context::{Attempt, Opening};
use crate::credential::{Account, Credential};
use crate::failure::{Class, Failure, FailureKind, classify};
use crate::logs;
use crate::tokens::Issued;

/// Texts of a 403 that are about the token.
const REFUSED: [&str; 4] = [
    "oauth token",
    "token has been revoked",
    "token is expired",
    "invalid authentication credentials",
];

impl Attempt<'_> {
    /// As [`Attempt::open`], with a valid token. A token that the upstream refuses is renewed once, and the attempt
    /// repeated.
    pub(super) fn open_with_token(&self) -> Result<Opening, Failure> {
        let Some(account) = &self.candidate.credential.account else {
            return self.open(None);
        };
        let (tokens, waiter) = (&self.generation.services.tokens, &self.generation.waiter);
        let issued = tokens.issued(&account.file, waiter)?;
        let failure = match self.open(Some(&issued)) {
            Err(failure) if self.is_refused(&failure) => failure,
            other => {
                if has_answered(&other) {
                    issued.accepted();
                }
                return other;
            }
        };
        match tokens.instead_of(&account.file, &issued, waiter)? {
            Some(renewed) => {
                log::debug!("{}: repeated with a new token", self.candidate.id());
                if logs::request_log::upstream::is_logged() {
                    let said = String::from_utf8_lossy(&failure.body);
                    logs::request_log::upstream::failure(failure.status, &said);
                }
                let opened = self.open(Some(&renewed));
                let is_refused = matches!(&opened, Err(failure) if self.is_refused(failure));
                if has_answered(&opened) && !is_refused {
                    renewed.accepted();
                }
                opened
            }
            None => Err(failure),
        }
    }

    /// Whether an answer says that the token is not accepted, and not that the client is not.
    fn is_refused(&self, failure: &Failure) -> bool {
        let has_text = || {
            let said = String::from_utf8_lossy(&failure.body).to_lowercase();
            REFUSED.iter().any(|text| said.contains(text))
        };
        match (failure.kind, failure.status) {
            (FailureKind::Status, Some(401)) => {
                let model = &self.upstream_model.name;
                let fault = classify(failure, self.kind(), model, SystemTime::now());
                fault.class == Class::Credential
            }
            (FailureKind::Status, Some(403)) => has_text(),
            _ => false,
        }
    }
}

/// Whether the upstream has answered, be it with an error.
fn has_answered(opened: &Result<Opening, Failure>) -> bool {
    match opened {
        Ok(_) => true,
        Err(failure) => failure.kind == FailureKind::Status,
    }
}

/// The account of a credential, with the project that was found for it.
pub(super) fn account<'c>(
    credential: &'c Credential,
    issued: Option<&Issued>,
) -> Option<Cow<'c, Account>> {
    let account = credential.account.as_ref()?;
    match (
        &account.project,
        issued.and_then(|issued| issued.project.as_ref()),
    ) {
        (None, Some(project)) => Some(Cow::Owned(Account {
            project: Some(project.clone()),
            ..account.clone()
        })),
        _ => Some(Cow::Borrowed(account)),
    }
}
