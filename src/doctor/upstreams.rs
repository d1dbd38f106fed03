//! Findings and advice from the answers of upstreams.

use super::asking::Answered;
use super::{Finding, Status};
use crate::config::{Config, ProxySetting};
use crate::credential::{Credential, UpstreamKind};
use crate::failure::{Failure, FailureKind};
use crate::provider::models::{List, has_list};
use crate::wire::problem::{self, ErrorStatus};

/// One finding per credential. `has_proxy`: whether the environment sets a proxy.
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
                ProxySetting::Inherit => has_proxy && !is_here(host(&credential.base_url)),
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
            let message = format!("{host} was not asked, because the time limit was reached");
            return Finding::new(Status::Skipped, who, message);
        }
        Some(Ok(list)) => return listed(credential, list, &who, host, milliseconds),
        Some(Err(failure)) => failure,
    };
    let file = &config.file;
    let place = credential.place(file);
    let said = said(credential, failure);
    let (status, message, advice) = match (failure.status, failure.kind) {
        (Some(status @ (401 | 403)), _) => (
            Status::Error,
            format!("{host} refused the key: {status}{said}"),
            match &credential.account {
                Some(account) => format!(
                    "try `holdfast refresh {}`; if that fails, sign in again with `holdfast login`",
                    account.file
                ),
                None => format!("set a valid key that may use this API under {place}"),
            },
        ),
        (Some(402), _) => (
            Status::Error,
            format!("{host} requires payment: 402{said}"),
            "add credit to the account".to_owned(),
        ),
        (Some(status @ (404 | 405 | 501)), _) => {
            let kind = UpstreamKind::of(&credential.provider);
            match has_list(kind, &credential.base_url) {
                true => (
                    Status::Warning,
                    format!("{host} answers, but has no list of models at this URL: {status}"),
                    format!("check base-url under {place}; if it is correct, set `models` there"),
                ),
                false => {
                    let message =
                        format!("{host} answers ({milliseconds} ms); the key was not tested");
                    return Finding::new(Status::Ok, who, message);
                }
            }
        }
        (Some(429), _) => (
            Status::Warning,
            format!("{host} answers, but the key is over its rate limit: 429{said}"),
            "wait, or add another credential".to_owned(),
        ),
        (Some(status), FailureKind::Status) if status >= 500 => (
            Status::Warning,
            format!("{host} answers with a server error: {status}{said}"),
            "try again later, and see the vendor's status page".to_owned(),
        ),
        (Some(status), FailureKind::Status) => (
            Status::Warning,
            format!("{host} answers {status}{said}"),
            format!("check base-url under {place}"),
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
    // Vendors also serve names that they do not list; other servers do not.
    let is_exact =
        UpstreamKind::of(&credential.provider) == UpstreamKind::Compat && !list.models.is_empty();
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
        let message = format!("{host} accepts the key, but does not list `{first}`{more}");
        let advice = format!("check the names under `models` of {}", credential.section());
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
        format!("{host} accepts the key ({milliseconds} ms{count})"),
    )
}

/// The host and port of a URL, without a login.
fn host(base_url: &str) -> &str {
    let rest = base_url
        .split_once("://")
        .map_or(base_url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    authority.rsplit('@').next().unwrap_or(authority)
}

/// Whether it is this machine, for which the environment's proxy is not used.
fn is_here(host: &str) -> bool {
    ["127.", "localhost", "[::1]"]
        .iter()
        .any(|here| host.starts_with(here))
}

/// The upstream's error message, for the end of a line.
fn said(credential: &Credential, failure: &Failure) -> String {
    let kind = failure.headers.get("content-type");
    let status = ErrorStatus::from_upstream(failure.status.unwrap_or(500));
    let said = problem::read_upstream(credential.dialect(), status, &failure.body, kind).message;
    // One line, without terminal control characters.
    let said: String = said.chars().filter(|c| !c.is_control()).take(200).collect();
    match said.trim() {
        "" => String::new(),
        said => format!(" ({said})"),
    }
}

/// Advice for a failed connection, by the error message of the system or of TLS.
fn reach(message: &str, has_proxy: bool) -> &'static str {
    let message = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if has(&["unknownissuer", "unknown issuer"]) {
        "the certificate is not from a known authority, for example because a company proxy intercepts TLS: put that \
         authority's certificate (PEM) into a file and set ca-file or SSL_CERT_FILE"
    } else if has(&["expired", "notvalidyet", "not valid yet"]) {
        "check the clock of this machine; if it is correct, the upstream's certificate has expired"
    } else if has(&["certificate", "tls", "handshake"]) {
        "check the host and the scheme (http or https) of base-url"
    } else if has(&[
        "lookup",
        "resolve",
        "no address",
        "name or service",
        "nodename",
    ]) {
        "check the spelling of base-url, and the name resolution (DNS) of this machine"
    } else if has(&["proxy", "socks"]) {
        "check the proxy: proxy-url, HTTPS_PROXY, ALL_PROXY"
    } else if has_proxy {
        "check that the proxy is correct and running (proxy-url, HTTPS_PROXY, ALL_PROXY), then check base-url"
    } else if has(&["refused"]) {
        "no server listens there: check base-url, and that the server is running"
    } else {
        "check base-url, and whether a firewall blocks the connection or a proxy is needed (proxy-url)"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
                "spelling",
            ),
            ("connecting to h: the proxy answered 407", "check the proxy"),
            (
                "connecting to h: Connection refused (os error 111)",
                "no server listens",
            ),
            (
                "waiting for h: the upstream did not end in time",
                "firewall",
            ),
        ] {
            assert!(reach(message, false).contains(expected), "{message}");
        }
        let refused = "connecting to h: Connection refused";
        assert!(reach(refused, true).contains("the proxy is correct and running"));
    }
}
