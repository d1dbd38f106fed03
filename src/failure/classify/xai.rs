//! Errors of xAI, which are those of OpenAI with two exceptions.

use super::refusal::Refusal;
use crate::failure::fault::{Class, Fault};

impl Refusal<'_> {
    pub(super) fn xai(&self) -> Option<Fault> {
        // It answers 400 to a wrong key.
        match self.status == 400 && self.says(&["incorrect api key provided"]) {
            true => Some(Class::Credential.usual()),
            false => self.compatible(),
        }
    }
}
