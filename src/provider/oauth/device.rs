//! Signing in on another device: RFC 8628 for Kimi, and Codex's own form of it.

use std::time::{Duration, SystemTime};

use http::header::HeaderName;
use serde_json::{Value, json};

use super::refresh::urlencoded;
use super::service::{Service, failed, json_body, json_of};
use super::token::{self, Refusal};
use super::{account, code};
use crate::config::Secret;
use crate::credential::{Channel, Login};
use crate::failure::Headers;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const DEVICE_ID: HeaderName = HeaderName::from_static("x-msh-device-id");
/// How often a code is exchanged.
const EXCHANGES: u32 = 3;
/// Where users of Codex enter their code.
const CODEX_PAGE: &str = "https://auth.openai.com/codex/device";
const CODEX_TOKEN: &str = "https://auth.openai.com/api/accounts/deviceauth/token";
const CODEX_REDIRECT: &str = "https://auth.openai.com/deviceauth/callback";
/// How long a user may take.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// Between two questions, unless the vendor wants a longer time.
const INTERVAL: Duration = Duration::from_secs(5);
/// The longest time that is waited between two questions.
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);

/// A device that waits for its user.
pub struct DeviceSignIn {
    /// What the user enters, and where.
    pub user_code: String,
    pub page: String,
    /// Between two questions.
    pub interval: Duration,
    /// How long the user has.
    pub time_limit: Duration,
    device_code: Secret,
    /// Kimi's name for this device, which goes into the file.
    device_id: Option<String>,
}

/// An answer to the question whether the user has consented.
pub enum Consent {
    Pending,
    /// Pending, and the questions come too fast.
    SlowDown,
    Given(Box<Login>),
    /// Given, but there are no tokens. The code is used up, so there is no sense in asking again.
    Wasted(Refusal),
}

impl DeviceSignIn {
    /// Asks for a code.
    ///
    /// # Errors
    /// [`Refusal`] when there is none.
    pub fn begin(service: &Service<'_>) -> Result<Self, Refusal> {
        let url = service.endpoints.device();
        let url = url.ok_or_else(|| failed("this channel has no sign-in on another device"))?;
        let client = service.client.id.as_str();
        let mut device_id = None;
        let answer = match service.channel {
            Channel::Kimi => {
                let id = device_id.insert(uuid()?);
                let body = urlencoded(&[("client_id", client)]);
                service.post(&url, body, device_header(id))?
            }
            _ => service.post(
                &url,
                json_body(&json!({"client_id": client})),
                Headers::default(),
            )?,
        };
        let json = json_of(&answer, "a code")?;
        let text = |names: &[&str]| {
            let found = names.iter().find_map(|name| json.get(name)?.as_str());
            found
                .filter(|text| !text.is_empty() && !text.contains(char::is_control))
                .map(str::to_owned)
                .ok_or_else(|| failed("the answer to the request for a code is incomplete"))
        };
        let seconds = |name: &str| {
            let seconds = match json.get(name)? {
                Value::Number(number) => number.as_u64(),
                Value::String(text) => text.trim().parse().ok(),
                _ => None,
            };
            seconds.map(Duration::from_secs)
        };
        let page = match service.channel {
            Channel::Kimi => text(&["verification_uri_complete", "verification_uri"])?,
            _ => service.endpoints.at(CODEX_PAGE),
        };
        let interval = seconds("interval").unwrap_or(INTERVAL);
        let least = match service.channel {
            Channel::Kimi => INTERVAL,
            _ => Duration::from_secs(1),
        };
        Ok(Self {
            user_code: text(&["user_code", "usercode"])?,
            page,
            interval: interval.clamp(least, LONGEST_INTERVAL),
            time_limit: seconds("expires_in").unwrap_or(LONGEST).min(LONGEST),
            device_code: Secret::new(text(&["device_code", "device_auth_id"])?),
            device_id,
        })
    }

    /// Asks whether the user has consented.
    ///
    /// # Errors
    /// [`Refusal::Lost`] when there is no sense in asking again.
    pub fn ask(&self, service: &Service<'_>, now: SystemTime) -> Result<Consent, Refusal> {
        match service.channel {
            Channel::Kimi => self.ask_kimi(service, now),
            _ => self.ask_codex(service, now),
        }
    }

