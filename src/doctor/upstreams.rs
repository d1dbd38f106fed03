//! Asking each upstream with each credential, at no cost in tokens.

use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use super::{Finding, Status};
use crate::config::{Config, ProxySetting};
use crate::credential::Credential;
use crate::dialect::problem::{self, ErrorStatus};
use crate::exchange::Waiter;
use crate::provider::models::{List, date, has_list};
use crate::provider::{Action, Call, Failure, FailureKind, Kind, Target, Upstream};

/// How long one upstream may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long all of them may take.
const ALL: Duration = Duration::from_secs(60);
/// Upstreams that are asked at once.
const TOGETHER: usize = 16;
/// Stack of a thread that asks, bytes.
const STACK: usize = 1 << 20;
/// By how much a clock may differ: answers take time, and `Date` has whole seconds.
const SKEW: Duration = Duration::from_secs(30);
/// What costs nothing to be counted.
const COUNTED: &str = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;

/// What an upstream answered.
#[derive(Debug)]
pub struct Answered {
    /// Without `models` for one that has no list and was asked something else. `None`: it was not asked in time.
    pub outcome: Option<Result<List, Failure>>,
    pub took: Duration,
    /// Its clock, and ours at the same time.
    pub dates: Option<(SystemTime, SystemTime)>,
}

/// Asks the upstream of each credential, in their order. No proxy, base URL or header is another than for requests.
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
            // Those that there are do it as well.
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
        // It shows its list to logins only.
        Kind::Vertex => count(upstream, target, credential, &waiter),
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

/// Has the tokens of a word counted, which costs none.
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
        models: None,
        body: COUNTED.as_bytes(),
        ..Call::of_models(target, "", waiter)
    })?;
    Ok(List {
        models: Vec::new(),
        date: date(&answer.headers),
    })
}

/// What the answers say of the credentials. `has_proxy`: whether the environment names a proxy.
pub fn upstreams(
    config: &Config,
    credentials: &[Credential],
    answers: &[Answered],
    has_proxy: bool,
) -> Vec<Finding> {
    let pairs = credentials.iter().zip(answers);
    pairs
        .map(|(credential, answered)| {
            let proxy = match (&credential.proxy, &config.proxy_url) {
                (ProxySetting::Inherit, global) => global,
                (own, _) => own,
            };
            let has_proxy = match proxy {
                ProxySetting::Inherit => has_proxy,
                ProxySetting::Direct => false,
                ProxySetting::Url(_) => true,
            };
            finding(config, credential, answered, has_proxy)
        })
        .collect()
}

fn finding(
    config: &Config,
    credential: &Credential,
    answered: &Answered,
    has_proxy: bool,
) -> Finding {
    let who = credential.masked_id();
    let host = host(&credential.base_url);
    let milliseconds = answered.took.as_millis();
    let failure = match &answered.outcome {
        None => {
            let message = format!("{host} was not asked: the others took all the time");
            return Finding::new(Status::Skipped, who, message);
        }
        Some(Ok(list)) => return listed(credential, list, &who, host, milliseconds),
        Some(Err(failure)) => failure,
    };
    let file = &config.file;
    let section = credential.section();
    let said = said(credential, failure);
    let (status, message, advice) = match (failure.status, failure.kind) {
        (Some(status @ (401 | 403)), _) => (
            Status::Error,
            format!("{host} refused the key: {status}{said}"),
            format!("put a key that is valid and allowed to use the API under {section} in {file}"),
        ),
        (Some(402), _) => (
            Status::Error,
            format!("{host} wants to be paid: 402{said}"),
            "add credit to the account".to_owned(),
        ),
        (Some(status @ (404 | 405 | 501)), _) => {
            let kind = Kind::of(&credential.provider);
            match has_list(kind, &credential.base_url) {
                true => (
                    Status::Warning,
                    format!("{host} answers, but has no list of models at this address: {status}"),
                    format!(
                        "see whether base-url is right under {section} in {file}; if it is, list `models` there"
                    ),
                ),
                false => {
                    let message =
                        format!("{host} answers ({milliseconds} ms); the key was not tried");
                    return Finding::new(Status::Ok, who, message);
                }
            }
        }
        (Some(429), _) => (
            Status::Warning,
            format!("{host} answers, but the key is over its limit for now: 429{said}"),
            "wait, or add another credential".to_owned(),
        ),
        (Some(status), FailureKind::Status) if status >= 500 => (
            Status::Warning,
            format!("{host} answers, but is in trouble itself: {status}{said}"),
            "try again later; the vendor's status page may say more".to_owned(),
        ),
        (Some(status), FailureKind::Status) => (
            Status::Warning,
            format!("{host} answers {status}{said}"),
            format!("see whether base-url is right under {section} in {file}"),
        ),
        _ => (
            Status::Error,
            format!("{host} cannot be reached: {failure}"),
            reach(&failure.message, has_proxy).to_owned(),
        ),
    };
    Finding::new(status, who, message).advised(advice)
}

