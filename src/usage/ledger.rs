//! Exact totals, and the newest of the attempts that they count.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::snapshot::{Api, Detail, Model, Requests, Snapshot};
use crate::config::Secret;

/// What stands for a name that is not known.
const UNKNOWN: &str = "unknown";

/// How clients are named in what is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Enough of a key to tell it from others.
    Masked,
    /// By their keys.
    Raw,
}

/// What a merge came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    pub added: u64,
    /// Known already.
    pub skipped: u64,
}

/// Kept in memory; what it takes does not grow with the number of attempts.
pub(super) struct Ledger {
    /// Details kept at most.
    capacity: usize,
    failures: u64,
    sum: Sum,
    apis: BTreeMap<String, Account>,
    days: BTreeMap<String, Sum>,
    hours: BTreeMap<String, Sum>,
    pub requests: Requests,
    /// By row, the oldest first.
    details: VecDeque<(usize, Detail)>,
    rows: usize,
    /// Every text of the details once.
    texts: HashSet<Arc<str>>,
}

#[derive(Clone, Copy, Default)]
struct Sum {
    requests: u64,
    tokens: u64,
}

#[derive(Default)]
struct Account {
    sum: Sum,
    models: BTreeMap<String, (usize, Sum)>,
}

impl Sum {
    fn add(&mut self, tokens: u64) {
        self.requests = self.requests.saturating_add(1);
        self.tokens = self.tokens.saturating_add(tokens);
    }
}

