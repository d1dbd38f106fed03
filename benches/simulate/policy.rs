//! The compared routing policies: holdfast's router with several settings, and an omniscient one.

use std::time::{Duration, Instant, SystemTime};

use holdfast::config::{self, Strategy};
use holdfast::unversioned::credential::{self, UpstreamKind};
use holdfast::unversioned::failure::{Failure, Headers};
use holdfast::unversioned::routing::{
    AttemptState, Catalog, CredentialIds, Pick, Policy, RouteRequest, Router, Servers,
};
use holdfast::unversioned::session::bindings::{self, Bindings, Key};
use holdfast::unversioned::session::name::Name;
use holdfast::unversioned::session::prefix::Prefix;

use crate::agents::Conversation;
use crate::vendor::{Account, Refusal};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    RoundRobin,
    FillFirst,
    /// Sessions by id, else by a hash of their first texts.
    Hash,
    /// Sessions by id, else by their prefixes.
    Prefix,
    /// Knows the state of all caches and accounts.
    Optimum,
}

pub const ALL: [Variant; 5] = [
    Variant::RoundRobin,
    Variant::FillFirst,
    Variant::Hash,
    Variant::Prefix,
    Variant::Optimum,
];

impl Variant {
    pub fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "round-robin",
            Self::FillFirst => "fill-first",
            Self::Hash => "hash",
            Self::Prefix => "prefix",
            Self::Optimum => "optimum",
        }
    }
}

/// A policy with its state.
pub struct Dispatcher {
    variant: Variant,
    router: Router,
    catalog: Catalog,
    policy: Policy,
    start: Instant,
}

/// A running request.
pub struct Underway {
    pub account: usize,
    attempt_state: AttemptState,
    pick: Option<Pick>,
    began: Instant,
}

impl Dispatcher {
    pub fn new(variant: Variant, accounts: usize) -> Self {
        let start = Instant::now();
        let mut text = "openai-compatibility:\n".to_owned();
        for account in 0..accounts {
            text += &format!(
                "  - {{name: p{account:03}, base-url: 'http://h{account}', models: [{{name: m}}], api-key-entries: [{{api-key: k{account}}}]}}\n"
            );
        }
        let config = config::load(&text, "simulation")
            .config
            .expect("a configuration");
        let credentials = credential::from_config(&config).0;
        let catalog = Catalog::new(credentials, &CredentialIds::default());
        let bindings = Bindings::new(bindings::CAPACITY, bindings::NAMES, start);
        let policy = Policy {
            strategy: match variant {
                Variant::FillFirst => Strategy::FillFirst,
                _ => Strategy::RoundRobin,
            },
            affinity: match variant {
                Variant::RoundRobin | Variant::FillFirst => None,
                _ => Some(Duration::from_secs(3_600)),
            },
            ..Policy::default()
        };
        Self {
            variant,
            router: Router::new(bindings),
            catalog,
            policy,
            start,
        }
    }

    fn at(&self, now: f64) -> Instant {
        self.start + Duration::from_secs_f64(now)
    }

    /// Selects the account for a request; `None` if all attempted accounts refuse. `accounts` act as upstreams.
    pub fn dispatch(
        &mut self,
        conversation: &Conversation,
        accounts: &[Account],
        now: f64,
    ) -> Option<Underway> {
        if self.variant == Variant::Optimum {
            return optimum(conversation, accounts, now).map(|account| Underway {
                account,
                attempt_state: AttemptState::new(0),
                pick: None,
                began: self.start,
            });
        }
        let instant = self.at(now);
        let request = request(&self.catalog, self.policy, key(self.variant, conversation));
        let mut attempt_state = AttemptState::new(accounts.len());
        let mut found = None;
        while let Some(pick) = self.router.pick(&request, &mut attempt_state, instant) {
            let candidate = &request.candidates()[pick.index];
            let account = number(candidate.credential.provider.key());
            let Some(refusal) = accounts[account].refusal(now) else {
                self.router
                    .committed(&request, &attempt_state, pick, instant);
                found = Some((account, pick));
                break;
            };
            let wall = SystemTime::UNIX_EPOCH;
            let fault = holdfast::unversioned::failure::classify(
                &failure(refusal),
                UpstreamKind::Compat,
                "m",
                wall,
            );
            self.router
                .failed(&request, &mut attempt_state, pick, &fault, instant);
        }
        let Some((account, pick)) = found else {
            if let Some(id) = attempt_state.session {
                self.router.left(id, instant);
            }
            return None;
        };
        Some(Underway {
            account,
            attempt_state,
            pick: Some(pick),
            began: instant,
        })
    }

    /// Finishes a request.
    pub fn finish(&mut self, underway: &Underway, now: f64) {
        let Some(pick) = underway.pick else {
            return;
        };
        let entry = self.catalog.entry("m").expect("a model");
        let candidate = &entry.candidates()[pick.index];
        let upstream_model = &candidate.upstream_models[pick.upstream_model];
        self.router
            .succeeded(candidate, upstream_model, underway.began);
        if let Some(id) = underway.attempt_state.session {
            self.router.left(id, self.at(now));
        }
    }
}

fn request(catalog: &Catalog, policy: Policy, key: Option<Key>) -> RouteRequest<'_> {
    RouteRequest {
        entry: catalog.entry("m").expect("a model"),
        model: "m",
        servers: Servers::All,
        key,
        parent: None,
        policy,
        more_rounds: 0,
        is_counting: false,
    }
}

fn number(provider: &str) -> usize {
    provider.trim_start_matches('p').parse().expect("a number")
}

fn key(variant: Variant, conversation: &Conversation) -> Option<Key> {
    let named = |session: String| Name::new("", &session, "m");
    if conversation.has_id {
        return Some(Key {
            client: Default::default(),
            names: vec![named(format!("id:{}", conversation.id))],
            prefix: None,
        });
    }
    if variant == Variant::Hash {
        let (newest, first) = conversation.hashed();
        let names = [Some(newest), first].into_iter().flatten();
        return Some(Key {
            client: Default::default(),
            names: names
                .map(|hash| named(format!("msg:{hash:016x}")))
                .collect(),
            prefix: None,
        });
    }
    // The system prompt alone does not identify a conversation.
    let prompt = conversation.prompt().split_off(1);
    Some(Key {
        client: Default::default(),
        names: Vec::new(),
        prefix: Some((named(String::new()), Prefix::of(prompt))),
    })
}

fn failure(refusal: Refusal) -> Failure {
    let (status, after) = match refusal {
        Refusal::Overloaded => (503, None),
        Refusal::OutOfQuota(after) => (429, Some(format!("{after:.6}"))),
        Refusal::Unauthorized => (401, None),
    };
    let headers: Headers = after
        .iter()
        .map(|after| ("retry-after", after.as_str()))
        .collect();
    Failure::of_status(status, headers, Vec::new(), SystemTime::UNIX_EPOCH)
}

/// The account with the longest cached prefix; of several the least loaded one.
fn optimum(conversation: &Conversation, accounts: &[Account], now: f64) -> Option<usize> {
    let prompt = conversation.prompt();
    let usable = accounts
        .iter()
        .enumerate()
        .filter(|(_, account)| account.refusal(now).is_none());
    let rank = |account: &Account| {
        let idle = usize::MAX - account.busy(now);
        (
            account.cached(&prompt, now),
            idle,
            u64::MAX - account.served,
        )
    };
    usable
        .max_by_key(|(_, account)| rank(account))
        .map(|(index, _)| index)
}
