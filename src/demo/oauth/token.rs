//! The token endpoints (RFC 6749, 4.1.3 and 6; RFC 7523 for service accounts; RFC 8628 for devices).

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::assertion;
use super::exchange::{Asked, Said};
use super::grants::{Consent, Grants, Stale, Tokens};
use super::script::TokenStep;
use super::vendor::{Person, Vendor};

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const ASSERTION: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A call of a token endpoint that has been read.
pub struct Call {
    pub vendor: Vendor,
    /// Empty for service accounts.
    pub client: String,
    pub grant: String,
    pub parameters: HashMap<String, String>,
    /// The URL of the endpoint.
    pub url: String,
}

impl Call {
    /// Reads a call in the form of the vendor whose client it names, and checks the client.
    pub fn read(asked: &Asked, origin: &str, grants: &Grants) -> Result<Self, Said> {
        let parameters = asked.parameters();
        let text = |name: &str| parameters.get(name).cloned().unwrap_or_default();
        let mut call = Self {
            vendor: Vendor::Google,
            client: String::new(),
            grant: text("grant_type"),
            url: format!("{origin}{}", asked.path),
            parameters: parameters.clone(),
        };
        if call.grant == ASSERTION {
            return match asked.is_form() && asked.path == Vendor::Google.token_path() {
                true => Ok(call),
                false => Err(Said::error(400, "invalid_request", "It must be a form.")),
            };
        }
        let basic = asked.basic();
        let id = basic
            .as_ref()
            .map_or_else(|| text("client_id"), |(id, _)| id.clone());
        let known = grants.client(&id);
        let known = known.filter(|client| client.vendor.token_path() == asked.path);
        let Some(client) = known else {
            let words = "The OAuth client was not found.";
            return Err(Said::error(401, "invalid_client", words));
        };
        call.vendor = client.vendor;
        call.client = id;
        let has_form = match client.vendor {
            Vendor::Claude => asked.is_json(),
            Vendor::Codex => asked.is_form() || asked.is_json(),
            Vendor::Google | Vendor::Kimi | Vendor::Iflow => asked.is_form(),
        };
        if !has_form {
            let words = "The content type is not supported.";
            return Err(Said::error(415, "invalid_request", words));
        }
        let secret = match client.vendor {
            Vendor::Iflow => basic.map(|(_, secret)| secret),
            _ => parameters.get("client_secret").cloned(),
        };
        if client.secret.is_some() && client.secret != secret {
            let words = "The client secret is wrong.";
            return Err(Said::error(401, "invalid_client", words));
        }
        let is_device = client.vendor == Vendor::Kimi && call.grant == DEVICE;
        if is_device && asked.header("x-msh-device-id").is_none() {
            let words = "X-Msh-Device-Id is missing.";
            return Err(Said::error(400, "invalid_request", words));
        }
        Ok(call)
    }

    fn text(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }

    /// The account of the grant, before it is used.
    pub fn owner(&self, grants: &Grants) -> Option<Arc<Person>> {
        match &*self.grant {
            "refresh_token" => grants.owner(self.text("refresh_token")),
            "authorization_code" => {
                let code = grants.codes.get(self.text("code"))?;
                Some(Arc::clone(&code.person))
            }
            ASSERTION => {
                assertion::issuer(self.text("assertion")).map(|email| Arc::new(Person::new(&email)))
            }
            _ => None,
        }
    }

    /// Answers it.
    pub fn answer(&self, grants: &mut Grants, step: &TokenStep) -> Said {
        let issued = match &*self.grant {
            "authorization_code" => self.code(grants, step.lifetime),
            "refresh_token" => self.refresh(grants, step.lifetime),
            ASSERTION => self.assertion(grants, step.lifetime),
            DEVICE if self.vendor == Vendor::Kimi => self.device(grants, step.lifetime),
            _ => Err(Said::error(
                400,
                "unsupported_grant_type",
                "There is no such grant.",
            )),
        };
        let mut answer = match issued {
            Ok(answer) => answer,
            Err(refusal) => return refusal,
        };
        if let Some(members) = answer.as_object_mut() {
            members.retain(|name, value| {
                !step.missing.contains(&name.as_str()) && value.as_str() != Some("")
            });
        }
        Said::json(200, &answer)
    }

    fn code(&self, grants: &mut Grants, lifetime: Option<u64>) -> Result<Value, Said> {
        let refused = |words| Said::error(400, "invalid_grant", words);
        // A code is used up by any attempt.
        let code = grants.codes.remove(self.text("code"));
        let code = code.ok_or_else(|| refused("The code is unknown or used."))?;
        if (code.vendor, &code.client) != (self.vendor, &self.client) {
            return Err(refused("The code was issued to another client."));
        }
        if code.redirect != self.text("redirect_uri") {
            return Err(refused("The redirect URI differs."));
        }
        if let Some(challenge) = &code.challenge {
            let verifier = self.text("code_verifier");
            let hash = digest(&SHA256, verifier.as_bytes());
            let fits = URL_SAFE_NO_PAD.encode(hash) == *challenge;
            if !fits || !(43..=128).contains(&verifier.len()) {
                return Err(refused("The code verifier does not fit."));
            }
        }
        if self.vendor == Vendor::Claude && self.text("state") != code.state {
            return Err(refused("The state differs."));
        }
        let tokens = grants.issue(self.vendor, &self.client, &code.person, lifetime);
        Ok(self.tokens(&tokens, &code.person))
    }

