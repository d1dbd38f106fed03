//! The Google Cloud project of an account, which Code Assist needs in every request: found, or created, and with its API
//! enabled.

use std::time::{Duration, Instant};

use http::Method;
use http::header::AUTHORIZATION;
use serde_json::{Map, Value, json};

use super::call::Upstream;
use super::fetch::{Fetch, Fetched};
use super::gemini_cli::BASE;
use super::target::ProxySetting;
use super::url;
use crate::config::Secret;
use crate::failure::{Failure, FailureKind, Headers};
use crate::redaction::Redaction;

const SERVICES: &str = "https://serviceusage.googleapis.com";
const API: &str = "cloudaicompanion.googleapis.com";
/// How long creating a project may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// The interval of questions about it.
const INTERVAL: Duration = Duration::from_secs(5);
/// The same if there is no project yet.
const SHORT_INTERVAL: Duration = Duration::from_secs(2);
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// The tier of accounts without a default.
const LEGACY: &str = "legacy-tier";
/// The beginning of projects that Google makes for accounts.
const GIVEN: &str = "gen-lang-client-";

/// How to reach Code Assist for an account.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    /// Empty for the vendor's.
    pub base_url: &'a str,
    /// The access token.
    pub token: &'a Secret,
    pub proxy: ProxySetting<'a>,
    /// Waits. Returns whether to go on.
    pub pause: &'a dyn Fn(Duration) -> bool,
}

/// The project of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    pub project: String,
    /// The project that was wanted, if the vendor decided otherwise and a person may still choose it.
    pub wanted: Option<String>,
    pub tier: String,
}

impl Upstream {
    /// Finds the project of an account; creates one if there is none. `wanted` is the project that the operator named.
    ///
    /// # Errors
    /// When the vendor refuses, names no project, or takes longer than two minutes.
    pub fn project(&self, account: Account<'_>, wanted: Option<&str>) -> Result<Setup, Failure> {
        self.project_until(account, wanted, Instant::now() + PATIENCE)
    }

    /// As [`Upstream::project`], with another time limit.
    ///
    /// # Errors
    /// When the vendor refuses, names no project, or is not done at `deadline`.
    pub fn project_until(
        &self,
        account: Account<'_>,
        wanted: Option<&str>,
        deadline: Instant,
    ) -> Result<Setup, Failure> {
        let wanted = wanted.map(str::trim).filter(|project| !project.is_empty());
        let loaded = self.ask_code_assist(account, "loadCodeAssist", request(&[], wanted))?;
        let tier = tier(&loaded);
        let loaded = project_of(&loaded);
        let known = loaded.as_deref().or(wanted);
        let request = request(
            &[("tierId", tier.as_str().into())],
            wanted.or(loaded.as_deref()),
        );
        let interval = match known {
            Some(_) => INTERVAL,
            None => SHORT_INTERVAL,
        };
        let offered = loop {
            let operation = self.ask_code_assist(account, "onboardUser", request.clone())?;
            if operation.get("done") == Some(&Value::Bool(true)) {
                break operation.get("response").and_then(project_of);
            }
            if Instant::now() >= deadline {
                return Err(unusable("Google did not set up the account in time"));
            }
            if !(account.pause)(interval) {
                return Err(unusable("setting up the account was interrupted"));
            }
        };
        chosen(offered.or(known.map(str::to_owned)), wanted, tier)
    }

    /// Enables the API of Code Assist for a project, unless it is enabled. Returns whether it was not.
    ///
    /// # Errors
    /// When that is refused.
    pub fn enable_api(&self, account: Account<'_>, project: &str) -> Result<bool, Failure> {
        let base = match account.base_url {
            "" => SERVICES,
            base => base,
        };
        let service = format!("/v1/projects/{}/services/{API}", url::value(project));
        let state = self.send_as(account, Method::GET, base, &service, None)?;
        let state = read(state)?;
        if state.get("state").and_then(Value::as_str) == Some("ENABLED") {
            return Ok(false);
        }
        let body = Some(json!({}));
        let enabled = self.send_as(
            account,
            Method::POST,
            base,
            &format!("{service}:enable"),
            body,
        )?;
        let text = String::from_utf8_lossy(&enabled.body).to_lowercase();
        if enabled.status == 400 && text.contains("already enabled") {
            return Ok(false);
        }
        read(enabled).map(|_| true)
    }

    /// Calls a method of Code Assist.
    fn ask_code_assist(
        &self,
        account: Account<'_>,
        method: &str,
        body: Value,
    ) -> Result<Value, Failure> {
        let base = match account.base_url {
            "" => BASE,
            base => base,
        };
        let path = format!("/v1internal:{method}");
        read(self.send_as(account, Method::POST, base, &path, Some(body))?)
    }

