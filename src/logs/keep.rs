//! Which requests are written down (`spec/config.md` 6.3).

use crate::config::Logs;

/// What is written of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Nothing,
    /// Only if it fails, and then without its upstreams.
    Failures,
    Everything,
}

impl Keep {
    /// By configuration and by what is asked for. `upgrades` is whether it opens a WebSocket.
    pub fn of(logs: &Logs, method: &str, target: &str, upgrades: bool) -> Self {
        let path = target.split('?').next().unwrap_or_default();
        match logs.requests {
            _ if logs.commercial || is_private(method, path, upgrades) => Self::Nothing,
            true => Self::Everything,
            false => Self::Failures,
        }
    }
}

/// Whether a request is nobody's business: it asks for nothing new, or is the operator's own.
fn is_private(method: &str, path: &str, upgrades: bool) -> bool {
    let under = |folder: &str| {
        let rest = path.strip_prefix(folder);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    (method == "GET" && !(upgrades && path == "/v1/responses"))
        || under("/v0/management")
        || under("/management")
        || (under("/api") && !under("/api/provider"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_depends_on_keys_and_paths() {
        let logs = |requests, commercial| Logs {
            requests,
            commercial,
            ..Logs::default()
        };
        let post = |logs: &Logs, target| Keep::of(logs, "POST", target, false);
        assert_eq!(post(&logs(false, false), "/v1/messages"), Keep::Failures);
        assert_eq!(post(&logs(true, false), "/v1/messages"), Keep::Everything);
        assert_eq!(post(&logs(true, true), "/v1/messages"), Keep::Nothing);
        let all = logs(true, false);
        for (target, expected) in [
            ("/v0/management/config?x", Keep::Nothing),
            ("/v0/managements", Keep::Everything),
            ("/management", Keep::Nothing),
            ("/api/user", Keep::Nothing),
            ("/api?x=/api/provider", Keep::Nothing),
            ("/api/provider/openai/v1/chat/completions", Keep::Everything),
        ] {
            assert_eq!(post(&all, target), expected, "{target}");
        }
        let get = |target, upgrades| Keep::of(&all, "GET", target, upgrades);
        assert_eq!(get("/v1/models", false), Keep::Nothing);
        assert_eq!(get("/v1/responses", false), Keep::Nothing);
        assert_eq!(get("/v1/responses?x", true), Keep::Everything);
    }
}