    fn refresh(&self, grants: &mut Grants, lifetime: Option<u64>) -> Result<Value, Said> {
        let token = self.text("refresh_token");
        let renewed = grants.renew(self.vendor, &self.client, token, lifetime);
        let tokens = renewed.map_err(|stale| self.stale(&stale))?;
        let person = grants
            .owner(token)
            .unwrap_or_else(|| Arc::new(Person::new("")));
        Ok(self.tokens(&tokens, &person))
    }

    fn stale(&self, stale: &Stale) -> Said {
        match (self.vendor, stale) {
            (Vendor::Codex, stale) => {
                let (code, message) = match stale {
                    Stale::Used => (
                        "refresh_token_reused",
                        "Your refresh token has already been used to generate a new access token. Please try signing in again.",
                    ),
                    Stale::Revoked => (
                        "refresh_token_invalidated",
                        "Your session has ended. Please log in again.",
                    ),
                    Stale::Unknown => (
                        "refresh_token_expired",
                        "Could not validate your refresh token. Please try signing in again.",
                    ),
                };
                let error = json!({"message": message, "type": "invalid_request_error", "param": null, "code": code});
                Said::json(401, &json!({"error": error}))
            }
            (Vendor::Claude, _) => {
                Said::error(400, "invalid_grant", "Refresh token not found or invalid")
            }
            (Vendor::Google, _) => {
                Said::error(400, "invalid_grant", "Token has been expired or revoked.")
            }
            (Vendor::Kimi, _) => Said::error(
                401,
                "invalid_grant",
                "The provided authorization grant is invalid",
            ),
            (Vendor::Iflow, _) => Said::error(400, "invalid_grant", "Invalid refresh token"),
        }
    }

    fn assertion(&self, grants: &mut Grants, lifetime: Option<u64>) -> Result<Value, Said> {
        let keys = &grants.service_accounts;
        let email = assertion::verify(self.text("assertion"), &self.url, keys)
            .map_err(|words| Said::error(400, "invalid_grant", words))?;
        let person = Arc::new(Person::new(&email));
        let lifetime = lifetime.unwrap_or(Vendor::Google.lifetime());
        let access = format!("ya29.c.{}", grants.unique());
        grants.allow(&access, &person, lifetime);
        Ok(json!({"access_token": access, "expires_in": lifetime, "token_type": "Bearer"}))
    }

    /// Kimi says 200 for a pending device too.
    fn device(&self, grants: &mut Grants, lifetime: Option<u64>) -> Result<Value, Said> {
        let refused = |code| Said::error(200, code, "");
        let key = self.text("device_code");
        let device = grants.devices.get(key);
        let device =
            device.filter(|device| (device.vendor, &device.client) == (self.vendor, &self.client));
        let consent = device.map(|device| device.consent.clone());
        let person = match consent {
            None => return Err(refused("expired_token")),
            Some(Consent::Pending) => return Err(refused("authorization_pending")),
            Some(Consent::Refused) => return Err(refused("access_denied")),
            Some(Consent::Given(person)) => person,
        };
        grants.devices.remove(key);
        let tokens = grants.issue(self.vendor, &self.client, &person, lifetime);
        Ok(self.tokens(&tokens, &person))
    }

    /// Tokens in the vendor's form.
    fn tokens(&self, tokens: &Tokens, person: &Person) -> Value {
        let mut answer = json!({
            "token_type": "Bearer",
            "access_token": tokens.access,
            "refresh_token": tokens.refresh,
            "expires_in": tokens.lifetime,
        });
        match self.vendor {
            Vendor::Claude => {
                answer["scope"] = "user:inference user:profile".into();
                answer["account"] = json!({"uuid": person.id, "email_address": person.email});
                answer["organization"] =
                    json!({"uuid": format!("org-{}", person.id), "name": "Demo"});
            }
            Vendor::Codex => {
                answer["id_token"] = (&*tokens.id_token).into();
                answer["scope"] = "openid profile email offline_access".into();
            }
            Vendor::Google => {
                answer["id_token"] = (&*tokens.id_token).into();
                answer["scope"] = "https://www.googleapis.com/auth/cloud-platform".into();
            }
            Vendor::Kimi => answer["scope"] = "kimi-code".into(),
            Vendor::Iflow => answer["scope"] = "read".into(),
        }
        answer
    }
}
