//! Signed assertions of service accounts (RFC 7523).

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;

use super::grants::unix_seconds;

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// The longest time between issue and expiry, seconds.
const LIFETIME: u64 = 3600;
/// How far clocks may differ, seconds.
const SKEW: u64 = 60;

/// Checks an assertion against the keys (PKCS#1) of the known accounts. Returns the account's mail address.
pub fn verify(
    assertion: &str,
    audience: &str,
    keys: &HashMap<String, Vec<u8>>,
) -> Result<String, &'static str> {
    let parts: Vec<&str> = assertion.split('.').collect();
    let &[header, payload, signature] = &parts[..] else {
        return Err("The assertion is no JWT.");
    };
    let header = decoded(header).ok_or("The header cannot be read.")?;
    let claims = decoded(payload).ok_or("The claims cannot be read.")?;
    if header["alg"] != "RS256" || header["kid"].as_str().is_none_or(str::is_empty) {
        return Err("The header needs alg RS256 and kid.");
    }
    let email = claims["iss"].as_str().unwrap_or_default();
    let key = keys.get(email).ok_or("Not a known service account.")?;
    let signed = assertion.rsplit_once('.').map_or("", |(signed, _)| signed);
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
        .verify(signed.as_bytes(), &signature)
        .map_err(|_| "Invalid JWT Signature.")?;
    if claims["aud"] != audience {
        return Err("Invalid JWT: the audience is another.");
    }
    if claims["scope"] != SCOPE {
        return Err("Invalid OAuth scope.");
    }
    let now = unix_seconds();
    let time = |name: &str| claims[name].as_u64().unwrap_or(0);
    let (issued, expires) = (time("iat"), time("exp"));
    let is_timely = issued <= now + SKEW
        && now <= expires + SKEW
        && issued < expires
        && expires - issued <= LIFETIME;
    match is_timely {
        true => Ok(email.to_owned()),
        false => Err("Invalid JWT: Token must be a short-lived token (60 minutes)."),
    }
}

/// Who says to have issued it.
pub fn issuer(assertion: &str) -> Option<String> {
    let claims = decoded(assertion.split('.').nth(1)?)?;
    claims["iss"].as_str().map(str::to_owned)
}

fn decoded(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
