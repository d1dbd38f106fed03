//! One request on its way through its candidates.

use super::catalog::{Candidate, UpstreamModel};
use crate::credential::Credential;
use crate::failure::{Class, Fault, Scope};

use crate::session::decision::Decision;
use crate::session::names::Id;

/// After this many failures to reach one host, its other credentials are not tried (spec/routing.md D 44).
const UNREACHABLE: u32 = 2;

/// Whom to ask: a candidate and one of its names for the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    pub index: usize,
    pub upstream_model: usize,
    pub decision: Decision,
}

/// What a request has been through.
#[derive(Debug)]
pub struct AttemptState {
    /// The session it belongs to, once it has been looked up.
    pub session: Option<Id>,
    pub(super) last: Option<Pick>,
    /// Candidates of this round that are not to be asked again.
    closed: Vec<bool>,
    /// Members of pools that were asked in this round.
    asked: Vec<(usize, usize)>,
    /// Where the pools begin in this request.
    starts: Vec<(usize, usize)>,
    /// How each candidate failed last.
    classes: Vec<Option<Class>>,
    /// Candidates called in this round.
    called: u32,
}

impl AttemptState {
    /// For a choice among `candidates`.
    pub fn new(candidates: usize) -> Self {
        Self {
            session: None,
            last: None,
            closed: vec![false; candidates],
            asked: Vec::new(),
            starts: Vec::new(),
            classes: Vec::new(),
            called: 0,
        }
    }

    /// Whether nobody has been asked yet.
    pub fn is_fresh(&self) -> bool {
        self.last.is_none()
    }

    /// Whether a candidate may still be asked in this round.
    pub fn is_open(&self, index: usize) -> bool {
        self.closed.get(index).is_some_and(|closed| !closed)
    }

    pub fn close(&mut self, index: usize) {
        if let Some(closed) = self.closed.get_mut(index) {
            *closed = true;
        }
    }

    /// Candidates called in this round.
    pub fn called(&self) -> u32 {
        self.called
    }

    pub(super) fn begin(&mut self, pick: Pick) {
        if self.last.is_none_or(|last| last.index != pick.index) {
            self.called += 1;
        }
        self.last = Some(pick);
    }

    pub(super) fn has_started(&self, index: usize) -> bool {
        self.starts.iter().any(|(known, _)| *known == index)
    }

    pub(super) fn start_pool(&mut self, index: usize, start: usize) {
        self.starts.push((index, start));
    }

    /// The members of a candidate that have not been asked in this round, in this request's order.
    pub(super) fn untried_models<'c>(
        &self,
        index: usize,
        candidate: &'c Candidate,
    ) -> impl Iterator<Item = (usize, &'c UpstreamModel)> {
        let size = candidate.upstream_models.len();
        let start = self.starts.iter().find(|(known, _)| *known == index);
        let start = start.map_or(0, |(_, start)| *start);
        let rotated = (start..size).chain(0..start.min(size));
        rotated
            .filter(move |upstream_model| !self.asked.contains(&(index, *upstream_model)))
            .filter_map(|upstream_model| {
                Some((
                    upstream_model,
                    candidate.upstream_models.get(upstream_model)?,
                ))
            })
    }

    pub(super) fn untried_model(&self, index: usize, candidate: &Candidate) -> Option<usize> {
        self.untried_models(index, candidate)
            .next()
            .map(|(upstream_model, _)| upstream_model)
    }

    pub(super) fn failed(&mut self, pick: Pick, candidate: &Candidate, fault: &Fault) {
        if self.classes.len() < self.closed.len() {
            self.classes.resize(self.closed.len(), None);
        }
        if let Some(class) = self.classes.get_mut(pick.index) {
            *class = Some(fault.class);
        }
        self.asked.push((pick.index, pick.upstream_model));
        let is_used_up = self.untried_model(pick.index, candidate).is_none();
        if is_used_up || fault.scope == Scope::Credential || !fault.class.moves_on() {
            self.close(pick.index);
        }
    }

    /// How a candidate failed last in this request.
    pub fn class(&self, index: usize) -> Option<Class> {
        self.classes.get(index).copied().flatten()
    }

    /// Everybody for whom `admits` says so may be asked again.
    pub fn next_round(&mut self, admits: impl Fn(usize) -> bool) {
        for (index, closed) in self.closed.iter_mut().enumerate() {
            *closed = !admits(index);
        }
        self.asked.clear();
        self.called = 0;
        self.last = None;
    }
}

/// Hosts that could not be reached in one request.
#[derive(Debug, Default)]
pub struct Unreachable<'a>(Vec<(&'a Credential, u32)>);

impl<'a> Unreachable<'a> {
    /// `credential` could not reach its host. Returns whether that has happened often enough to leave the
    /// others alone that go the same way.
    pub fn note(&mut self, credential: &'a Credential) -> bool {
        let known = self
            .0
            .iter_mut()
            .find(|(known, _)| same_way(known, credential));
        match known {
            Some((_, count)) => {
                *count += 1;
                *count >= UNREACHABLE
            }
            None => {
                self.0.push((credential, 1));
                false
            }
        }
    }
}

/// Whether two credentials call the same host through the same proxy.
pub fn same_way(a: &Credential, b: &Credential) -> bool {
    a.proxy == b.proxy && host(a) == host(b)
}

fn host(credential: &Credential) -> &str {
    let base = match credential.base_url.as_str() {
        "" => credential.provider.default_base_url().unwrap_or_default(),
        base => base,
    };
    let bare = base.split_once("://").map_or(base, |(_, rest)| rest);
    bare.split('/').next().unwrap_or_default()
}