fn listed(
    credential: &Credential,
    list: &List,
    who: &str,
    host: &str,
    milliseconds: u128,
) -> Finding {
    // Vendors serve names beside those that they list; other servers do not.
    let is_exact = Kind::of(&credential.provider) == Kind::Compat && !list.models.is_empty();
    let lists = |name: &str| {
        list.models
            .iter()
            .any(|known| known.id.eq_ignore_ascii_case(name))
    };
    let names = credential.models.iter().flat_map(|model| &model.upstream);
    let missing: Vec<&str> = names
        .map(|name| crate::credential::split_configured(name).0)
        .filter(|name| is_exact && !lists(name))
        .collect();
    if let Some(first) = missing.first() {
        let more = match missing.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!("{host} takes the key, but does not list `{first}`{more}");
        let advice = format!(
            "see whether the names under `models` of {} are right",
            credential.section()
        );
        return Finding::new(Status::Warning, who, message).advised(advice);
    }
    let count = match list.models.len() {
        0 => String::new(),
        1 => ", 1 model".to_owned(),
        count => format!(", {count} models"),
    };
    Finding::new(
        Status::Ok,
        who,
        format!("{host} takes the key ({milliseconds} ms{count})"),
    )
}

/// The name behind the scheme, without a login.
fn host(base_url: &str) -> &str {
    let rest = base_url
        .split_once("://")
        .map_or(base_url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    authority.rsplit('@').next().unwrap_or(authority)
}

/// What the upstream said of its refusal, for the end of a line.
fn said(credential: &Credential, failure: &Failure) -> String {
    let kind = failure.headers.get("content-type");
    let status = ErrorStatus::from_upstream(failure.status.unwrap_or(500));
    let said = problem::read_upstream(credential.dialect(), status, &failure.body, kind).message;
    // One line, and nothing that steers a terminal.
    let said: String = said.chars().filter(|c| !c.is_control()).take(200).collect();
    match said.trim() {
        "" => String::new(),
        said => format!(" ({said})"),
    }
}

/// What to do where a connection fails, by the words of the system and of TLS.
fn reach(message: &str, has_proxy: bool) -> &'static str {
    let message = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if has(&["unknownissuer", "unknown issuer"]) {
        "something on the way, such as a company's proxy, shows a certificate of its own: put that authority's \
         certificate (PEM) into a file and name it with ca-file or SSL_CERT_FILE"
    } else if has(&["expired", "notvalidyet", "not valid yet"]) {
        "see whether the clock of this machine is right; if it is, the upstream's certificate is out of date"
    } else if has(&["certificate", "tls", "handshake"]) {
        "see whether base-url has the right host and scheme (http or https)"
    } else if has(&[
        "lookup",
        "resolve",
        "no address",
        "name or service",
        "nodename",
    ]) {
        "see whether base-url is spelt right, and whether this machine can look up names (DNS)"
    } else if has(&["proxy", "socks"]) {
        "see whether the proxy is right: proxy-url, HTTPS_PROXY, ALL_PROXY"
    } else if has_proxy {
        "see whether the proxy is right and runs: proxy-url, HTTPS_PROXY, ALL_PROXY; then whether base-url is right"
    } else if has(&["refused"]) {
        "nothing listens there: see whether base-url is right and the server runs"
    } else {
        "see whether base-url is right, and whether a firewall is in the way or a proxy is needed (proxy-url)"
    }
}