impl Ledger {
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            failures: 0,
            sum: Sum::default(),
            apis: BTreeMap::new(),
            days: BTreeMap::new(),
            hours: BTreeMap::new(),
            requests: Requests::default(),
            details: VecDeque::new(),
            rows: 0,
            texts: HashSet::new(),
        }
    }

    pub fn attempts(&self) -> u64 {
        self.sum.requests
    }

    /// Enters one attempt.
    pub fn add(&mut self, api: &str, model: &str, detail: Detail) {
        self.enter(api, model, detail);
        if self.details.len() > self.capacity {
            self.details.pop_front();
        }
    }

    fn enter(&mut self, api: &str, model: &str, detail: Detail) {
        let tokens = detail.tokens.total_tokens;
        self.sum.add(tokens);
        self.failures += u64::from(detail.failed);
        let day = detail.timestamp.date().to_string();
        self.days.entry(day).or_default().add(tokens);
        let hour = format!("{:02}", detail.timestamp.hour());
        self.hours.entry(hour).or_default().add(tokens);
        let row = self.row(api, model, |sum| sum.add(tokens));
        self.keep(row, detail);
    }

    fn row(&mut self, api: &str, model: &str, change: impl Fn(&mut Sum)) -> usize {
        let account = self.apis.entry(named(api).to_owned()).or_default();
        change(&mut account.sum);
        let new = || {
            self.rows += 1;
            (self.rows - 1, Sum::default())
        };
        let model = account.models.entry(named(model).to_owned());
        let (row, sum) = model.or_insert_with(new);
        change(sum);
        *row
    }

    fn keep(&mut self, row: usize, mut detail: Detail) {
        detail.source = self.text(detail.source);
        detail.auth_index = self.text(detail.auth_index);
        self.details.push_back((row, detail));
    }

    fn text(&mut self, text: Arc<str>) -> Arc<str> {
        match self.texts.get(&text) {
            Some(known) => Arc::clone(known),
            None => {
                self.texts.insert(Arc::clone(&text));
                text
            }
        }
    }

    /// Enters the details of `other` that are not here yet; its totals are not read. Of details that are no longer
    /// kept it is not known that they were here.
    pub fn merge(&mut self, other: Snapshot) -> Merged {
        let mut known = self.marks();
        let mut merged = Merged::default();
        for (api, account) in other.apis {
            if api.trim().is_empty() {
                continue;
            }
            let api = self.unmasked(api);
            for (model, Model { details, .. }) in account.models {
                for detail in details {
                    if known.insert(mark(&api, named(&model), &detail)) {
                        self.enter(&api, &model, detail);
                        merged.added += 1;
                    } else {
                        merged.skipped += 1;
                    }
                }
            }
        }
        self.settle();
        merged
    }

    /// The newest in order, no more than are kept.
    fn settle(&mut self) {
        self.details
            .make_contiguous()
            .sort_by_key(|(_, detail)| detail.timestamp);
        let surplus = self.details.len().saturating_sub(self.capacity);
        self.details.drain(..surplus);
        self.details.shrink_to(self.capacity);
    }

    /// The client that an export has masked, if only one can be meant.
    fn unmasked(&self, api: String) -> String {
        if self.apis.contains_key(&api) {
            return api;
        }
        let mut meant = self.apis.keys().filter(|known| masked(known) == api);
        match (meant.next(), meant.next()) {
            (Some(known), None) => known.clone(),
            _ => api,
        }
    }

    fn marks(&self) -> HashSet<u128> {
        let details = self.details_by_row();
        let rows = self.apis.iter().flat_map(|(api, account)| {
            let models = account.models.iter();
            models.map(move |(model, (row, _))| (api, model, row))
        });
        let marks = rows.flat_map(|(api, model, row)| {
            let details = details.get(row).into_iter().flatten();
            details.map(move |detail| mark(api, model, detail))
        });
        marks.collect()
    }

    fn details_by_row(&self) -> HashMap<usize, Vec<&Detail>> {
        let mut details: HashMap<usize, Vec<&Detail>> = HashMap::new();
        for (row, detail) in &self.details {
            details.entry(*row).or_default().push(detail);
        }
        details
    }

    pub fn snapshot(&self, names: Names) -> Snapshot {
        let details = self.details_by_row();
        let mut apis = BTreeMap::new();
        for (api, account) in &self.apis {
            let models = account.models.iter().map(|(model, (row, sum))| {
                let shown = Model {
                    total_requests: sum.requests,
                    total_tokens: sum.tokens,
                    details: details
                        .get(row)
                        .into_iter()
                        .flatten()
                        .map(|detail| Detail::clone(detail))
                        .collect(),
                };
                (model.clone(), shown)
            });
            let shown = Api {
                total_requests: account.sum.requests,
                total_tokens: account.sum.tokens,
                models: models.collect(),
            };
            let name = match names {
                Names::Raw => api.clone(),
                Names::Masked => masked(api),
            };
            apis.insert(unique(&apis, name), shown);
        }
        let requests = |by: &BTreeMap<String, Sum>| {
            let each = by.iter().map(|(key, sum)| (key.clone(), sum.requests));
            each.collect()
        };
        let tokens = |by: &BTreeMap<String, Sum>| {
            let each = by.iter().map(|(key, sum)| (key.clone(), sum.tokens));
            each.collect()
        };
        Snapshot {
            total_requests: self.sum.requests,
            success_count: self.sum.requests.saturating_sub(self.failures),
            failure_count: self.failures,
            total_tokens: self.sum.tokens,
            apis,
            requests_by_day: requests(&self.days),
            requests_by_hour: requests(&self.hours),
            tokens_by_day: tokens(&self.days),
            tokens_by_hour: tokens(&self.hours),
        }
    }

    /// The books that `snapshot` (with raw names) was taken of.
    pub fn restored(capacity: usize, snapshot: Snapshot, requests: Requests) -> Self {
        let mut ledger = Self::new(capacity);
        let by = |requests: BTreeMap<String, u64>, mut tokens: BTreeMap<String, u64>| {
            let sum = requests.into_iter().map(|(key, requests)| {
                let tokens = tokens.remove(&key).unwrap_or(0);
                (key, Sum { requests, tokens })
            });
            sum.collect()
        };
        ledger.days = by(snapshot.requests_by_day, snapshot.tokens_by_day);
        ledger.hours = by(snapshot.requests_by_hour, snapshot.tokens_by_hour);
        ledger.failures = snapshot.failure_count;
        ledger.requests = requests;
        ledger.sum = Sum {
            requests: snapshot.total_requests,
            tokens: snapshot.total_tokens,
        };
        for (api, account) in snapshot.apis {
            for (model, shown) in account.models {
                let row = ledger.row(&api, &model, |sum| {
                    sum.requests = sum.requests.saturating_add(shown.total_requests);
                    sum.tokens = sum.tokens.saturating_add(shown.total_tokens);
                });
                for detail in shown.details {
                    ledger.keep(row, detail);
                }
            }
        }
        ledger.settle();
        ledger
    }
}

fn named(name: &str) -> &str {
    match name.trim() {
        "" => UNKNOWN,
        name => name,
    }
}

/// Routes are no secrets.
fn masked(api: &str) -> String {
    match api == UNKNOWN || api.contains(" /") {
        true => api.to_owned(),
        false => Secret::new(api).masked(),
    }
}

/// Two keys may look the same under their masks.
fn unique(taken: &BTreeMap<String, Api>, name: String) -> String {
    if !taken.contains_key(&name) {
        return name;
    }
    let mut others = (2..).map(|n: u64| format!("{name} ({n})"));
    others
        .find(|other| !taken.contains_key(other))
        .unwrap_or(name)
}

/// The same for attempts that are the same: all of it but the latency.
fn mark(api: &str, model: &str, detail: &Detail) -> u128 {
    let Detail {
        timestamp,
        latency_ms: _,
        source,
        auth_index,
        tokens,
        failed,
    } = detail;
    let text = format!(
        "{api}\0{model}\0{source}\0{auth_index}\0{:?}{tokens:?}{failed}",
        timestamp.instant()
    );
    xxhash_rust::xxh3::xxh3_128(text.as_bytes())
}
