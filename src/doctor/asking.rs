//! Sends a request that costs no tokens to each upstream with each credential.

use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use crate::config::Config;
use crate::credential::{Credential, UpstreamKind};
use crate::exchange::Waiter;
use crate::failure::Failure;
use crate::provider::models::{List, date};
use crate::provider::{Action, Call, Target, Upstream};

/// How long one upstream may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long all of them may take.
const ALL: Duration = Duration::from_secs(60);
/// Upstreams that are asked concurrently.
const TOGETHER: usize = 16;
/// Stack size of a thread, bytes.
const STACK: usize = 1 << 20;
/// A request to count tokens, which is free.
const COUNTED: &str = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;

/// What an upstream answered.
#[derive(Debug)]
pub struct Answered {
    /// The list is empty for an upstream that has none. `None`: it was not asked in time.
    pub outcome: Option<Result<List, Failure>>,
    pub took: Duration,
    /// Its clock and this machine's clock at the same time.
    pub dates: Option<(SystemTime, SystemTime)>,
}

/// Asks the upstream of each credential, in their order, with the same proxy, base URL and headers as for requests.
pub fn ask(upstream: &Upstream, config: &Config, credentials: &[Credential]) -> Vec<Answered> {
    let end = Instant::now() + ALL;
    let queue: Mutex<VecDeque<usize>> = Mutex::new((0..credentials.len()).collect());
    let answers: Mutex<Vec<Option<Answered>>> =
        Mutex::new(credentials.iter().map(|_| None).collect());
    let work = || {
        while let Some(place) = { queue.lock().pop_front() } {
            let left = end.saturating_duration_since(Instant::now());
            let Some(credential) = credentials.get(place).filter(|_| !left.is_zero()) else {
                return;
            };
            let answered = ask_one(upstream, config, credential, left.min(PATIENCE));
            if let Some(slot) = answers.lock().get_mut(place) {
                *slot = Some(answered);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..credentials.len().min(TOGETHER) {
            // If no thread can be started, the others do the work.
            let builder = thread::Builder::new().stack_size(STACK);
            let _ = builder.name("doctor".to_owned()).spawn_scoped(scope, work);
        }
        work();
    });
    let unasked = || Answered {
        outcome: None,
        took: Duration::ZERO,
        dates: None,
    };
    let answers = answers.into_inner().into_iter();
    answers
        .map(|answer| answer.unwrap_or_else(unasked))
        .collect()
}

fn ask_one(
    upstream: &Upstream,
    config: &Config,
    credential: &Credential,
    limit: Duration,
) -> Answered {
    let waiter = Waiter::alone();
    waiter.hurry(Some(limit));
    let began = Instant::now();
    let headers = credential.headers_for(&[]);
    let target = Target::of(credential, &headers, config);
    let outcome = match target.kind {
        // Vertex AI lists models only for OAuth logins.
        UpstreamKind::Vertex | UpstreamKind::Iflow => count(upstream, target, credential, &waiter),
        _ => upstream.models(target, &waiter),
    };
    let told = match &outcome {
        Ok(list) => list.date,
        Err(failure) => date(&failure.headers),
    };
    Answered {
        took: began.elapsed(),
        dates: told.map(|told| (told, SystemTime::now())),
        outcome: Some(outcome),
    }
}

/// Counts the tokens of one word, which is free.
fn count(
    upstream: &Upstream,
    target: Target<'_>,
    credential: &Credential,
    waiter: &Waiter,
) -> Result<List, Failure> {
    let model = credential
        .models
        .first()
        .and_then(|model| model.upstream.first());
    let answer = upstream.call(&Call {
        model: model.map_or("gemini-2.5-flash", |model| model),
        action: Action::Count,
        body: COUNTED.as_bytes(),
        ..Call::of_models(target, "", waiter)
    })?;
    Ok(List {
        models: Vec::new(),
        date: date(&answer.headers),
    })
}
