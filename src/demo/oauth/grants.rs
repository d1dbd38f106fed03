//! What has been issued: codes, tokens, devices.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::vendor::{Bearer, Person, Vendor};

/// All that the server remembers.
#[derive(Default)]
pub struct Grants {
    pub clients: Vec<Client>,
    /// Who sits at the browser.
    pub visitors: HashMap<Vendor, Person>,
    pub refuses_consent: bool,
    /// Public keys of service accounts (PKCS#1), by mail address.
    pub service_accounts: HashMap<String, Vec<u8>>,
    /// Who is signed in to a vendor's pages, by the value of its cookie.
    pub cookies: HashMap<String, Person>,
    /// Projects for which the API of Code Assist is enabled.
    pub enabled: HashSet<String>,
    pub codes: HashMap<String, Code>,
    pub devices: HashMap<String, Device>,
    access: HashMap<String, Access>,
    refresh: HashMap<String, Refresh>,
    /// All that nobody else may see.
    pub secrets: Vec<String>,
    issued: u64,
}

pub struct Client {
    pub vendor: Vendor,
    pub id: String,
    pub secret: Option<String>,
}

/// An authorization code.
#[derive(Clone)]
pub struct Code {
    pub vendor: Vendor,
    pub client: String,
    pub redirect: String,
    pub challenge: Option<String>,
    pub state: String,
    pub person: Arc<Person>,
}

/// A device that waits for its user.
pub struct Device {
    pub vendor: Vendor,
    pub client: String,
    pub user_code: String,
    pub consent: Consent,
}

#[derive(Clone)]
pub enum Consent {
    Pending,
    Given(Arc<Person>),
    Refused,
}

struct Access {
    person: Arc<Person>,
    expires: Instant,
    is_revoked: bool,
}

struct Refresh {
    vendor: Vendor,
    client: String,
    person: Arc<Person>,
    is_used: bool,
    is_revoked: bool,
}

/// Tokens as they are issued.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub access: String,
    pub refresh: String,
    pub id_token: String,
    /// Seconds.
    pub lifetime: u64,
}

/// Why a refresh token is not taken.
pub enum Stale {
    Unknown,
    Used,
    Revoked,
}

impl Grants {
    pub fn new() -> Self {
        let clients = Vendor::ALL.into_iter().map(|vendor| {
            let (id, secret) = vendor.client();
            Client {
                vendor,
                id: id.to_owned(),
                secret: secret.map(str::to_owned),
            }
        });
        Self {
            clients: clients.collect(),
            ..Self::default()
        }
    }

    pub fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    /// Something that was not issued before.
    pub fn unique(&mut self) -> String {
        self.issued += 1;
        let hash = digest(&SHA256, &self.issued.to_be_bytes());
        let hash = URL_SAFE_NO_PAD.encode(hash);
        let unique = format!("{}x{}", self.issued, &hash[..24]);
        self.secrets.push(unique.clone());
        unique
    }

    pub fn issue(
        &mut self,
        vendor: Vendor,
        client: &str,
        person: &Arc<Person>,
        lifetime: Option<u64>,
    ) -> Tokens {
        let lifetime = lifetime.unwrap_or(vendor.lifetime());
        let (access, refresh) = (self.unique(), self.unique());
        let claims = claims(vendor, client, person, lifetime);
        let tokens = Tokens {
            access: match vendor {
                Vendor::Claude => format!("sk-ant-oat01-{access}"),
                Vendor::Codex => jwt(&claims, &access),
                Vendor::Google => format!("ya29.{access}"),
                Vendor::Kimi | Vendor::Iflow => format!("at-{access}"),
            },
            refresh: match vendor {
                Vendor::Claude => format!("sk-ant-ort01-{refresh}"),
                Vendor::Codex => format!("rt.1.{refresh}"),
                Vendor::Google => format!("1//{refresh}"),
                Vendor::Kimi | Vendor::Iflow => format!("rt-{refresh}"),
            },
            id_token: jwt(&claims, ""),
            lifetime,
        };
        self.allow(&tokens.access, person, lifetime);
        self.secrets.push(tokens.access.clone());
        self.secrets.push(tokens.id_token.clone());
        self.refresh.insert(
            tokens.refresh.clone(),
            Refresh {
                vendor,
                client: client.to_owned(),
                person: Arc::clone(person),
                is_used: false,
                is_revoked: false,
            },
        );
        tokens
    }

    /// Makes `access` a valid token.
    pub fn allow(&mut self, access: &str, person: &Arc<Person>, lifetime: u64) {
        let access_token = Access {
            person: Arc::clone(person),
            expires: Instant::now() + Duration::from_secs(lifetime),
            is_revoked: false,
        };
        self.access.insert(access.to_owned(), access_token);
    }