    fn send_as(
        &self,
        account: Account<'_>,
        method: Method,
        base: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Fetched, Failure> {
        let mut headers = Headers::default();
        headers.set_secret(AUTHORIZATION, format!("Bearer {}", account.token.reveal()));
        let fetched = self.fetch(Fetch {
            method,
            url: &url::under(base, path)?.to_string(),
            body: body.map(|body| ("application/json", body.to_string().into_bytes())),
            headers,
            proxy: account.proxy,
            time_limit: TIME_LIMIT,
        })?;
        let mut secrets = Redaction::default();
        secrets.add(account.token.reveal());
        Ok(Fetched {
            body: secrets.bytes(&fetched.body).into_owned(),
            headers: fetched.headers.redacted(&secrets),
            ..fetched
        })
    }
}

/// A request about an account and its project.
fn request(members: &[(&str, Value)], project: Option<&str>) -> Value {
    let mut request: Map<String, Value> = members
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect();
    let metadata = json!({
        "ideType": "IDE_UNSPECIFIED",
        "platform": "PLATFORM_UNSPECIFIED",
        "pluginType": "GEMINI",
    });
    request.insert("metadata".to_owned(), metadata);
    if let Some(project) = project {
        request.insert("cloudaicompanionProject".to_owned(), project.into());
    }
    Value::Object(request)
}

/// The answer; a failure if its status is one.
fn read(fetched: Fetched) -> Result<Value, Failure> {
    if !(200..300).contains(&fetched.status) {
        let now = std::time::SystemTime::now();
        return Err(Failure::of_status(
            fetched.status,
            fetched.headers,
            fetched.body,
            now,
        ));
    }
    serde_json::from_slice(&fetched.body).map_err(|_| unusable("Google's answer is not JSON"))
}

/// The project that an answer names, as a string or as an object with an id.
fn project_of(answer: &Value) -> Option<String> {
    let project = answer.get("cloudaicompanionProject")?;
    let id = project
        .as_str()
        .or_else(|| project.get("id").and_then(Value::as_str))?;
    let id = id.trim();
    (!id.is_empty()).then(|| id.to_owned())
}

/// The account's tier: its current one, else the default of those that it may have.
fn tier(loaded: &Value) -> String {
    let id = |tier: &Value| {
        let id = tier.get("id").and_then(Value::as_str)?.trim();
        (!id.is_empty()).then(|| id.to_owned())
    };
    let allowed = loaded.get("allowedTiers").and_then(Value::as_array);
    let mut defaults = allowed
        .into_iter()
        .flatten()
        .filter(|tier| tier.get("isDefault") == Some(&Value::Bool(true)));
    loaded
        .get("currentTier")
        .and_then(id)
        .or_else(|| defaults.find_map(id))
        .unwrap_or_else(|| LEGACY.to_owned())
}

/// The project to use. The one that the operator named counts, unless the vendor gives this account another: then that one
/// serves, because accounts of these tiers cannot use their own.
fn chosen(offered: Option<String>, wanted: Option<&str>, tier: String) -> Result<Setup, Failure> {
    let Some(offered) = offered else {
        return Err(unusable(
            "Google gave the account no project: name one of your own",
        ));
    };
    let lower = tier.to_ascii_lowercase();
    let is_given = offered.starts_with(GIVEN)
        || wanted.is_some_and(|wanted| wanted.starts_with(GIVEN))
        || matches!(lower.as_str(), "free" | "free-tier" | "legacy");
    Ok(match wanted {
        Some(wanted) if wanted != offered && is_given => Setup {
            project: offered,
            wanted: Some(wanted.to_owned()),
            tier,
        },
        Some(wanted) => Setup {
            project: wanted.to_owned(),
            wanted: None,
            tier,
        },
        None => Setup {
            project: offered,
            wanted: None,
            tier,
        },
    })
}

fn unusable(message: &str) -> Failure {
    Failure::new(FailureKind::Broken, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tier_is_the_current_one_or_the_default() {
        for (loaded, expected) in [
            (
                json!({"currentTier": {"id": "standard-tier"}, "allowedTiers": [{"id": "free-tier", "isDefault": true}]}),
                "standard-tier",
            ),
            (
                json!({"allowedTiers": [{"id": "a"}, {"id": "free-tier", "isDefault": true}]}),
                "free-tier",
            ),
            (json!({"currentTier": {"id": " "}}), LEGACY),
            (json!({}), LEGACY),
        ] {
            assert_eq!(tier(&loaded), expected);
        }
    }

    #[test]
    fn projects_are_texts_or_objects() {
        for (project, expected) in [
            (json!("p"), Some("p")),
            (json!({"id": " p "}), Some("p")),
            (json!({"name": "p"}), None),
            (json!(""), None),
            (json!(1), None),
        ] {
            let answer = json!({"cloudaicompanionProject": project});
            assert_eq!(project_of(&answer).as_deref(), expected);
        }
        assert_eq!(project_of(&json!({})), None);
    }

    #[test]
    fn the_operators_project_counts_except_where_the_vendor_gives_one() {
        for (offered, wanted, tier, project, other) in [
            ("p", None, "free-tier", "p", None),
            ("p", Some("p"), "free-tier", "p", None),
            ("p", Some("w"), "standard-tier", "w", None),
            ("p", Some("w"), "free-tier", "p", Some("w")),
            ("p", Some("w"), "LEGACY", "p", Some("w")),
            (
                "p",
                Some("gen-lang-client-1"),
                "standard-tier",
                "p",
                Some("gen-lang-client-1"),
            ),
        ] {
            let setup = chosen(Some(offered.to_owned()), wanted, tier.to_owned()).unwrap();
            assert_eq!(
                (setup.project.as_str(), setup.wanted.as_deref()),
                (project, other)
            );
        }
        assert!(chosen(None, None, String::new()).is_err());
    }
}
