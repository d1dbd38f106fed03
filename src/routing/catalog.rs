//! Which model names are offered, and by which credentials. Computed once per configuration.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::credential::{Credential, Model};

/// One credential that can serve a model, and the name it calls it by.
#[derive(Clone, Debug)]
pub struct Candidate {
    id: Arc<str>,
    pub credential: Arc<Credential>,
    /// What the upstream calls the model.
    pub upstream: Arc<str>,
    /// How much it is to think, where the configuration says so: the value of a suffix.
    pub thinking: Option<Arc<str>>,
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

/// All models that clients can name.
#[derive(Debug, Default)]
pub struct Catalog {
    by_name: BTreeMap<Box<str>, Entry>,
    /// Lower-case name to the name as offered, for clients that spell it otherwise.
    folded: HashMap<Box<str>, Box<str>>,
    credentials: Vec<Arc<Credential>>,
}

#[derive(Debug)]
struct Entry {
    model: Model,
    /// Priority descending, id ascending.
    candidates: Vec<Candidate>,
}

impl Catalog {
    pub fn new(credentials: Vec<Credential>) -> Self {
        let mut catalog = Self::default();
        for credential in credentials {
            let credential = Arc::new(credential);
            let id: Arc<str> = Arc::from(credential.id.as_str());
            for (name, model) in credential.visible_ids() {
                let resolved = model.resolved(None);
                let candidate = Candidate {
                    id: Arc::clone(&id),
                    credential: Arc::clone(&credential),
                    upstream: Arc::from(resolved.upstream),
                    thinking: resolved.thinking.map(Arc::from),
                };
                let folded = name.to_lowercase().into_boxed_str();
                let name = name.into_owned().into_boxed_str();
                catalog.folded.entry(folded).or_insert_with(|| name.clone());
                let entry = catalog.by_name.entry(name).or_insert_with(|| Entry {
                    model: model.clone(),
                    candidates: Vec::new(),
                });
                if !entry.candidates.iter().any(|known| known.id == id) {
                    entry.candidates.push(candidate);
                }
            }
            catalog.credentials.push(credential);
        }
        for entry in catalog.by_name.values_mut() {
            entry
                .candidates
                .sort_by(|a, b| (-a.priority(), &a.id).cmp(&(-b.priority(), &b.id)));
        }
        catalog
    }

    /// The candidates for a model name, best first; empty for an unknown one. The exact spelling is
    /// preferred to another case (spec/config.md 2.6).
    pub fn candidates(&self, name: &str) -> &[Candidate] {
        self.entry(name)
            .map_or(&[], |entry| entry.candidates.as_slice())
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.by_name.get(name).or_else(|| {
            let offered = self.folded.get(name.to_lowercase().as_str())?;
            self.by_name.get(offered)
        })
    }

    /// All offered names with what is known of the model, in the order of the names.
    pub fn models(&self) -> impl Iterator<Item = (&str, &Model)> {
        self.by_name
            .iter()
            .map(|(name, entry)| (name.as_ref(), &entry.model))
    }

    pub fn credentials(&self) -> &[Arc<Credential>] {
        &self.credentials
    }
}
