//! Scripts: how a token endpoint answers or misbehaves.

use std::collections::VecDeque;

use crate::demo::Gate;

/// What the token endpoint does with the next calls of an account.
#[derive(Clone, Debug, Default)]
pub struct TokenScript {
    steps: VecDeque<TokenStep>,
    forever: Option<TokenStep>,
}

/// What is done with one call.
#[derive(Clone, Debug, Default)]
pub struct TokenStep {
    /// Nothing happens until this gate is open.
    pub(super) gate: Option<Gate>,
    pub(super) failure: Option<Failure>,
    /// The failure is told after new tokens have been issued, as when an answer is lost.
    pub(super) is_late: bool,
    /// How long the new access token is valid, seconds.
    pub(super) lifetime: Option<u64>,
    /// Members that the answer does not have.
    pub(super) missing: Vec<&'static str>,
}

#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl TokenScript {
    /// The same with every call.
    pub fn always(step: TokenStep) -> Self {
        Self {
            steps: VecDeque::new(),
            forever: Some(step),
        }
    }

    /// `step` with the next call, then as usual.
    pub fn once(step: TokenStep) -> Self {
        Self::default().then(step)
    }

    /// `step` with the call after those before.
    #[must_use]
    pub fn then(mut self, step: TokenStep) -> Self {
        self.steps.push_back(step);
        self
    }

    pub(super) fn next(&mut self) -> Option<TokenStep> {
        self.steps.pop_front().or_else(|| self.forever.clone())
    }
}

impl TokenStep {
    /// An answer as usual, which waits until `gate` is open.
    pub fn held(gate: &Gate) -> Self {
        Self {
            gate: Some(gate.clone()),
            ..Self::default()
        }
    }

    pub fn status(status: u16, body: &str) -> Self {
        Self {
            failure: Some(Failure {
                status,
                headers: Vec::new(),
                body: body.to_owned(),
            }),
            ..Self::default()
        }
    }

    /// An access token that is valid for `seconds`.
    pub fn lifetime(seconds: u64) -> Self {
        Self {
            lifetime: Some(seconds),
            ..Self::default()
        }
    }

    /// An answer without some of its members.
    pub fn without(members: &[&'static str]) -> Self {
        Self {
            missing: members.to_vec(),
            ..Self::default()
        }
    }

    /// Adds a header to a failure.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Some(failure) = &mut self.failure {
            failure.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// The same, once `gate` is open.
    #[must_use]
    pub fn behind(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    /// Has a failure told only after new tokens have been issued and the old ones are used up.
    #[must_use]
    pub fn after_issue(mut self) -> Self {
        self.is_late = true;
        self
    }
}