/// Whether the clock is right, by those of the upstreams.
pub fn clock(answers: &[Answered]) -> Finding {
    let subject = "clock";
    let dates = answers.iter().filter_map(|answered| answered.dates);
    let ahead = |(theirs, ours): (SystemTime, SystemTime)| match ours.duration_since(theirs) {
        Ok(ahead) => i64::try_from(ahead.as_secs()).unwrap_or(i64::MAX),
        Err(behind) => -i64::try_from(behind.duration().as_secs()).unwrap_or(i64::MAX),
    };
    let mut skews: Vec<i64> = dates.map(ahead).collect();
    // One upstream may be wrong; most are not.
    skews.sort_unstable();
    let Some(&skew) = skews.get(skews.len() / 2) else {
        return Finding::new(Status::Skipped, subject, "no upstream told the time");
    };
    let seconds = skew.unsigned_abs();
    if seconds <= SKEW.as_secs() {
        return Finding::new(Status::Ok, subject, "agrees with the upstreams");
    }
    let side = if skew > 0 { "ahead of" } else { "behind" };
    let message = format!("is {seconds} s {side} the upstreams'");
    Finding::new(Status::Error, subject, message).advised(
        "set the clock, for example with NTP (timedatectl set-ntp true): certificates and quotas depend on it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dated(skew: i64) -> Answered {
        let ours = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let by = Duration::from_secs(skew.unsigned_abs());
        let theirs = if skew > 0 { ours - by } else { ours + by };
        Answered {
            outcome: None,
            took: Duration::ZERO,
            dates: Some((theirs, ours)),
        }
    }

    #[test]
    fn the_clock_is_judged_by_most_upstreams() {
        for (skews, status, message) in [
            (&[][..], Status::Skipped, "no upstream told the time"),
            (&[0, 2, -30], Status::Ok, "agrees with the upstreams"),
            (&[0, 90_000, 1], Status::Ok, "agrees with the upstreams"),
            (&[90], Status::Error, "is 90 s ahead of the upstreams'"),
            (
                &[-90, -91, 0],
                Status::Error,
                "is 90 s behind the upstreams'",
            ),
        ] {
            let answers: Vec<Answered> = skews.iter().map(|skew| dated(*skew)).collect();
            let finding = clock(&answers);
            assert_eq!(
                (finding.status, &*finding.message),
                (status, message),
                "{skews:?}"
            );
        }
    }

    #[test]
    fn hosts_are_shown_without_logins() {
        for (url, expected) in [
            ("https://api.anthropic.com", "api.anthropic.com"),
            ("http://user:word@h:81/v1?key=x", "h:81"),
            ("h", "h"),
        ] {
            assert_eq!(host(url), expected);
        }
    }

    #[test]
    fn each_way_to_fail_has_its_advice() {
        for (message, expected) in [
            (
                "connecting to h: invalid peer certificate: UnknownIssuer",
                "ca-file",
            ),
            (
                "connecting to h: invalid peer certificate: Expired",
                "clock",
            ),
            ("connecting to h: received corrupt message: TLS", "scheme"),
            (
                "connecting to h: failed to lookup address information",
                "spelt",
            ),
            (
                "connecting to h: the proxy answered 407",
                "the proxy is right",
            ),
            (
                "connecting to h: Connection refused (os error 111)",
                "nothing listens",
            ),
            (
                "waiting for h: the upstream did not end in time",
                "firewall",
            ),
        ] {
            assert!(reach(message, false).contains(expected), "{message}");
        }
        let refused = "connecting to h: Connection refused";
        assert!(reach(refused, true).contains("the proxy is right and runs"));
    }
}
