//! Which requests are logged, and how much of them.

use crate::config::Logs;

/// How much of a request is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    Off,
    /// Failed requests only, without the upstream calls.
    ErrorsOnly,
    /// Every request, with the upstream calls.
    Full,
}

impl Policy {
    /// The policy for one request. `is_upgrade` is whether it opens a WebSocket.
    pub fn of(logs: &Logs, method: &str, target: &str, is_upgrade: bool) -> Self {
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        match logs.requests {
            _ if logs.commercial || is_exempt(method, path, is_upgrade) => Self::Off,
            true => Self::Full,
            false => Self::ErrorsOnly,
        }
    }
}

/// Requests that only read, and those of the operator, are never logged.
fn is_exempt(method: &str, path: &str, is_upgrade: bool) -> bool {
    let under = |folder: &str| {
        let rest = path.strip_prefix(folder);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    (method == "GET" && !(is_upgrade && path == "/v1/responses"))
        || under("/v0/management")
        || under("/management")
        || (under("/api") && !under("/api/provider"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_and_path_decide() {
        let logs = |requests, commercial| Logs {
            requests,
            commercial,
            ..Logs::default()
        };
        let post = |logs: &Logs, target| Policy::of(logs, "POST", target, false);
        assert_eq!(
            post(&logs(false, false), "/v1/messages"),
            Policy::ErrorsOnly
        );
        assert_eq!(post(&logs(true, false), "/v1/messages"), Policy::Full);
        assert_eq!(post(&logs(true, true), "/v1/messages"), Policy::Off);
        let all = logs(true, false);
        for (target, expected) in [
            ("/v0/management/config?x", Policy::Off),
            ("/v0/managements", Policy::Full),
            ("/management", Policy::Off),
            ("/api/user", Policy::Off),
            ("/api?x=/api/provider", Policy::Off),
            ("/api/provider/openai/v1/chat/completions", Policy::Full),
        ] {
            assert_eq!(post(&all, target), expected, "{target}");
        }
        let get = |target, upgrades| Policy::of(&all, "GET", target, upgrades);
        assert_eq!(get("/v1/models", false), Policy::Off);
        assert_eq!(get("/v1/responses", false), Policy::Off);
        assert_eq!(get("/v1/responses?x", true), Policy::Full);
    }
}
