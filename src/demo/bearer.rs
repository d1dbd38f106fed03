//! Which account a request is of, where access tokens are required.

use serde_json::{Value, json};

use super::http::Request;
use super::oauth::{Bearer, Tokenry};

/// Why a token is refused, in the words of the vendor.
pub struct Refused {
    pub account: String,
    pub status: u16,
    pub body: Value,
}

/// The account of a request: of its access token if `tokenry` has issued it, else its key.
pub fn account(request: &Request, tokenry: Option<&Tokenry>) -> Result<String, Refused> {
    let key = request.key();
    match tokenry.and_then(|tokenry| tokenry.bearer(&key)) {
        None => Ok(key),
        Some(Bearer::Valid(person)) => Ok(person.email.clone()),
        Some(Bearer::Expired(person)) => Err(refused(&request.path, person.email.clone(), false)),
        Some(Bearer::Revoked(person)) => Err(refused(&request.path, person.email.clone(), true)),
    }
}

fn refused(path: &str, account: String, is_revoked: bool) -> Refused {
    let google = ["/v1internal", "/v1beta/", "/publishers/google/"];
    let (status, body) = if google.iter().any(|part| path.contains(part)) {
        let message = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.";
        let error = json!({"code": 401, "message": message, "status": "UNAUTHENTICATED"});
        (401, json!({"error": error}))
    } else if path.contains("/responses") {
        let (code, message) = match is_revoked {
            true => (
                "token_revoked",
                "Encountered invalidated oauth token for user, failing request",
            ),
            false => (
                "token_expired",
                "Provided authentication token is expired. Please try signing in again.",
            ),
        };
        let error = json!({"message": message, "type": null, "code": code, "param": null});
        (401, json!({"error": error, "status": 401}))
    } else if path.contains("/messages") && !path.contains("/coding/") {
        let (status, kind, message) = match is_revoked {
            true => (
                403,
                "permission_error",
                "OAuth token has been revoked. Please obtain a new token.",
            ),
            false => (
                401,
                "authentication_error",
                "OAuth token has expired. Please obtain a new token or refresh your existing token.",
            ),
        };
        let error = json!({"type": kind, "message": message});
        (status, json!({"type": "error", "error": error}))
    } else {
        let message = "The API Key appears to be invalid or may have expired. Please verify your credentials and try again.";
        let error = json!({"message": message, "type": "invalid_authentication_error"});
        (401, json!({"error": error}))
    };
    Refused {
        account,
        status,
        body,
    }
}
