//! The pages where users consent, and the devices that wait for them (RFC 6749, 4.1.1; RFC 7636; RFC 8628).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde_json::json;

use super::exchange::{Asked, Said};
use super::grants::{Code, Consent, Device, Grants};
use super::vendor::{Person, Vendor};

/// Seconds between two questions of a device. It is less than the vendors ask for, so that tests are quick.
const INTERVAL: u64 = 1;

/// The page that sends the browser back with a code.
pub fn authorize(asked: &Asked, grants: &mut Grants) -> Said {
    let text = |name: &str| asked.query.get(name).map_or("", String::as_str);
    let client = grants.client(text("client_id")).map(|client| client.vendor);
    let paths = |vendor: &Vendor| vendor.authorization_paths().contains(&&*asked.path);
    let Some(vendor) = client.filter(paths) else {
        return Said::page(400, "invalid_client: The OAuth client was not found.");
    };
    let redirect = match vendor {
        Vendor::Iflow => text("redirect"),
        _ => text("redirect_uri"),
    };
    // Browsers are never sent to an address that is not the client's.
    if !vendor.takes_redirect(redirect) {
        return Said::page(400, "redirect_uri_mismatch");
    }
    let state = text("state");
    let back = |parameters: &[(&str, &str)]| {
        let parameters = [parameters, &[("state", state)]].concat();
        Said::redirect(redirect, &parameters)
    };
    if vendor != Vendor::Iflow && text("response_type") != "code" {
        return back(&[("error", "unsupported_response_type")]);
    }
    let challenge = text("code_challenge");
    let has_challenge = challenge.len() == 43 && text("code_challenge_method") == "S256";
    if !has_challenge && (vendor.requires_challenge() || !challenge.is_empty()) {
        return back(&[("error", "invalid_request")]);
    }
    if state.is_empty() {
        return back(&[("error", "invalid_request")]);
    }
    if grants.refuses_consent {
        return back(&[("error", "access_denied")]);
    }
    let Some(person) = grants.visitors.get(&vendor).cloned() else {
        return Said::page(401, "Nobody is signed in.");
    };
    let issued = Code {
        vendor,
        client: text("client_id").to_owned(),
        redirect: redirect.to_owned(),
        challenge: has_challenge.then(|| challenge.to_owned()),
        state: state.to_owned(),
        person: Arc::new(person),
    };
    let code = format!("code-{}", grants.unique());
    grants.codes.insert(code.clone(), issued);
    back(&[("code", &code)])
}

/// Gives a device its code, in Kimi's form.
pub fn device_of_kimi(asked: &Asked, origin: &str, grants: &mut Grants) -> Said {
    if !asked.is_form() || asked.header("x-msh-device-id").is_none() {
        let words = "It must be a form with X-Msh-Device-Id.";
        return Said::error(400, "invalid_request", words);
    }
    let Some((device, user)) = add_device(asked, Vendor::Kimi, grants) else {
        return Said::error(401, "invalid_client", "The OAuth client was not found.");
    };
    let page = format!("{origin}/device");
    Said::json(
        200,
        &json!({
            "device_code": device,
            "user_code": user,
            "verification_uri": page,
            "verification_uri_complete": format!("{page}?user_code={user}"),
            "expires_in": 900,
            "interval": INTERVAL,
        }),
    )
}

/// As [`device_of_kimi`], in Codex's form.
pub fn device_of_codex(asked: &Asked, grants: &mut Grants) -> Said {
    match add_device(asked, Vendor::Codex, grants).filter(|_| asked.is_json()) {
        Some((device, user)) => Said::json(
            200,
            &json!({"device_auth_id": device, "user_code": user, "interval": INTERVAL.to_string()}),
        ),
        None => Said::error(401, "invalid_client", "The OAuth client was not found."),
    }
}

fn add_device(asked: &Asked, vendor: Vendor, grants: &mut Grants) -> Option<(String, String)> {
    let client = asked.parameters().remove("client_id")?;
    grants
        .client(&client)
        .filter(|known| known.vendor == vendor)?;
    let (device, unique) = (format!("device-{}", grants.unique()), grants.unique());
    let user = format!("DEMO-{}", unique.split('x').next().unwrap_or_default());
    let waiting = Device {
        vendor,
        client,
        user_code: user.clone(),
        consent: Consent::Pending,
    };
    grants.devices.insert(device.clone(), waiting);
    Some((device, user))
}

/// The page where a user enters the code of a device.
pub fn enter_code(asked: &Asked, vendor: Vendor, grants: &mut Grants) -> Said {
    let consent = match (grants.refuses_consent, grants.visitors.get(&vendor)) {
        (true, _) => Consent::Refused,
        (false, Some(person)) => Consent::Given(Arc::new(person.clone())),
        (false, None) => return Said::page(401, "Nobody is signed in."),
    };
    let code = asked.query.get("user_code").map_or("", String::as_str);
    match grants.decide(code, consent) {
        true => Said::page(200, "Decided."),
        false => Said::page(404, "There is no such code."),
    }
}

/// Tells a device of Codex its authorization code, and the verifier for it.
pub fn ask_for_codex(asked: &Asked, origin: &str, grants: &mut Grants) -> Said {
    let parameters = asked.parameters();
    let text = |name: &str| parameters.get(name).map_or("", String::as_str);
    let pending = || Said::error(403, "deviceauth_authorization_unknown", "");
    let device = grants.devices.get(text("device_auth_id"));
    let device = device.filter(|device| device.user_code == text("user_code"));
    let Some((client, consent)) =
        device.map(|device| (device.client.clone(), device.consent.clone()))
    else {
        return pending();
    };
    let person = match consent {
        Consent::Pending => return pending(),
        Consent::Refused => return Said::error(400, "access_denied", ""),
        Consent::Given(person) => person,
    };
    grants.devices.remove(text("device_auth_id"));
    let verifier = format!("{:x<64}", grants.unique());
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    let issued = Code {
        vendor: Vendor::Codex,
        client,
        redirect: format!("{origin}/deviceauth/callback"),
        challenge: Some(challenge.clone()),
        state: String::new(),
        person,
    };
    let code = format!("code-{}", grants.unique());
    grants.codes.insert(code.clone(), issued);
    Said::json(
        200,
        &json!({"authorization_code": code, "code_verifier": verifier, "code_challenge": challenge}),
    )
}

/// Google's account of a token.
pub fn user_info(person: Option<Arc<Person>>) -> Said {
    match person {
        Some(person) => Said::json(
            200,
            &json!({"id": person.id, "email": person.email, "verified_email": true}),
        ),
        None => Said::json(
            401,
            &json!({"error": {"code": 401, "message": "Invalid Credentials", "status": "UNAUTHENTICATED"}}),
        ),
    }
}
