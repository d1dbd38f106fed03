//! iFlow's API keys: those of tokens, and those of a browser's session.

use std::sync::Arc;

use serde_json::{Value, json};

use super::exchange::{Asked, Said};
use super::grants::Grants;
use super::vendor::{Bearer, Person};

/// The account of an access token.
pub fn user_info(asked: &Asked, grants: &mut Grants) -> Said {
    let token = asked.query.get("accessToken").map_or("", String::as_str);
    let Some(Bearer::Valid(person)) = grants.bearer(token) else {
        return Said::json(401, &json!({"success": false, "message": "invalid token"}));
    };
    let data = json!({
        "apiKey": key(&person, grants),
        "email": person.email,
        "phone": "",
    });
    Said::json(200, &json!({"success": true, "data": data}))
}

/// The API key of who is signed in, which a POST renews.
pub fn api_key(asked: &Asked, grants: &mut Grants) -> Said {
    let cookie = asked.header("cookie").unwrap_or_default();
    let values = cookie.split(';').filter_map(|pair| pair.split_once('='));
    let session = values
        .map(|(name, value)| (name.trim(), value.trim()))
        .find(|(name, _)| *name == "BXAuth")
        .map_or("", |(_, value)| value);
    let Some(person) = grants.cookies.get(session).cloned().map(Arc::new) else {
        return Said::json(
            401,
            &json!({"success": false, "code": "401", "message": "not signed in", "data": null}),
        );
    };
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    if asked.method == "POST" && body["name"] != *person.email {
        return Said::json(
            200,
            &json!({"success": false, "code": "400", "message": "no such name", "data": null}),
        );
    }
    let data = json!({
        "hasExpired": false,
        "expireTime": "2099-12-31 23:59",
        "name": person.email,
        "apiKey": if asked.method == "POST" { key(&person, grants) } else { String::new() },
        "apiKeyMask": "sk-***",
    });
    Said::json(
        200,
        &json!({"success": true, "code": "200", "message": "", "data": data}),
    )
}

/// An API key is a token that does not end soon.
fn key(person: &Arc<Person>, grants: &mut Grants) -> String {
    let key = format!("sk-{}", grants.unique());
    grants.allow(&key, person, 86_400 * 365);
    key
}
