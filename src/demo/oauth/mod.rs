//! An authorization server that imitates those of all vendors: codes with PKCE, devices, refresh with rotation, service
//! accounts, revocation.
//!
//! One listener serves all paths; the vendor is that of the client which asks. [`Upstreams::require_tokens`] has the
//! demo's upstreams take its access tokens.
//!
//! [`Upstreams::require_tokens`]: crate::demo::Upstreams::require_tokens

mod assertion;
mod consent;
mod exchange;
mod grants;
mod iflow;
mod projects;
mod record;
mod script;
mod token;
mod vendor;

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{io, mem};

use exchange::{Asked, BODY, Said};
pub use grants::Tokens;
use grants::{Client, Grants};
use parking_lot::Mutex;
pub use record::TokenCall;
use record::TokenCalls;
pub use script::{TokenScript, TokenStep};
use tiny_http::Server;
use token::Call;
pub use vendor::{Bearer, Person, Vendor};

/// Threads that answer. Calls that a script holds take one each.
const THREADS: usize = 40;
/// Stack of a thread, bytes.
const STACK: usize = 512 * 1024;
/// Time between two looks at a gate.
const GATE_CHECK: Duration = Duration::from_millis(5);

/// The running server. Dropping it ends it.
pub struct Authorization {
    address: SocketAddr,
    server: Arc<Server>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    origin: String,
    grants: Mutex<Grants>,
    /// By the mail address of the account; of all accounts under the empty one.
    scripts: Mutex<HashMap<String, TokenScript>>,
    calls: TokenCalls,
    is_stopping: AtomicBool,
}

/// Tells upstreams what a token is worth.
#[derive(Clone)]
pub struct Tokenry(Arc<Shared>);

impl Tokenry {
    /// `None` if this server has not issued it.
    pub fn bearer(&self, token: &str) -> Option<Bearer> {
        self.0.grants.lock().bearer(token)
    }
}

impl Authorization {
    /// Listens on a free port of the loopback interface.
    ///
    /// # Errors
    /// When the system refuses a socket or a thread.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let server = Server::from_listener(listener, None).map_err(io::Error::other)?;
        let mut started = Self {
            address,
            server: Arc::new(server),
            shared: Arc::new(Shared {
                origin: format!("http://{address}"),
                grants: Mutex::new(Grants::new()),
                scripts: Mutex::default(),
                calls: TokenCalls::default(),
                is_stopping: AtomicBool::new(false),
            }),
            threads: Vec::new(),
        };
        for _ in 0..THREADS {
            let (server, shared) = (Arc::clone(&started.server), Arc::clone(&started.shared));
            let thread = thread::Builder::new()
                .name("demo-oauth".to_owned())
                .stack_size(STACK)
                .spawn(move || serve(&server, &shared))?;
            started.threads.push(thread);
        }
        Ok(started)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://` and the address.
    pub fn origin(&self) -> &str {
        &self.shared.origin
    }

    /// The token endpoint of a vendor.
    pub fn token_uri(&self, vendor: Vendor) -> String {
        format!("{}{}", self.origin(), vendor.token_path())
    }

    /// Makes a client known, beside [`Vendor::client`].
    pub fn register(&self, vendor: Vendor, id: &str, secret: Option<&str>) {
        let client = Client {
            vendor,
            id: id.to_owned(),
            secret: secret.map(str::to_owned),
        };
        self.shared.grants.lock().clients.push(client);
    }

    /// Has `person` sit at the browser and consent to everything.
    pub fn sign_in(&self, vendor: Vendor, person: Person) {
        self.shared.grants.lock().visitors.insert(vendor, person);
    }

    /// Has whoever sits at the browser refuse.
    pub fn refuse_consent(&self) {
        self.shared.grants.lock().refuses_consent = true;
    }

    /// Makes a browser's session known by the value of its cookie (iFlow's `BXAuth`).
    pub fn cookie(&self, value: &str, person: Person) {
        let mut grants = self.shared.grants.lock();
        grants.cookies.insert(value.to_owned(), person);
    }

    /// Makes the public key (PKCS#1) of a service account known.
    pub fn service_account(&self, email: &str, public_key: &[u8]) {
        let mut grants = self.shared.grants.lock();
        let keys = &mut grants.service_accounts;
        keys.insert(email.to_owned(), public_key.to_vec());
    }

    /// Tokens as after a login. The access token is valid for `lifetime` seconds, or as long as the vendor's.
    pub fn issue(
        &self,
        vendor: Vendor,
        client: &str,
        person: Person,
        lifetime: Option<u64>,
    ) -> Tokens {
        let mut grants = self.shared.grants.lock();
        grants.issue(vendor, client, &Arc::new(person), lifetime)
    }

    /// What an access token is worth; `None` if this server has not issued it.
    pub fn bearer(&self, token: &str) -> Option<Bearer> {
        self.shared.grants.lock().bearer(token)
    }

    /// Whether a refresh token can be used.
    pub fn accepts(&self, refresh: &str) -> bool {
        self.shared.grants.lock().accepts(refresh)
    }

    /// Whether the API of Code Assist was enabled for a Google Cloud project.
    pub fn has_enabled(&self, project: &str) -> bool {
        self.shared.grants.lock().enabled.contains(project)
    }

    /// All codes, tokens and keys that were issued, or what is unique in them.
    pub fn secrets(&self) -> Vec<String> {
        self.shared.grants.lock().secrets.clone()
    }

    /// For [`Upstreams::require_tokens`](crate::demo::Upstreams::require_tokens).
    pub fn tokenry(&self) -> Tokenry {
        Tokenry(Arc::clone(&self.shared))
    }

