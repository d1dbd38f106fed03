//! The progress of one request through its candidates.

use super::catalog::{Candidate, UpstreamModel};
use crate::credential::Credential;
use crate::failure::{Class, Fault, Scope};
use crate::session::decision::Decision;
use crate::session::names::Id;

/// After this many failures to connect to one host, its other credentials are skipped: the host is down, and each
/// attempt costs the client a connection timeout.
const UNREACHABLE: u32 = 2;

/// The next attempt: the indexes of a candidate and of one of its upstream models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    pub index: usize,
    pub upstream_model: usize,
    pub decision: Decision,
}

/// The attempts of a request so far.
#[derive(Debug)]
pub struct AttemptState {
    /// Its session, once it has been looked up.
    pub session: Option<Id>,
    pub(super) last: Option<Pick>,
    /// Whether each candidate is excluded from this round.
    closed: Vec<bool>,
    /// Candidates and upstream models tried in this round.
    asked: Vec<(usize, usize)>,
    /// The first upstream model of each pool in this request.
    starts: Vec<(usize, usize)>,
    /// The class of each candidate's last failure.
    classes: Vec<Option<Class>>,
    /// Candidates tried in this round.
    called: u32,
}

impl AttemptState {
    /// The state of a request with so many candidates.
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

    /// Whether no candidate has been tried yet.
    pub fn is_fresh(&self) -> bool {
        self.last.is_none()
    }

    /// Whether a candidate may still be tried in this round.
    pub fn is_open(&self, index: usize) -> bool {
        self.closed.get(index).is_some_and(|closed| !closed)
    }

    pub fn close(&mut self, index: usize) {
        if let Some(closed) = self.closed.get_mut(index) {
            *closed = true;
        }
    }

    /// Candidates tried in this round.
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

    /// The upstream models of a candidate that have not been tried in this round, in this request's order.
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

    /// The class of a candidate's last failure in this request.
    pub fn class(&self, index: usize) -> Option<Class> {
        self.classes.get(index).copied().flatten()
    }

    /// Begins a round in which the candidates for which `admits` is true may be tried.
    pub fn next_round(&mut self, admits: impl Fn(usize) -> bool) {
        for (index, closed) in self.closed.iter_mut().enumerate() {
            *closed = !admits(index);
        }
        self.asked.clear();
        self.called = 0;
        self.last = None;
    }
}

/// Hosts that one request could not connect to.
#[derive(Debug, Default)]
pub struct Unreachable<'a>(Vec<(&'a Credential, u32)>);

impl<'a> Unreachable<'a> {
    /// Records that the host of `credential` could not be reached. Returns whether to skip other credentials with the
    /// same host and proxy.
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

/// Whether two credentials have the same host and proxy.
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
