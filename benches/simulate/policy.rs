//! The ways of routing that are compared: holdfast's own router under several settings, and one that knows
//! everything.

use std::time::{Duration, Instant, SystemTime};

use holdfast::config::{self, Strategy};
use holdfast::credential::{self, UpstreamKind};
use holdfast::failure::{Failure, Headers};
use holdfast::routing::{
    AttemptState, Catalog, CredentialIds, Pick, Policy, RouteRequest, Router, Servers,
};
use holdfast::session::bindings::{self, Bindings, Key};
use holdfast::session::name::Name;
use holdfast::session::prefix::Prefix;

use crate::agents::Conversation;
use crate::vendor::{Account, Refusal};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    RoundRobin,
    FillFirst,
    /// Sessions by a hash of their first texts, where they have no id.
    Hash,
    /// Sessions by their own beginnings, where they have no id.
    Prefix,
    /// Sees every cache and who is well.
    Optimum,
}

pub const ALL: [Way; 5] = [
    Way::RoundRobin,
    Way::FillFirst,
    Way::Hash,
    Way::Prefix,
    Way::Optimum,
];

impl Way {
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

/// One way, with what it remembers.
pub struct Dispatcher {
    way: Way,
    router: Router,
    catalog: Catalog,
    policy: Policy,
    start: Instant,
}

/// A request that is being answered.
pub struct Underway {
    pub account: usize,
    attempt_state: AttemptState,
    pick: Option<Pick>,
    began: Instant,
}

impl Dispatcher {
    pub fn new(way: Way, accounts: usize) -> Self {
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
            strategy: match way {
                Way::FillFirst => Strategy::FillFirst,
                _ => Strategy::RoundRobin,
            },
            affinity: match way {
                Way::RoundRobin | Way::FillFirst => None,
                _ => Some(Duration::from_secs(3_600)),
            },
            ..Policy::default()
        };
        Self {
            way,
            router: Router::new(bindings),
            catalog,
            policy,
            start,
        }
    }

    fn at(&self, now: f64) -> Instant {
        self.start + Duration::from_secs_f64(now)
    }

    /// Who serves a request; nobody if all that were asked refused. `accounts` are asked as upstreams are.
    pub fn dispatch(
        &mut self,
        conversation: &Conversation,
        accounts: &[Account],
        now: f64,
    ) -> Option<Underway> {
        if self.way == Way::Optimum {
            return optimum(conversation, accounts, now).map(|account| Underway {
                account,
                attempt_state: AttemptState::new(0),
                pick: None,
                began: self.start,
            });
        }
        let instant = self.at(now);
        let request = request(&self.catalog, self.policy, key(self.way, conversation));
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
            let fault =
                holdfast::failure::classify(&failure(refusal), UpstreamKind::Compat, "m", wall);
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

    /// The answer has come to its end.
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

fn key(way: Way, conversation: &Conversation) -> Option<Key> {
    let named = |session: String| Name::new("", &session, "m");
    if conversation.has_id {
        return Some(Key {
            client: Default::default(),
            names: vec![named(format!("id:{}", conversation.id))],
            prefix: None,
        });
    }
    if way == Way::Hash {
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
    // The system prompt alone is nobody's beginning.
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

/// The one that holds the longest beginning; of several the one with the least to do.
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
