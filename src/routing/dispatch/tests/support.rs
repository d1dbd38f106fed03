//! A small catalog, and requests to it.

use std::cell::{Cell, RefCell};

use super::super::*;
use crate::failure::Headers;
use crate::routing::catalog::CredentialIds;
use crate::routing::{Catalog, Policy, Servers};
use crate::session::bindings::{
    Key, {self},
};
use crate::session::name::Name;

pub const TTL: Duration = Duration::from_secs(3600);

pub fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub fn status(code: u16) -> Failure {
    Failure::of_status(code, Headers::default(), Vec::new(), SystemTime::now())
}

pub fn quota(after: u64) -> Failure {
    let after = after.to_string();
    let headers = [("retry-after", after.as_str())].into_iter().collect();
    Failure::of_status(429, headers, Vec::new(), SystemTime::now())
}

pub fn broken() -> Failure {
    Failure::new(FailureKind::Broken, "it broke")
}

pub fn named(session: &str) -> Option<Key> {
    Some(Key {
        client: Default::default(),
        names: vec![Name::new("", session, "m")],
        prefix: None,
    })
}

/// Credentials named by their keys, with priorities and further YAML for each entry.
pub fn catalog(keys: &[(&str, i32, &str)], credential_ids: &CredentialIds) -> Catalog {
    let mut text = "openai-compatibility:\n".to_owned();
    for (key, priority, more) in keys {
        // One host each, so that an unreachable host affects one credential.
        text += &format!(
            "  - name: p-{key}\n    base-url: http://{key}.test/v1\n    priority: {priority}\n    \
             models: [{{name: m}}, {{name: n}}]\n    api-key-entries: [{{api-key: {key}}}]\n{more}"
        );
    }
    let config = crate::config::load(&text, "test").config.unwrap();
    Catalog::new(crate::credential::from_config(&config).0, credential_ids)
}

pub fn key(candidate: &Candidate) -> String {
    let key = candidate.credential.key.as_ref();
    key.map_or_else(String::new, |key| key.reveal().to_owned())
}

pub struct Setup {
    pub state: State,
    pub catalog: Catalog,
    pub policy: Policy,
    pub clock: Cell<Instant>,
    /// Every pause between rounds.
    pub pauses: RefCell<Vec<Duration>>,
}

pub type Answered = Result<(&'static str, usize), Box<DispatchError>>;

impl Setup {
    /// The keys of the model's credentials, in the order of the catalog.
    pub fn order(&self) -> Vec<String> {
        let entry = self.catalog.entry("m").unwrap();
        entry.candidates().iter().map(key).collect()
    }

    pub fn with(keys: &[(&str, i32, &str)]) -> Self {
        let now = Instant::now();
        let state = State::new(bindings::NAMES, now);
        Self {
            catalog: catalog(keys, &state.credential_ids),
            state,
            policy: Policy {
                affinity: Some(TTL),
                waiters: 10,
                ..Policy::default()
            },
            clock: Cell::new(now),
            pauses: RefCell::default(),
        }
    }

    /// `a`, `b` and `c`, and `d` of lower priority.
    pub fn new() -> Self {
        Self::with(&[("a", 0, ""), ("b", 0, ""), ("c", 0, ""), ("d", -1, "")])
    }

    pub fn pass(&self, time: Duration) {
        self.clock.set(self.clock.get() + time);
    }

    pub fn request(&self, model: &'static str, session: Option<Key>) -> RouteRequest<'_> {
        RouteRequest {
            entry: self.catalog.entry(model).unwrap(),
            model,
            servers: Servers::All,
            key: session,
            parent: None,
            policy: self.policy,
            more_rounds: 0,
            is_counting: false,
        }
    }

    pub fn dispatch(
        &self,
        request: RouteRequest<'_>,
        outcome: impl Fn(&str) -> Result<(), Failure>,
    ) -> (Vec<String>, Answered) {
        let mut tried = Vec::new();
        let placed = self.state.dispatch(
            request,
            || self.clock.get(),
            |pause| {
                self.pauses.borrow_mut().push(pause);
                self.pass(pause);
                true
            },
            |candidate, _, _| {
                tried.push(key(candidate));
                outcome(&key(candidate))
            },
        );
        let answered = placed.map(|placed| {
            placed.serving.succeeded();
            (placed.decision.name(), placed.attempts)
        });
        (tried, answered)
    }

    /// The credentials that were tried, in order, and the result.
    pub fn ask(
        &self,
        session: Option<Key>,
        outcome: impl Fn(&str) -> Result<(), Failure>,
    ) -> (Vec<String>, Answered) {
        self.dispatch(self.request("m", session), outcome)
    }

    /// The credential that answers, and the routing decision.
    pub fn who(&self, session: &str) -> (String, &'static str) {
        let (mut tried, answered) = self.ask(named(session), |_| Ok(()));
        (tried.pop().unwrap(), answered.unwrap().0)
    }

    /// A request of `session` whose credential answers with `failure`.
    pub fn fail(&self, session: &str, failing: &str, failure: Failure) -> Vec<String> {
        let (tried, answered) = self.ask(named(session), |key| match key == failing {
            true => Err(failure.clone()),
            false => Ok(()),
        });
        assert!(answered.is_ok());
        tried
    }
}
