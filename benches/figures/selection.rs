//! Selecting one of a thousand credentials, with ten to a million sessions.

use std::hint::black_box;
use std::io;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use holdfast::config;
use holdfast::unversioned::credential;
use holdfast::unversioned::routing::{
    AttemptState, Catalog, CredentialIds, ModelEntry, Policy, RouteRequest, Router, Servers,
};
use holdfast::unversioned::session::bindings::{Bindings, Key};
use holdfast::unversioned::session::name::Name;

use crate::Bench;
use crate::report::{Report, median};

const CREDENTIALS: usize = 1_000;
const SESSIONS: [usize; 4] = [10, 1_000, 100_000, 1_000_000];
const REQUESTS: usize = 20_000;
const LONGEST: Duration = Duration::from_micros(2);

pub fn measure(_: &Bench, report: &mut Report) -> io::Result<()> {
    let catalog = catalog().ok_or_else(|| io::Error::other("the configuration is refused"))?;
    let entry = catalog
        .entry("m")
        .ok_or_else(|| io::Error::other("there is no model"))?;
    let mut known = Vec::new();
    for sessions in SESSIONS {
        let mut router = router(entry, sessions);
        let sticky = time(&mut router, entry, |n| (n * 7_919) % sessions);
        let fresh = time(&mut router, entry, |n| sessions + n);
        known.push(sticky);
        let name = format!("{CREDENTIALS} credentials, {sessions} sessions: one more");
        report.figure(&name, &micros(fresh), "<= 2 µs", fresh <= LONGEST);
        let name = format!("{CREDENTIALS} credentials, {sessions} sessions: known");
        report.figure(&name, &micros(sticky), "<= 2 µs", sticky <= LONGEST);
    }
    Ok(())
}

fn micros(time: Duration) -> String {
    format!("{:.2} µs", time.as_secs_f64() * 1e6)
}

fn catalog() -> Option<Catalog> {
    let mut text = "openai-compatibility:\n  - name: p\n    base-url: http://127.0.0.1:1\n    models: [{name: m}]\n    api-key-entries:\n".to_owned();
    for credential in 0..CREDENTIALS {
        text += &format!("      - {{api-key: k{credential}}}\n");
    }
    let config = config::load(&text, "bench").config?;
    let credentials = credential::from_config(&config).0;
    Some(Catalog::new(credentials, &CredentialIds::default()))
}

/// A router with this many sessions.
fn router(entry: &ModelEntry, sessions: usize) -> Router {
    let size = NonZeroUsize::new(2 * sessions + 100_000).unwrap_or(NonZeroUsize::MIN);
    let mut router = Router::new(Bindings::new(size, size, Instant::now()));
    for session in 0..sessions {
        ask(&mut router, entry, key(session));
    }
    router
}

fn key(session: usize) -> Key {
    Key {
        client: Default::default(),
        names: vec![Name::new("", &session.to_string(), "m")],
        prefix: None,
    }
}

/// One request that is answered immediately. Returns the time for finding its session, or for placing and storing it.
fn ask(router: &mut Router, entry: &ModelEntry, key: Key) -> Duration {
    let now = Instant::now();
    let request = RouteRequest {
        entry,
        model: "m",
        servers: Servers::All,
        key: Some(key),
        parent: None,
        policy: Policy {
            affinity: Some(Duration::from_secs(3_600)),
            ..Policy::default()
        },
        more_rounds: 0,
        is_counting: false,
    };
    let began = Instant::now();
    let mut attempt_state = AttemptState::new(entry.candidates().len());
    let pick = black_box(router.pick(&request, &mut attempt_state, now));
    let took = began.elapsed();
    if let Some(pick) = pick {
        router.committed(&request, &attempt_state, pick, now);
    }
    if let Some(id) = attempt_state.session {
        router.left(id, now);
    }
    took
}

/// The median time of a selection, for the sessions that `session` returns.
fn time(router: &mut Router, entry: &ModelEntry, session: impl Fn(usize) -> usize) -> Duration {
    let mut times: Vec<Duration> = (0..REQUESTS)
        .map(|n| ask(router, entry, key(session(n))))
        .collect();
    median(&mut times)
}
