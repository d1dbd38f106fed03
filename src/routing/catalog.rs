//! The models that clients can request and the credentials that serve them. Computed once per configuration.

use std::collections::{BTreeMap, HashMap};
use std::iter::repeat;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;

use crate::credential::{Credential, Model, split_configured};
use crate::reasoning::ReasoningSupport;
use crate::session::bindings::CredentialId;

/// One credential that can serve a model.
#[derive(Clone, Debug)]
pub struct Candidate {
    id: Arc<str>,
    pub credential_id: CredentialId,
    pub credential: Arc<Credential>,
    /// The model's names at the upstream: one, or a pool.
    pub upstream_models: Arc<[UpstreamModel]>,
}

/// A model at an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamModel {
    pub name: Arc<str>,
    /// The configured thinking suffix, if any.
    pub thinking: Option<Arc<str>>,
    /// The configured reasoning support, if any.
    pub reasoning: Option<Arc<ReasoningSupport>>,
    /// The model's name in answers, if it is not the requested one.
    pub alias: Option<Arc<str>>,
}

impl Candidate {
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// Higher is tried first.
    pub fn priority(&self) -> i32 {
        self.credential.priority
    }
}

/// Numbers for the ids of credentials, so that state about them is found without comparing texts. An id keeps its
/// number for the lifetime of the process, across reloads.
#[derive(Debug, Default)]
pub struct CredentialIds(Mutex<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    numbers: HashMap<Arc<str>, CredentialId>,
    ids: Vec<Arc<str>>,
}

impl CredentialIds {
    pub fn number(&self, id: &str) -> CredentialId {
        let mut known = self.0.lock();
        if let Some(credential_id) = known.numbers.get(id) {
            return *credential_id;
        }
        let credential_id = CredentialId(u32::try_from(known.ids.len()).unwrap_or(u32::MAX));
        let id: Arc<str> = Arc::from(id);
        known.ids.push(Arc::clone(&id));
        known.numbers.insert(id, credential_id);
        credential_id
    }

    pub fn id(&self, credential_id: CredentialId) -> Option<Arc<str>> {
        self.0.lock().ids.get(credential_id.index()).cloned()
    }
}

/// All models that clients can request.
#[derive(Debug, Default)]
pub struct Catalog {
    by_name: BTreeMap<Box<str>, ModelEntry>,
    /// Lower-case names to the names as offered, for clients that use another case.
    folded: HashMap<Box<str>, Box<str>>,
    credentials: Vec<Arc<Credential>>,
    /// Credentials that may serve unlisted models; without upstream models.
    unlisted: Vec<Candidate>,
    /// The last unlisted names that were requested.
    passed_on: Mutex<PassedOn>,
}

/// A cache of entries for unlisted names.
#[derive(Debug)]
struct PassedOn(LruCache<Box<str>, Arc<ModelEntry>>);

/// Size of that cache.
const PASSED_ON: NonZeroUsize = NonZeroUsize::new(64).unwrap();
/// The longest unlisted name that is passed to a vendor, bytes.
const LONGEST: usize = 256;

impl Default for PassedOn {
    fn default() -> Self {
        Self(LruCache::new(PASSED_ON))
    }
}

/// A model and its candidates.
#[derive(Debug)]
pub struct ModelEntry {
    pub model: Model,
    /// By descending priority, then ascending id.
    candidates: Vec<Candidate>,
    /// The candidates' numbers, contiguous because every new session scans them.
    credential_ids: Vec<CredentialId>,
    /// Ranges of candidates with equal priority, the highest first.
    tiers: Vec<Range<usize>>,
    positions: HashMap<CredentialId, usize>,
}

impl ModelEntry {
    fn new(model: Model) -> Self {
        Self {
            model,
            candidates: Vec::new(),
            credential_ids: Vec::new(),
            tiers: Vec::new(),
            positions: HashMap::new(),
        }
    }

    /// Sorts the candidates and fills in the other fields.
    fn finish(&mut self) {
        self.candidates
            .sort_by(|a, b| (-a.priority(), &a.id).cmp(&(-b.priority(), &b.id)));
        let mut start = 0;
        for tier in self
            .candidates
            .chunk_by(|a, b| a.priority() == b.priority())
        {
            self.tiers.push(start..start + tier.len());
            start += tier.len();
        }
        self.credential_ids = self.candidates.iter().map(|c| c.credential_id).collect();
        self.positions = self.credential_ids.iter().copied().zip(0..).collect();
    }

    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    pub fn credential_ids(&self) -> &[CredentialId] {
        &self.credential_ids
    }

