//! A gateway with credential files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use holdfast::unversioned::demo::{Authorization, Person, Upstreams, Vendor};
use holdfast::unversioned::provider::Variables;
use holdfast::{Gateway, Running};
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::harness::{Dialect, KEY, PATIENCE, parse};

/// Numbers the directories.
static NUMBER: AtomicUsize = AtomicUsize::new(0);

/// A channel, as a test logs in to it.
#[derive(Clone, Copy, Debug)]
pub struct Channel {
    pub name: &'static str,
    pub vendor: Vendor,
    /// The path of its API at the demo's upstreams.
    pub base: &'static str,
    /// A model of it.
    pub model: &'static str,
}

pub const CLAUDE: Channel = Channel {
    name: "claude",
    vendor: Vendor::Claude,
    base: "",
    model: "claude-sonnet-4-6",
};
pub const CODEX: Channel = Channel {
    name: "codex",
    vendor: Vendor::Codex,
    base: "/backend-api/codex",
    model: "gpt-5.5",
};
pub const GEMINI_CLI: Channel = Channel {
    name: "gemini-cli",
    vendor: Vendor::Google,
    base: "",
    model: "gemini-2.5-pro",
};
pub const ANTIGRAVITY: Channel = Channel {
    name: "antigravity",
    vendor: Vendor::Google,
    base: "/antigravity",
    model: "gemini-3-flash",
};
pub const KIMI: Channel = Channel {
    name: "kimi",
    vendor: Vendor::Kimi,
    base: "/coding",
    model: "kimi-k2.5",
};
pub const IFLOW: Channel = Channel {
    name: "iflow",
    vendor: Vendor::Iflow,
    base: "/v1",
    model: "qwen3-max",
};

/// All channels with refresh tokens.
pub const ALL: &[Channel] = &[CLAUDE, CODEX, GEMINI_CLI, ANTIGRAVITY, KIMI, IFLOW];

/// A gateway, and what it talks to.
pub struct Files {
    pub upstreams: Upstreams,
    pub authorization: Authorization,
    pub folder: PathBuf,
    gateway: Option<Running>,
    extra: String,
    /// `GOOGLE_CLOUD_PROJECT`.
    pub project: Option<String>,
}

/// When the token of a new file expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    Expired,
    /// In a month.
    Later,
}

impl Files {
    /// The upstreams and an empty directory, without a gateway. `extra` is added to the configuration.
    pub fn new(extra: &str) -> Self {
        let upstreams = Upstreams::start().unwrap();
        let authorization = Authorization::start().unwrap();
        upstreams.require_tokens(authorization.tokenry());
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("holdfast-files-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self {
            upstreams,
            authorization,
            folder,
            gateway: None,
            extra: extra.to_owned(),
            project: None,
        }
    }

    /// Adds to the configuration of the next start.
    pub fn configure(&mut self, extra: &str) {
        self.extra.push_str(extra);
    }

    /// Starts a gateway that fetches lists of models.
    pub fn start_with_lists(&mut self) {
        let gateway = self.prepared().with_model_lists(None);
        self.gateway = Some(gateway.run().unwrap());
    }

    pub fn start(&mut self) {
        self.gateway = Some(self.another());
    }

    /// Another gateway with the same directory.
    pub fn another(&self) -> Running {
        self.prepared().run().unwrap()
    }

    fn prepared(&self) -> Gateway {
        let text = format!(
            "host: 127.0.0.1\nport: 0\napi-keys: [{KEY}]\nauth-dir: {}\nrouting: {{session-affinity: true}}\n{}\n",
            self.folder.display(),
            self.extra
        );
        let project = self.project.clone();
        let variables = Variables::new(move |name| match name {
            "GOOGLE_CLOUD_PROJECT" => project.clone(),
            name => std::env::var(name).ok(),
        });
        Gateway::new(parse(&text))
            .with_variables(variables)
            .with_credential_files()
    }

    pub fn gateway(&self) -> &Running {
        self.gateway.as_ref().unwrap()
    }

    pub fn stop(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            gateway.stop();
        }
    }

    /// The content of a file after a login.
    pub fn login(&self, channel: Channel, email: &str, expiry: Expiry) -> Value {
        let (client, secret) = channel.vendor.client();
        let person = Person::new(email);
        let tokens = self
            .authorization
            .issue(channel.vendor, client, person, None);
        if expiry == Expiry::Expired {
            self.authorization.expire(email);
        }
        let expires = match expiry {
            Expiry::Expired => 1_000_000_000,
            Expiry::Later => seconds() + 30 * 86_400,
        };
        let kind = match channel.name {
            "gemini-cli" => "gemini",
            name => name,
        };
        let mut file = json!({
            "type": kind,
            "email": email,
            "mine": {"kept": [1, 2]},
            "access_token": tokens.access,
            "refresh_token": tokens.refresh,
            "id_token": tokens.id_token,
            "expired": expires,
            "client_id": client,
            "client_secret": secret,
            "token_uri": self.authorization.token_uri(channel.vendor),
            "base_url": format!("http://{}{}", self.upstreams.address(), channel.base),
        });
        if channel.name == "iflow" {
            file["api_key"] = json!(tokens.access);
        }
        if channel.vendor == Vendor::Google {
            file["project_id"] = json!("demo-project");
        }
        file
    }

    /// Logs in and writes the file `<channel>-<email>.json`.
    pub fn add(&self, channel: Channel, email: &str, expiry: Expiry) -> String {
        let name = format!("{}-{email}.json", channel.name);
        self.write(&name, &self.login(channel, email, expiry));
        name
    }

    pub fn write(&self, name: &str, content: &Value) {
        let text = serde_json::to_string_pretty(content).unwrap();
        let path = self.folder.join(name);
        // As programs do, so that no half of it is read.
        let beside = self.folder.join(format!("{name}.part"));
        fs::write(&beside, text).unwrap();
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(beside, path).unwrap();
    }

    pub fn read(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.folder.join(name)).unwrap()).unwrap()
    }

    pub fn mode(&self, name: &str) -> u32 {
        let metadata = fs::metadata(self.folder.join(name)).unwrap();
        metadata.permissions().mode() & 0o777
    }

    /// One request of a dialect for `model`, on its own connection.
    pub fn ask(&self, dialect: Dialect, model: &str, text: &str) -> Answer {
        ask(self.gateway(), dialect, model, text)
    }

    /// The name of the condition of a file.
    pub fn condition(&self, name: &str) -> String {
        let states = self.gateway().credential_files();
        let state = states.iter().find(|state| &*state.name == name);
        state.map_or("none".to_owned(), |state| state.condition.name().to_owned())
    }

    /// The accounts that were called with a valid token, in their order.
    pub fn called(&self) -> Vec<String> {
        let records = self.upstreams.records();
        records.into_iter().map(|record| record.key).collect()
    }

    /// The number of calls of the token endpoints.
    pub fn token_calls(&self) -> usize {
        self.authorization.calls().len()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

pub fn ask(gateway: &Running, dialect: Dialect, model: &str, text: &str) -> Answer {
    let mut body: Value = serde_json::from_slice(&dialect.body(&[text], false)).unwrap();
    let mut path = dialect.path(false);
    match dialect {
        Dialect::Gemini => path = path.replace(&dialect.model(), model),
        _ => body["model"] = json!(model),
    }
    let body = serde_json::to_vec(&body).unwrap();
    let key = [("Authorization", "Bearer client-key")];
    Client::connect(gateway.address()).call("POST", &path, &key, &body)
}

/// Waits until `is_so`.
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let limit = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < limit, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}
