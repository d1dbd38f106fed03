//! Compares routing with a simple reference model under random outcomes, clock steps and sessions.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use proptest::prelude::*;

use super::*;
use crate::credential::UpstreamKind;
use crate::failure::{Class, Failure, FailureKind, Headers};
use crate::session::bindings::{self, Bindings, CredentialId, Key};
use crate::session::decision::Decision;
use crate::session::name::Name;

const CREDENTIALS: usize = 4;
const TTL: u64 = 3600;

/// What an upstream does with a request.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    Answers,
    Overloaded,
    /// 429 with a time to wait, in seconds.
    Quota(u64),
    /// 429 without a time to wait.
    Limited,
    Unauthorized,
    BadRequest,
}

#[derive(Clone, Debug)]
enum Step {
    /// A request of this session, with the outcome of each credential by its number.
    Ask(usize, [Outcome; CREDENTIALS]),
    Pass(u64),
    Sweep,
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        6 => Just(Outcome::Answers),
        2 => Just(Outcome::Overloaded),
        1 => (1_u64..20_000).prop_map(Outcome::Quota),
        1 => Just(Outcome::Limited),
        1 => Just(Outcome::Unauthorized),
        1 => Just(Outcome::BadRequest),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ask = (0..5_usize, prop::array::uniform4(outcomes())).prop_map(|(s, o)| Step::Ask(s, o));
    let step = prop_oneof![
        8 => ask,
        2 => (1_u64..120).prop_map(Step::Pass),
        1 => (1_000_u64..8_000).prop_map(Step::Pass),
        1 => Just(Step::Sweep),
    ];
    prop::collection::vec(step, 1..40)
}

/// The block of one credential, in seconds of the test's clock.
#[derive(Clone, Copy, Debug, Default)]
struct Blocked {
    until: u64,
    class: Option<Class>,
    steps: u32,
}

#[derive(Clone, Copy, Debug)]
struct Session {
    home: Option<usize>,
    stand_in: Option<usize>,
    has_answered: bool,
    used: u64,
}

#[derive(Default)]
struct Model {
    now: u64,
    blocked: [Blocked; CREDENTIALS],
    sessions: BTreeMap<usize, Session>,
}

impl Model {
    fn class(&self, credential: usize) -> Option<Class> {
        let blocked = self.blocked[credential];
        blocked.class.filter(|_| blocked.until > self.now)
    }

    /// `is_told`: the upstream gave the time.
    fn fail(&mut self, credential: usize, class: Class, time: u64, is_told: bool) {
        let running = self.class(credential);
        let blocked = &mut self.blocked[credential];
        let until = self.now + time;
        let hard = |class: Class| class != Class::Transient;
        let counts = running.is_none_or(|known| {
            let says_more = is_told || class != known;
            says_more && (hard(class), until) > (hard(known), blocked.until)
        });
        if counts {
            blocked.until = until;
            blocked.class = Some(class);
        }
    }
}

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    let mut text = "openai-compatibility:\n".to_owned();
    for key in ["a", "b", "c", "d"] {
        text += &format!(
            "  - {{name: p-{key}, base-url: 'http://{key}.test', models: [{{name: m}}], api-key-entries: [{{api-key: {key}}}]}}\n"
        );
    }
    let config = crate::config::load(&text, "test").config.unwrap();
    Catalog::new(
        crate::credential::from_config(&config).0,
        &CredentialIds::default(),
    )
});

fn failure(outcome: Outcome) -> Option<Failure> {
    let of = |status, after: Option<String>| {
        let headers: Headers = after
            .iter()
            .map(|after| ("retry-after", after.as_str()))
            .collect();
        Some(Failure::of_status(
            status,
            headers,
            Vec::new(),
            SystemTime::UNIX_EPOCH,
        ))
    };
    match outcome {
        Outcome::Answers => None,
        Outcome::Overloaded => Some(Failure::new(FailureKind::Broken, "broken")),
        Outcome::Quota(after) => of(429, Some(after.to_string())),
        Outcome::Limited => of(429, None),
        Outcome::Unauthorized => of(401, None),
        Outcome::BadRequest => of(400, None),
    }
}

