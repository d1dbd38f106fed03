//! Service accounts of Google Cloud: tokens are asked for with a signed JWT (RFC 7523).

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Map, Value, json};

use crate::config::Secret;

/// What tokens are asked for: all of Google Cloud, which Vertex AI needs.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// Seconds that a request for a token is valid, the most that Google allows.
const LIFETIME: u64 = 3600;

/// A service account.
#[derive(Clone)]
pub struct ServiceAccount {
    pub email: String,
    pub project: Option<String>,
    pub token_uri: Option<String>,
    key_id: String,
    /// To see changes; never shown.
    pem: Secret,
    key: Arc<RsaKeyPair>,
}

impl ServiceAccount {
    /// Reads Google's key file. `None` if it has no account or no RSA key that can be used.
    pub fn read(json: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| {
            let text = json.get(name)?.as_str()?.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        let pem = text("private_key")?;
        Some(Self {
            email: text("client_email")?,
            project: text("project_id"),
            token_uri: text("token_uri"),
            key_id: text("private_key_id").unwrap_or_default(),
            key: Arc::new(key(&pem)?),
            pem: Secret::new(pem),
        })
    }

    /// A signed request for a token of `token_uri`.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn assertion(&self, token_uri: &str, now: SystemTime) -> Result<Secret, NotSigned> {
        let issued = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |time| time.as_secs());
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": self.key_id});
        let claims = json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": token_uri,
            "iat": issued,
            "exp": issued + LIFETIME,
        });
        let encode = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .map_err(|_| NotSigned)?;
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
        Ok(Secret::new(format!("{signed}.{signature}")))
    }

    /// When a token that is issued now expires, if the answer does not say.
    pub fn expiry(now: SystemTime) -> Option<SystemTime> {
        now.checked_add(Duration::from_secs(LIFETIME))
    }
}

/// The request could not be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSigned;

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceAccount({})", self.email)
    }
}

impl PartialEq for ServiceAccount {
    fn eq(&self, other: &Self) -> bool {
        (
            &self.email,
            &self.project,
            &self.token_uri,
            &self.key_id,
            &self.pem,
        ) == (
            &other.email,
            &other.project,
            &other.token_uri,
            &other.key_id,
            &other.pem,
        )
    }
}

impl Eq for ServiceAccount {}

/// The key of a PEM text (RFC 7468) in PKCS #8 or PKCS #1, also of one whose line breaks were lost or escaped, or that
/// went through a terminal.
fn key(pem: &str) -> Option<RsaKeyPair> {
    let pem = pem.replace("\\n", "\n").replace("\\r", "");
    let (_, rest) = pem.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END")?;
    let mut base64 = String::with_capacity(body.len());
    let mut chars = body.chars();
    while let Some(char) = chars.next() {
        match char {
            // A control sequence of a terminal ends with a letter.
            '\u{1b}' => {
                let _ = chars.by_ref().find(char::is_ascii_alphabetic);
            }
            char if char.is_ascii_alphanumeric() || matches!(char, '+' | '/' | '=') => {
                base64.push(char);
            }
            _ => {}
        }
    }
    let der = BASE64_STANDARD.decode(base64).ok()?;
    match label.trim() {
        "RSA PRIVATE KEY" => RsaKeyPair::from_der(&der).ok(),
        "PRIVATE KEY" => RsaKeyPair::from_pkcs8(&der).ok(),
        _ => None,
    }
}