    pub fn tiers(&self) -> &[Range<usize>] {
        &self.tiers
    }

    /// The index of a credential among the candidates.
    pub fn position(&self, credential_id: CredentialId) -> Option<usize> {
        self.positions.get(&credential_id).copied()
    }
}

impl Catalog {
    pub fn new(credentials: Vec<Credential>, credential_ids: &CredentialIds) -> Self {
        let mut catalog = Self::default();
        for credential in credentials {
            let credential = Arc::new(credential);
            let id: Arc<str> = Arc::from(credential.id.as_str());
            let credential_id = credential_ids.number(&id);
            if credential.unlisted.is_some() {
                catalog.unlisted.push(Candidate {
                    id: Arc::clone(&id),
                    credential_id,
                    credential: Arc::clone(&credential),
                    upstream_models: Arc::default(),
                });
            }
            for (name, model) in credential.visible_ids() {
                let candidate = Candidate {
                    id: Arc::clone(&id),
                    credential_id,
                    credential: Arc::clone(&credential),
                    upstream_models: upstream_models(model),
                };
                let folded = name.to_lowercase().into_boxed_str();
                let name = name.into_owned().into_boxed_str();
                catalog.folded.entry(folded).or_insert_with(|| name.clone());
                let entry = catalog
                    .by_name
                    .entry(name)
                    .or_insert_with(|| ModelEntry::new(model.clone()));
                if entry.candidates.last().is_none_or(|last| last.id != id) {
                    entry.candidates.push(candidate);
                }
            }
            catalog.credentials.push(credential);
        }
        for entry in catalog.by_name.values_mut() {
            entry.finish();
        }
        catalog
    }

    /// The entry of that name. An exact match takes precedence over one that differs in case.
    pub fn entry(&self, name: &str) -> Option<&ModelEntry> {
        self.by_name.get(name).or_else(|| {
            let offered = self.folded.get(name.to_lowercase().as_str())?;
            self.by_name.get(offered)
        })
    }

    /// An entry for an unlisted name, if it looks like a model of a vendor that has a credential without `models`.
    pub fn passed_on(&self, name: &str) -> Option<Arc<ModelEntry>> {
        if self.unlisted.is_empty() || name.len() > LONGEST {
            return None;
        }
        if let Some(known) = self.passed_on.lock().0.get(name) {
            return Some(Arc::clone(known));
        }
        let candidates = self.unlisted.iter().filter_map(|candidate| {
            let upstream = candidate.credential.passed_on(name)?;
            let upstream_model = UpstreamModel {
                name: Arc::from(upstream),
                thinking: None,
                reasoning: None,
                alias: None,
            };
            Some(Candidate {
                upstream_models: [upstream_model].into(),
                ..candidate.clone()
            })
        });
        let candidates: Vec<Candidate> = candidates.collect();
        let owner = &candidates.first()?.credential.provider;
        let mut entry = ModelEntry::new(Model::unlisted(name, owner.key()));
        entry.candidates = candidates;
        entry.finish();
        let entry = Arc::new(entry);
        let mut kept = self.passed_on.lock();
        kept.0.put(name.into(), Arc::clone(&entry));
        Some(entry)
    }

    /// All offered names, sorted.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &ModelEntry)> {
        self.by_name
            .iter()
            .map(|(name, entry)| (name.as_ref(), entry))
    }

    pub fn credentials(&self) -> &[Arc<Credential>] {
        &self.credentials
    }
}

fn upstream_models(model: &Model) -> Arc<[UpstreamModel]> {
    let names = match model.upstream.as_slice() {
        [] => std::slice::from_ref(&model.id),
        names => names,
    };
    let records = model.thinking.iter().cloned().chain(repeat(None));
    names
        .iter()
        .zip(records)
        .map(|(name, reasoning)| {
            let (upstream, thinking) = split_configured(name);
            UpstreamModel {
                name: Arc::from(upstream),
                thinking: thinking.map(Arc::from),
                reasoning,
                alias: model.force_mapping.then(|| Arc::from(model.id.as_str())),
            }
        })
        .collect()
}
