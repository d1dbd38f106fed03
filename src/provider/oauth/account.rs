//! Whose tokens they are: from the answer of the token endpoint, or by asking.

use std::time::{Duration, SystemTime};

use http::header::AUTHORIZATION;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::service::{Service, failed, json_of};
use super::token::{Refusal, TokenAnswer};
use crate::config::Secret;
use crate::credential::file::Claims;
use crate::credential::{Channel, Login};
use crate::failure::Headers;

/// When a token expires if nobody says.
const USUAL_LIFETIME: Duration = Duration::from_secs(3600);

const PROJECTS: &str = "https://cloudresourcemanager.googleapis.com/v1/projects";

/// The login that the tokens are.
pub fn login(
    service: &Service<'_>,
    tokens: TokenAnswer,
    now: SystemTime,
) -> Result<Login, Refusal> {
    let answer: Value = serde_json::from_str(tokens.json.reveal()).unwrap_or_default();
    let text = |place: &str| {
        let text = answer.pointer(place).and_then(Value::as_str).map(str::trim);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let claimed = Claims::of(tokens.access.reveal());
    let expiry = match tokens.lifetime {
        Some(lifetime) => now.checked_add(lifetime),
        None => claimed.expiry(),
    };
    let mut login = Login {
        refresh: tokens.refresh,
        expiry: Some(expiry.unwrap_or(now + USUAL_LIFETIME)),
        scope: text("/scope"),
        ..Login::new(service.channel, tokens.access)
    };
    match service.channel {
        Channel::Claude => {
            login.email = text("/account/email_address");
            for (name, place) in [
                ("account_uuid", "/account/uuid"),
                ("organization_uuid", "/organization/uuid"),
                ("organization_name", "/organization/name"),
            ] {
                login
                    .own
                    .extend(text(place).map(|text| (name, text.into())));
            }
        }
        Channel::Codex => {
            let id_token = tokens.id_token.unwrap_or_else(|| Secret::new(""));
            let claims = Claims::of(id_token.reveal());
            login.email = claims.email();
            login.plan = claims.plan();
            login.account_id = claims.account_id().or_else(|| claimed.account_id());
            login.id_token = Some(id_token);
        }
        Channel::GeminiCli | Channel::Antigravity => login.email = google(service, &login.access)?,
        Channel::Iflow => {
            let (key, email) = iflow(service, &login.access)?;
            login.email = email;
            login.own.push(("api_key", key.reveal().into()));
        }
        Channel::Kimi | Channel::Vertex => {}
    }
    match login.email {
        None if service.channel != Channel::Kimi => {
            Err(failed("the vendor does not say whose tokens they are"))
        }
        _ => Ok(login),
    }
}

fn bearer(access: &Secret) -> Headers {
    let mut headers = Headers::default();
    headers.set_secret(AUTHORIZATION, format!("Bearer {}", access.reveal()));
    headers
}

/// The Google Cloud projects of an account.
///
/// # Errors
/// [`Refusal`] when they cannot be listed.
pub fn projects(service: &Service<'_>, access: &Secret) -> Result<Vec<String>, Refusal> {
    let url = service.endpoints.at(PROJECTS);
    let json = json_of(&service.get(&url, bearer(access))?, "the projects")?;
    let projects = json.get("projects").and_then(Value::as_array);
    let ids = projects.into_iter().flatten();
    let ids = ids.filter_map(|project| project.get("projectId")?.as_str());
    Ok(ids.map(str::to_owned).collect())
}

fn google(service: &Service<'_>, access: &Secret) -> Result<Option<String>, Refusal> {
    let url = service.endpoints.account().unwrap_or_default();
    let json = json_of(&service.get(&url, bearer(access))?, "the account")?;
    let email = json.get("email").and_then(Value::as_str);
    Ok(email.filter(|email| !email.is_empty()).map(str::to_owned))
}

/// The API key of a token, and its account.
fn iflow(service: &Service<'_>, access: &Secret) -> Result<(Secret, Option<String>), Refusal> {
    let url = service.endpoints.account().unwrap_or_default();
    let token = utf8_percent_encode(access.reveal(), NON_ALPHANUMERIC);
    let url = format!("{url}?accessToken={token}");
    let json = json_of(&service.get(&url, Headers::default())?, "the account")?;
    let text = |name: &str| {
        let text = json.pointer("/data")?.get(name)?.as_str()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let key = text("apiKey").ok_or_else(|| failed("the account has no API key"))?;
    Ok((Secret::new(key), text("email").or_else(|| text("phone"))))
}
