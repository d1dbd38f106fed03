//! The Anthropic API, and other servers with the Messages API.

use http::Uri;
use http::header::HeaderName;
use serde_json::Value;

use super::headers::CallHeaders;
use super::request::{self, Request};
use super::target::{Action, Call};
use super::url;
use crate::failure::{Failure, Headers};
use crate::json::Splice;

const BASE: &str = "https://api.anthropic.com";
const HOST: &str = "api.anthropic.com";
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const ANTHROPIC_BETA: HeaderName = HeaderName::from_static("anthropic-beta");
/// The API version, unless the client sends one.
const VERSION: &str = "2023-06-01";
/// A text that every OAuth token contains, and no API key.
const TOKEN_MARK: &str = "sk-ant-oat";
/// Headers of the client that are passed to this API.
const FORWARDED: &[&str] = &[
    "anthropic-version",
    "anthropic-dangerous-direct-browser-access",
    "x-app",
    "x-stainless-*",
    "x-claude-code-*",
    "x-client-request-id",
];

pub fn request<'a>(call: &Call<'a>) -> Result<Request<'a>, Failure> {
    messages(call, BASE, call.model)
}

/// A call of an upstream with the Messages API, at `own_base` unless the credential has a base URL.
pub fn messages<'a>(call: &Call<'a>, own_base: &str, model: &str) -> Result<Request<'a>, Failure> {
    let base = call.target.base_or(own_base);
    let path = match call.action {
        Action::Generate => "/v1/messages",
        Action::Count => "/v1/messages/count_tokens",
        other => return Err(other.unsupported()),
    };
    let uri = url::under(base, path)?;
    let is_vendor = is_vendor(&uri);
    let mut body = request::renamed(call, model);
    let mut betas = Betas::default();
    for header in call.client_headers_named("anthropic-beta") {
        header.split(',').for_each(|beta| betas.add(beta));
    }
    // The vendor's SDKs accept `betas` as a field and move it into the header.
    for member in request::members_with(call, "betas")? {
        if member.key == "betas" {
            betas.add_json(request::raw(call, &member));
            body.remove(&member);
        }
    }

    let mut headers = Headers::of_call(call, call.stream && call.action == Action::Generate);
    authenticate(call, is_vendor, &mut headers, &mut betas);
    if is_vendor {
        if call.client_header("x-cpa-claude-1m").is_some() {
            betas.add("context-1m-2025-08-07");
        }
        for member in request::members_with(call, "speed")? {
            if member.key == "speed" && request::raw(call, &member) == b"\"fast\"" {
                betas.add("fast-mode-2026-02-01");
            }
        }
        if call.is_translated && thinks_between_calls(call)? {
            betas.add("interleaved-thinking-2025-05-14");
        }
    }
    headers.put(ANTHROPIC_VERSION, VERSION);
    if !betas.0.is_empty() {
        headers.set(ANTHROPIC_BETA, &betas.0.join(","));
    }
    headers.forward(call, FORWARDED);
    headers.defaults(call);
    headers.credential(call);
    Ok(Request { uri, headers, body })
}

/// A page of the list of models.
pub fn models<'a>(call: &Call<'a>, page: &str) -> Result<Request<'a>, Failure> {
    let base = call.target.base_or(BASE);
    let uri = url::under(base, &format!("/v1/models?limit=1000{page}"))?;
    let mut headers = Headers::of_call(call, false);
    let mut betas = Betas::default();
    authenticate(call, is_vendor(&uri), &mut headers, &mut betas);
    headers.put(ANTHROPIC_VERSION, VERSION);
    if !betas.0.is_empty() {
        headers.set(ANTHROPIC_BETA, &betas.0.join(","));
    }
    headers.defaults(call);
    headers.credential(call);
    let body = Splice::new(call.body);
    Ok(Request { uri, headers, body })
}