/// The invariants of routing, and its agreement with the model.
fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let start = Instant::now();
    let entry = CATALOG.entry("m").unwrap();
    let mut router = Router::new(Bindings::new(bindings::CAPACITY, bindings::NAMES, start));
    let mut model = Model::default();
    let policy = Policy {
        affinity: Some(Duration::from_secs(TTL)),
        ..Policy::default()
    };
    for step in steps {
        let now = start + Duration::from_secs(model.now);
        let (session, outcomes) = match step {
            Step::Pass(time) => {
                model.now += time;
                continue;
            }
            Step::Sweep => {
                router.bindings.sweep(Duration::from_secs(TTL), now);
                let now = model.now;
                model
                    .sessions
                    .retain(|_, session| now - session.used <= TTL);
                prop_assert_eq!(router.bindings.len(), model.sessions.len());
                continue;
            }
            Step::Ask(session, outcomes) => (session, outcomes),
        };
        let request = RouteRequest {
            entry,
            model: "m",
            servers: Servers::All,
            key: Some(Key {
                client: Default::default(),
                names: vec![Name::new("", &session.to_string(), "m")],
                prefix: None,
            }),
            parent: None,
            policy,
            more_rounds: 0,
            is_counting: false,
        };
        let now_seconds = model.now;
        let mut known = model
            .sessions
            .get(&session)
            .copied()
            .filter(|session| now_seconds - session.used <= TTL);
        let mut attempt_state = AttemptState::new(CREDENTIALS);
        let mut asked = Vec::new();
        let mut answered = None;
        while let Some(pick) = router.pick(&request, &mut attempt_state, now) {
            let chosen = pick.index;
            prop_assert!(!asked.contains(&chosen), "asked twice");
            let is_free = |index: usize| model.class(index).is_none() && !asked.contains(&index);
            let any_free = (0..CREDENTIALS).any(is_free);
            // A blocked credential is tried only if none is usable, and only if its failure is temporary.
            if any_free {
                prop_assert!(is_free(chosen), "{chosen} is not free");
            } else if model.class(chosen) == Some(Class::Quota) {
                let all = (0..CREDENTIALS).all(|index| model.class(index) == Some(Class::Quota));
                prop_assert!(all && asked.is_empty(), "a probe in vain");
            } else {
                prop_assert_eq!(model.class(chosen), Some(Class::Transient));
            }
            // A session uses its primary, else its standby, else any credential.
            if let Some(known) = known {
                let home = known.home.filter(|home| is_free(*home));
                let stand_in = known.stand_in.filter(|stand_in| is_free(*stand_in));
                if let Some(expected) = home.or(stand_in) {
                    prop_assert_eq!(chosen, expected);
                }
                match pick.decision {
                    Decision::Sticky | Decision::Returned => {
                        prop_assert_eq!(Some(chosen), known.home)
                    }
                    Decision::Failover => {
                        prop_assert!(known.home.is_some_and(|home| home != chosen))
                    }
                    Decision::Moved => prop_assert_eq!(known.home, None),
                    Decision::New | Decision::Unbound => prop_assert!(false, "it was known"),
                }
            } else if asked.is_empty() {
                prop_assert_eq!(pick.decision, Decision::New);
            }
            if let Some(known) = &mut known {
                match pick.decision {
                    Decision::Failover => known.stand_in = Some(chosen),
                    Decision::Moved => {
                        known.home = Some(chosen);
                        known.has_answered = false;
                    }
                    _ => {}
                }
            }
            asked.push(chosen);
            let upstream_model = &entry.candidates()[chosen].upstream_models[0];
            let Some(failure) = failure(outcomes[chosen]) else {
                router.committed(&request, &attempt_state, pick, now);
                router.succeeded(&entry.candidates()[chosen], upstream_model, now);
                answered = Some(chosen);
                break;
            };
            let fault = crate::failure::classify(
                &failure,
                UpstreamKind::Compat,
                "m",
                SystemTime::UNIX_EPOCH,
            );
            router.failed(&request, &mut attempt_state, pick, &fault, now);
            match outcomes[chosen] {
                Outcome::Overloaded => model.fail(chosen, Class::Transient, 60, false),
                Outcome::Quota(after) => model.fail(chosen, Class::Quota, after, true),
                Outcome::Limited => {
                    if model.class(chosen) != Some(Class::Quota) {
                        let steps = model.blocked[chosen].steps;
                        let time = if steps > 10 { 1800 } else { 1 << steps };
                        let was_free = model.class(chosen).is_none();
                        model.fail(chosen, Class::Quota, time, false);
                        if was_free {
                            model.blocked[chosen].steps += 1;
                        }
                    }
                }
                Outcome::Unauthorized => model.fail(chosen, Class::Credential, 1800, false),
                Outcome::BadRequest | Outcome::Answers => {}
            }
            if let Some(known) = &mut known
                && fault.class.moves_on()
            {
                let is_lost = matches!(outcomes[chosen], Outcome::Unauthorized);
                if known.stand_in == Some(chosen) {
                    known.stand_in = None;
                }
                if known.home == Some(chosen) && (is_lost || !known.has_answered) {
                    known.home = known.stand_in.take();
                    known.has_answered = known.home.is_some();
                }
            }
            if !fault.class.moves_on() {
                break;
            }
        }
        // No usable credential was left untried.
        if answered.is_none()
            && !asked
                .iter()
                .any(|a| matches!(outcomes[*a], Outcome::BadRequest))
        {
            for index in 0..CREDENTIALS {
                let is_left_out = !asked.contains(&index) && model.class(index).is_none();
                prop_assert!(!is_left_out, "{index} was left out");
            }
        }
        if let Some(id) = attempt_state.session {
            if let Some(binding) = router.bindings.get(id) {
                let index = |credential_id: Option<CredentialId>| {
                    credential_id.and_then(|h| entry.position(h))
                };
                model.sessions.insert(
                    session,
                    Session {
                        home: index(binding.primary),
                        stand_in: index(binding.temporary),
                        has_answered: binding.is_confirmed,
                        used: model.now,
                    },
                );
                // The credential that answers is the session's primary or standby.
                if let Some(answered) = answered {
                    let held = [index(binding.primary), index(binding.temporary)];
                    prop_assert!(held.contains(&Some(answered)), "{answered} of {held:?}");
                    // A success clears the block.
                    model.blocked[answered] = Blocked::default();
                }
            }
            router.left(id, now);
            if router.bindings.get(id).is_none() {
                model.sessions.remove(&session);
            }
        }
        let live: u32 = (0..CREDENTIALS)
            .map(|index| {
                router
                    .bindings
                    .loads()
                    .sessions(entry.candidates()[index].credential_id)
            })
            .sum();
        prop_assert!(live as usize <= router.bindings.len());
        for (index, candidate) in entry.candidates().iter().enumerate() {
            let block = router.block(candidate, now);
            prop_assert_eq!(block.map(|block| block.class), model.class(index));
            if let Some(until) = block.and_then(|block| block.until) {
                let seconds = until.saturating_duration_since(start).as_secs();
                prop_assert_eq!(seconds, model.blocked[index].until);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn routing_keeps_to_its_model(steps in steps()) {
        run(steps)?;
    }
}