    /// Has the access tokens of an account expire now.
    pub fn expire(&self, email: &str) {
        self.shared.grants.lock().expire(email);
    }

    /// Revokes the access tokens of an account; its refresh tokens stay valid.
    pub fn revoke_access(&self, email: &str) {
        self.shared.grants.lock().revoke(email, false);
    }

    /// Revokes all tokens of an account.
    pub fn revoke(&self, email: &str) {
        self.shared.grants.lock().revoke(email, true);
    }

    /// Has the token endpoints follow `script` with the next calls for the account, or, if `email` is empty, for any
    /// account without a script.
    pub fn script(&self, email: &str, script: TokenScript) {
        self.shared.scripts.lock().insert(email.to_owned(), script);
    }

    /// The calls of the token endpoints so far.
    pub fn calls(&self) -> Vec<TokenCall> {
        self.shared.calls.all()
    }

    /// The most calls that were under way at once.
    pub fn most_at_once(&self) -> usize {
        self.shared.calls.most_at_once()
    }

    /// Waits until the calls are as `wanted`; false when `patience` runs out before.
    pub fn wait_for(&self, patience: Duration, wanted: impl Fn(&[TokenCall]) -> bool) -> bool {
        self.shared.calls.wait_for(patience, wanted)
    }
}

impl Drop for Authorization {
    fn drop(&mut self) {
        self.shared.is_stopping.store(true, Ordering::Release);
        for _ in &self.threads {
            self.server.unblock();
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn serve(server: &Server, shared: &Shared) {
    while let Ok(mut request) = server.recv() {
        if request.body_length().is_some_and(|length| length > BODY) {
            // Dropping it would allocate what it declares (tiny_http 0.12, `EqualReader`).
            mem::forget(request);
            continue;
        }
        let asked = Asked::read(&mut request);
        let said = answer(&asked, shared);
        said.send(request);
        if shared.is_stopping.load(Ordering::Acquire) {
            return;
        }
    }
}

fn answer(asked: &Asked, shared: &Shared) -> Said {
    let is_token = |vendor: Vendor| vendor.token_path() == asked.path;
    if asked.method == "POST" && Vendor::ALL.into_iter().any(is_token) {
        return token_call(asked, shared);
    }
    let mut grants = shared.grants.lock();
    let origin = &*shared.origin;
    let is_authorization =
        |vendor: Vendor| vendor.authorization_paths().contains(&asked.path.as_str());
    match (&*asked.method, &*asked.path) {
        ("GET", _) if Vendor::ALL.into_iter().any(is_authorization) => {
            consent::authorize(asked, &mut grants)
        }
        ("POST", "/api/oauth/device_authorization") => {
            consent::device_of_kimi(asked, origin, &mut grants)
        }
        ("POST", "/api/accounts/deviceauth/usercode") => {
            consent::device_of_codex(asked, &mut grants)
        }
        ("POST", "/api/accounts/deviceauth/token") => {
            consent::ask_for_codex(asked, origin, &mut grants)
        }
        ("GET", "/device") => consent::enter_code(asked, Vendor::Kimi, &mut grants),
        ("GET", "/codex/device") => consent::enter_code(asked, Vendor::Codex, &mut grants),
        ("POST", "/revoke" | "/oauth/revoke") => {
            let token = asked.parameters().remove("token").unwrap_or_default();
            grants.revoke_token(&token);
            Said::page(200, "")
        }
        ("GET", "/oauth2/v1/userinfo" | "/oauth2/v2/userinfo") => {
            let bearer = asked.bearer().and_then(|token| grants.bearer(token));
            consent::user_info(match bearer {
                Some(Bearer::Valid(person)) => Some(person),
                _ => None,
            })
        }
        ("GET", "/api/oauth/getUserInfo") => iflow::user_info(asked, &mut grants),
        ("GET" | "POST", "/api/openapi/apikey") => iflow::api_key(asked, &mut grants),
        _ => projects::answer(asked, &mut grants)
            .unwrap_or_else(|| Said::page(404, "There is no such page.")),
    }
}

/// Answers a call of a token endpoint as its script says, and keeps a record of it.
fn token_call(asked: &Asked, shared: &Shared) -> Said {
    let call = match Call::read(asked, &shared.origin, &shared.grants.lock()) {
        Ok(call) => call,
        Err(refusal) => return refusal,
    };
    let owner = call.owner(&shared.grants.lock());
    let account = owner.map_or_else(String::new, |person| person.email.clone());
    let number = shared.calls.begin(TokenCall {
        vendor: call.vendor,
        grant: call.grant.clone(),
        client: call.client.clone(),
        account: account.clone(),
        at: Instant::now(),
        status: None,
    });
    let step = next_step(&account, shared);
    let is_held = || step.gate.as_ref().is_some_and(|gate| !gate.is_open());
    while is_held() && !shared.is_stopping.load(Ordering::Acquire) {
        thread::sleep(GATE_CHECK);
    }
    let said = match step.failure.clone() {
        Some(failure) => {
            if step.is_late {
                let _ = call.answer(&mut shared.grants.lock(), &step);
            }
            Said {
                status: failure.status,
                headers: failure.headers,
                body: failure.body,
            }
        }
        None => call.answer(&mut shared.grants.lock(), &step),
    };
    shared.calls.end(number, said.status);
    said
}

fn next_step(account: &str, shared: &Shared) -> TokenStep {
    let mut scripts = shared.scripts.lock();
    let mut step = |name: &str| scripts.get_mut(name).and_then(TokenScript::next);
    step(account).or_else(|| step("")).unwrap_or_default()
}