/// Sets the key in the header that the upstream expects. Logins have bearer tokens.
fn authenticate(call: &Call<'_>, is_vendor: bool, headers: &mut Headers, betas: &mut Betas) {
    let key = call.target.key;
    let is_marked = key.is_some_and(|key| key.reveal().contains(TOKEN_MARK));
    let is_token = call.target.account.is_some() || is_marked;
    match call.target.key {
        Some(key) if is_vendor && !is_token => {
            headers.set_secret(X_API_KEY, key.reveal().to_owned());
        }
        _ => headers.bearer(call),
    }
    if is_vendor && is_token {
        betas.add("oauth-2025-04-20");
    }
}

fn is_vendor(uri: &Uri) -> bool {
    uri.scheme_str() == Some("https")
        && uri
            .host()
            .is_some_and(|host| host.eq_ignore_ascii_case(HOST))
        && matches!(uri.port_u16(), None | Some(443))
}

/// Whether a request has tools and a budget for thinking. Clients of other APIs cannot ask for thoughts between the calls
/// of tools, which need a beta then ("Building with extended thinking", <https://docs.anthropic.com>).
fn thinks_between_calls(call: &Call<'_>) -> Result<bool, Failure> {
    let (mut thinks, mut has_tools) = (false, false);
    for member in request::members_with(call, "thinking")? {
        let raw = request::raw(call, &member);
        match &*member.key {
            "thinking" => {
                let thinking: Value = serde_json::from_slice(raw).unwrap_or_default();
                thinks = thinking.get("type").and_then(Value::as_str) == Some("enabled");
            }
            "tools" => has_tools = raw != b"[]",
            _ => {}
        }
    }
    Ok(thinks && has_tools)
}

/// The values of `anthropic-beta`, without duplicates, in their order.
#[derive(Default)]
struct Betas(Vec<String>);

impl Betas {
    fn add(&mut self, beta: &str) {
        let beta = beta.trim();
        if !beta.is_empty() && !self.0.iter().any(|known| known == beta) {
            self.0.push(beta.to_owned());
        }
    }

