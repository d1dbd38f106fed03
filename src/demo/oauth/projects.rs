//! Google Cloud's projects, as far as signing in needs them: their list, those of Code Assist, and its API.

use std::sync::Arc;

use serde_json::{Value, json};

use super::exchange::{Asked, Said};
use super::grants::Grants;
use super::vendor::{Bearer, Person};

/// The project that Code Assist gives to accounts that name none.
pub const GIVEN: &str = "demo-project";
const API: &str = "cloudaicompanion.googleapis.com";

/// Answers a request about projects; `None` if it is about something else.
pub fn answer(asked: &Asked, grants: &mut Grants) -> Option<Said> {
    let services = asked.path.strip_prefix("/v1/projects/");
    let service = services.and_then(|rest| rest.split_once("/services/"));
    let is_known =
        asked.path == "/v1/projects" || asked.path.starts_with("/v1internal:") || service.is_some();
    if !is_known {
        return None;
    }
    let bearer = asked.bearer().and_then(|token| grants.bearer(token));
    let Some(Bearer::Valid(person)) = bearer else {
        let message = "Request had invalid authentication credentials.";
        let error = json!({"code": 401, "message": message, "status": "UNAUTHENTICATED"});
        return Some(Said::json(401, &json!({"error": error})));
    };
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let answer = match (&*asked.method, &*asked.path, service) {
        ("GET", "/v1/projects", _) => {
            let projects = person.projects.iter();
            let projects: Vec<Value> = projects.map(|id| json!({"projectId": id})).collect();
            json!({"projects": projects})
        }
        ("POST", "/v1internal:loadCodeAssist", _) => json!({
            "allowedTiers": [{"id": "standard-tier", "isDefault": true}],
        }),
        ("POST", "/v1internal:onboardUser", _) => onboarded(&person, &body)?,
        ("GET", _, Some((project, API))) => {
            let is_enabled = grants.enabled.contains(project);
            json!({"state": if is_enabled { "ENABLED" } else { "DISABLED" }})
        }
        ("POST", _, Some((project, service))) if service == format!("{API}:enable") => {
            grants.enabled.insert(project.to_owned());
            json!({"done": true})
        }
        _ => return None,
    };
    Some(Said::json(200, &answer))
}

fn onboarded(person: &Arc<Person>, body: &Value) -> Option<Value> {
    body["tierId"].as_str()?;
    let wanted = body["cloudaicompanionProject"].as_str();
    let project = match wanted {
        Some(wanted) if person.projects.iter().any(|own| own == wanted) => wanted,
        _ => GIVEN,
    };
    Some(json!({"done": true, "response": {"cloudaicompanionProject": {"id": project}}}))
}