    fn ask_kimi(&self, service: &Service<'_>, now: SystemTime) -> Result<Consent, Refusal> {
        let fields = [
            ("client_id", service.client.id.as_str()),
            ("device_code", self.device_code.reveal()),
            ("grant_type", GRANT),
        ];
        let id = self.device_id.as_deref().unwrap_or_default();
        let answer = service.post(
            service.endpoints.token(),
            urlencoded(&fields),
            device_header(id),
        )?;
        // Pending is told with 200 as well as with 400.
        let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match token::code(&json) {
            Some("authorization_pending") => return Ok(Consent::Pending),
            Some("slow_down") => return Ok(Consent::SlowDown),
            Some(code @ ("expired_token" | "access_denied")) => {
                return Err(Refusal::Lost(code.to_owned()));
            }
            _ => {}
        }
        let tokens = token::read(&answer, now)?;
        let mut login = match account::login(service, tokens, now) {
            Ok(login) => login,
            Err(refusal) => return Ok(Consent::Wasted(refusal)),
        };
        login.own.push(("device_id", id.into()));
        Ok(Consent::Given(Box::new(login)))
    }

    fn ask_codex(&self, service: &Service<'_>, now: SystemTime) -> Result<Consent, Refusal> {
        let question = json!({
            "device_auth_id": self.device_code.reveal(),
            "user_code": self.user_code,
        });
        let url = service.endpoints.at(CODEX_TOKEN);
        let answer = service.post(&url, json_body(&question), Headers::default())?;
        match answer.status {
            403 | 404 => return Ok(Consent::Pending),
            400 | 401 => {
                let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                let code = token::code(&json).map(token::word);
                return Err(Refusal::Lost(
                    code.unwrap_or_else(|| answer.status.to_string()),
                ));
            }
            _ => {}
        }
        let json = json_of(&answer, "the code")?;
        let text = |name: &str| {
            let text = json.get(name).and_then(Value::as_str);
            text.map(Secret::new)
                .ok_or_else(|| failed("the vendor has sent no code"))
        };
        let (code, verifier) = (text("authorization_code")?, text("code_verifier")?);
        let redirect = service.endpoints.at(CODEX_REDIRECT);
        let exchange = || code::exchange(service, &code, &redirect, &verifier, "", now);
        Ok(exchanged(exchange)
            .map_or_else(Consent::Wasted, |login| Consent::Given(Box::new(login))))
    }
}

/// Exchanges a code, again after failures that may pass.
fn exchanged(exchange: impl Fn() -> Result<Login, Refusal>) -> Result<Login, Refusal> {
    let first = match exchange() {
        Err(refusal @ Refusal::Failed(_)) => refusal,
        done => return done,
    };
    for _ in 1..EXCHANGES {
        match exchange() {
            Ok(login) => return Ok(login),
            // It may say only that the code was used the first time.
            Err(Refusal::Lost(_)) => break,
            Err(Refusal::Failed(_)) => {}
        }
    }
    Err(first)
}

fn device_header(id: &str) -> Headers {
    let mut headers = Headers::default();
    headers.set(DEVICE_ID, id);
    headers
}

/// A random UUID (RFC 9562, version 4).
fn uuid() -> Result<String, Refusal> {
    let number = u128::from_be_bytes(code::random::<16>()?);
    let number = (number & !(0xf << 76) & !(0b11 << 62)) | (0x4 << 76) | (0b10 << 62);
    let hex = format!("{number:032x}");
    let part = |from, to| hex.get(from..to).unwrap_or_default();
    Ok(format!(
        "{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_random_and_of_their_version() {
        let (one, other) = (uuid().unwrap(), uuid().unwrap());
        assert_ne!(one, other);
        for id in [one, other] {
            let lengths: Vec<usize> = id.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
            assert_eq!(id.as_bytes()[14], b'4', "{id}");
            assert!(b"89ab".contains(&id.as_bytes()[19]), "{id}");
        }
    }
}