    /// Adds those of a string or an array of strings.
    fn add_json(&mut self, json: &[u8]) {
        if let Ok(list) = serde_json::from_slice::<Vec<String>>(json) {
            list.iter().for_each(|beta| self.add(beta));
        } else if let Ok(text) = serde_json::from_slice::<String>(json) {
            text.split(',').for_each(|beta| self.add(beta));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::credential::{Account, UpstreamKind};
    use crate::exchange::Waiter;
    use crate::provider::target::{ProxySetting, Target};

    fn headers(base_url: &str, key: &str, client: &[(&str, &str)], body: &str) -> Headers {
        headers_of(base_url, key, client, body, false)
    }

    fn headers_of(
        base_url: &str,
        key: &str,
        client: &[(&str, &str)],
        body: &str,
        is_translated: bool,
    ) -> Headers {
        headers_as(None, base_url, key, client, body, is_translated)
    }

    fn headers_as(
        account: Option<&Account>,
        base_url: &str,
        key: &str,
        client: &[(&str, &str)],
        body: &str,
        is_translated: bool,
    ) -> Headers {
        let call = Call {
            target: Target {
                kind: UpstreamKind::Claude,
                base_url,
                key: Some(&Secret::new(key)),
                account,
                headers: &[],
                defaults: &[],
                proxy: ProxySetting::Inherit,
            },
            model: "m",
            action: Action::Generate,
            stream: false,
            body: body.as_bytes(),
            model_span: None,
            session: None,
            credits: false,
            client_headers: client,
            alt: None,
            is_flavoured: false,
            is_translated,
            waiter: &Waiter::alone(),
        };
        request(&call).unwrap().headers
    }

    #[test]
    fn keys_are_shown_as_such_only_to_the_vendor() {
        for base in [
            "",
            "https://api.anthropic.com",
            "https://API.anthropic.com:443/",
        ] {
            let headers = headers(base, "sk-ant-api", &[], "{}");
            assert_eq!(headers.get("x-api-key"), Some("sk-ant-api"), "{base}");
            assert_eq!(headers.get("authorization"), None);
            assert_eq!(headers.get("anthropic-beta"), None);
        }
        for base in [
            "http://api.anthropic.com",
            "https://api.anthropic.com.example",
            "https://api.anthropic.com:8443",
        ] {
            let headers = headers(base, "sk-ant-api", &[], "{}");
            assert_eq!(headers.get("x-api-key"), None, "{base}");
            assert_eq!(headers.get("authorization"), Some("Bearer sk-ant-api"));
        }
    }

    #[test]
    fn login_tokens_are_bearer_tokens_everywhere() {
        let vendor = headers("", "sk-ant-oat01-x", &[], "{}");
        assert_eq!(vendor.get("x-api-key"), None);
        assert_eq!(vendor.get("authorization"), Some("Bearer sk-ant-oat01-x"));
        assert_eq!(vendor.get("anthropic-beta"), Some("oauth-2025-04-20"));
        let other = headers("https://other.example", "sk-ant-oat01-x", &[], "{}");
        assert_eq!(other.get("anthropic-beta"), None);
    }

    #[test]
    fn tokens_of_files_are_bearer_tokens_whatever_they_look_like() {
        let account = Account::default();
        for token in ["sk-ant-oat01-x", "sk-ant-api", "opaque"] {
            let bearer = format!("Bearer {token}");
            let client = [("anthropic-beta", "mine")];
            let vendor = headers_as(Some(&account), "", token, &client, "{}", false);
            assert_eq!(vendor.get("authorization"), Some(bearer.as_str()));
            assert_eq!(vendor.get("x-api-key"), None);
            assert_eq!(vendor.get("anthropic-beta"), Some("mine,oauth-2025-04-20"));
            let base = "https://other.example";
            let other = headers_as(Some(&account), base, token, &[], "{}", false);
            assert_eq!(other.get("authorization"), Some(bearer.as_str()));
            assert_eq!(other.get("anthropic-beta"), None);
        }
    }

    #[test]
    fn what_a_call_needs_comes_behind_what_the_client_asked_for() {
        let client = [("Anthropic-Beta", "mine"), ("X-CPA-CLAUDE-1M", "")];
        let body = r#"{"speed":"fast","betas":"theirs,mine"}"#;
        let vendor = headers("", "k", &client, body);
        let expected = "mine,theirs,context-1m-2025-08-07,fast-mode-2026-02-01";
        assert_eq!(vendor.get("anthropic-beta"), Some(expected));
        assert_eq!(vendor.get("x-cpa-claude-1m"), None);
        let other = headers("https://other.example", "k", &client, body);
        assert_eq!(other.get("anthropic-beta"), Some("mine,theirs"));
    }

    #[test]
    fn translated_requests_may_think_between_calls() {
        for (body, is_translated, expected) in [
            (
                r#"{"thinking":{"type":"enabled","budget_tokens":1024},"tools":[{}]}"#,
                true,
                true,
            ),
            (
                r#"{"thinking":{"type":"enabled","budget_tokens":1024},"tools":[{}]}"#,
                false,
                false,
            ),
            (
                r#"{"thinking":{"type":"enabled","budget_tokens":1024},"tools":[]}"#,
                true,
                false,
            ),
            (
                r#"{"thinking":{"type":"enabled","budget_tokens":1024}}"#,
                true,
                false,
            ),
            (
                r#"{"thinking":{"type":"adaptive"},"tools":[{}]}"#,
                true,
                false,
            ),
            (r#"{"tools":[{}]}"#, true, false),
        ] {
            for (base_url, is_vendors) in [("", true), ("https://other.example", false)] {
                let headers = headers_of(base_url, "k", &[], body, is_translated);
                let betas = headers.get("anthropic-beta").unwrap_or_default();
                let is_asked = betas.contains("interleaved-thinking");
                assert_eq!(is_asked, expected && is_vendors, "{body} {base_url}");
            }
        }
    }
}