    /// Uses a refresh token, which must have been issued to this client.
    pub fn renew(
        &mut self,
        vendor: Vendor,
        client: &str,
        token: &str,
        lifetime: Option<u64>,
    ) -> Result<Tokens, Stale> {
        let known = self.refresh.get_mut(token);
        let known = known.filter(|known| (known.vendor, &*known.client) == (vendor, client));
        let known = known.ok_or(Stale::Unknown)?;
        if known.is_revoked {
            return Err(Stale::Revoked);
        }
        if known.is_used && vendor.rotates() {
            return Err(Stale::Used);
        }
        known.is_used = true;
        let person = Arc::clone(&known.person);
        let mut tokens = self.issue(vendor, client, &person, lifetime);
        if !vendor.rotates() {
            self.refresh.remove(&tokens.refresh);
            tokens.refresh.clear();
        }
        Ok(tokens)
    }

    /// Whether a refresh token can be used.
    pub fn accepts(&self, token: &str) -> bool {
        let is_open =
            |known: &Refresh| !(known.is_revoked || known.is_used && known.vendor.rotates());
        self.refresh.get(token).is_some_and(is_open)
    }

    /// Whose refresh token it is.
    pub fn owner(&self, token: &str) -> Option<Arc<Person>> {
        let known = self.refresh.get(token)?;
        Some(Arc::clone(&known.person))
    }

    /// What an access token is worth; `None` if it is none of this server.
    pub fn bearer(&self, token: &str) -> Option<Bearer> {
        let known = self.access.get(token)?;
        let person = Arc::clone(&known.person);
        Some(match known {
            known if known.is_revoked => Bearer::Revoked(person),
            known if known.expires <= Instant::now() => Bearer::Expired(person),
            _ => Bearer::Valid(person),
        })
    }

    /// Ends the access tokens of an account.
    pub fn expire(&mut self, email: &str) {
        let own = |access: &&mut Access| access.person.email == email;
        for access in self.access.values_mut().filter(own) {
            access.expires = Instant::now();
        }
    }

    /// Revokes the access tokens of an account, and its refresh tokens too if `all`.
    pub fn revoke(&mut self, email: &str, all: bool) {
        let own = |access: &&mut Access| access.person.email == email;
        for access in self.access.values_mut().filter(own) {
            access.is_revoked = true;
        }
        let own = |refresh: &&mut Refresh| all && refresh.person.email == email;
        for refresh in self.refresh.values_mut().filter(own) {
            refresh.is_revoked = true;
        }
    }

    /// Revokes what belongs to a token (RFC 7009); unknown tokens are revoked already.
    pub fn revoke_token(&mut self, token: &str) {
        let of_access = self.access.get(token).map(|access| &access.person);
        let of_refresh = self.refresh.get(token).map(|refresh| &refresh.person);
        let owner = of_access.or(of_refresh).map(|person| person.email.clone());
        if let Some(email) = owner {
            self.revoke(&email, true);
        }
    }

    /// Decides for the device with this user code. Whether there is one.
    pub fn decide(&mut self, user_code: &str, consent: Consent) -> bool {
        let mut devices = self.devices.values_mut();
        let device = devices.find(|device| device.user_code == user_code);
        device.map(|device| device.consent = consent).is_some()
    }
}

fn claims(vendor: Vendor, client: &str, person: &Person, lifetime: u64) -> Value {
    let now = unix_seconds();
    let mut claims = json!({
        "iss": "https://auth.demo.invalid",
        "aud": client,
        "sub": person.id,
        "email": person.email,
        "iat": now,
        "exp": now + lifetime,
    });
    if vendor == Vendor::Codex {
        claims["https://api.openai.com/auth"] = json!({
            "chatgpt_account_id": person.id,
            "chatgpt_plan_type": person.plan,
        });
        claims["https://api.openai.com/profile"] = json!({"email": person.email});
    }
    claims
}

/// A token in the form of RFC 7519, made unique by `id`. Its signature is none, but real programs want to see one.
fn jwt(claims: &Value, id: &str) -> String {
    let mut claims = claims.clone();
    if !id.is_empty() {
        claims["jti"] = id.into();
    }
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({"alg": "RS256", "typ": "JWT"});
    let signed = format!("{}.{}", encode(&header), encode(&claims));
    let signature = URL_SAFE_NO_PAD.encode(digest(&SHA256, signed.as_bytes()));
    format!("{signed}.{signature}")
}

pub fn unix_seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |time| time.as_secs())
}
