//! A new login, and the credential file that it becomes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::digest::{SHA256, digest};
use serde_json::{Map, Value};

use super::channel::Channel;
use super::file::Change;
use crate::config::Secret;
use crate::time;

/// The tokens and the account of a new login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub channel: Channel,
    pub access: Secret,
    pub refresh: Option<Secret>,
    pub id_token: Option<Secret>,
    pub expiry: Option<SystemTime>,
    /// A mail address or a telephone number.
    pub email: Option<String>,
    /// The vendor's id of the account.
    pub account_id: Option<String>,
    /// The plan of the account: lower case, digits and hyphens.
    pub plan: Option<String>,
    pub scope: Option<String>,
    /// What only this channel has: members of its file, in their order.
    pub own: Vec<(&'static str, Value)>,
    /// The Google Cloud projects.
    pub projects: Vec<String>,
}

/// The OAuth client of a login, for the files that name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedTo<'a> {
    pub client_id: &'a str,
    pub client_secret: Option<&'a Secret>,
    pub token_uri: &'a str,
}

/// The scopes of Google's sign-in.
pub const GOOGLE_SCOPES: &[&str] = &[
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/userinfo.profile",
];

/// The members that files of Gemini CLI have in `token`.
const IN_TOKEN: &[&str] = &[
    "access_token",
    "refresh_token",
    "token_type",
    "expiry",
    "scopes",
    "universe_domain",
    "token_uri",
    "client_id",
    "client_secret",
];

impl Login {
    /// A login without an account.
    pub fn new(channel: Channel, access: Secret) -> Self {
        Self {
            channel,
            access,
            refresh: None,
            id_token: None,
            expiry: None,
            email: None,
            account_id: None,
            plan: None,
            scope: None,
            own: Vec::new(),
            projects: Vec::new(),
        }
    }

    /// The content of a new file.
    pub fn document(&self, issued_to: Option<&IssuedTo<'_>>, now: SystemTime) -> Value {
        let (mut file, mut token) = (Map::new(), Map::new());
        for Change { key, value } in self.changes(issued_to, now) {
            match self.channel {
                Channel::GeminiCli if IN_TOKEN.contains(&key) => {
                    token.insert(key.to_owned(), value)
                }
                _ => file.insert(key.to_owned(), value),
            };
        }
        if self.channel == Channel::GeminiCli {
            file.insert("auto".to_owned(), false.into());
            file.insert("checked".to_owned(), true.into());
            file.insert("token".to_owned(), token.into());
        }
        file.into()
    }

    /// What it changes in an older file of the same account.
    pub fn changes(&self, issued_to: Option<&IssuedTo<'_>>, now: SystemTime) -> Vec<Change> {
        let mut changes = vec![Change {
            key: "type",
            value: file_type(self.channel).into(),
        }];
        let mut put = |key, value: Value| {
            if value.as_str() != Some("") {
                changes.push(Change { key, value });
            }
        };
        let text = |secret: &Option<Secret>| secret.as_ref().map_or("", Secret::reveal).to_owned();
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        put("email", optional(&self.email).into());
        put("access_token", self.access.reveal().into());
        put("refresh_token", text(&self.refresh).into());
        put("id_token", text(&self.id_token).into());
        put("account_id", optional(&self.account_id).into());
        put("project_id", self.projects.join(",").into());
        let expiry = self.expiry.map_or_else(String::new, rfc3339);
        match self.channel {
            Channel::GeminiCli => {
                put("expiry", expiry.into());
                put("token_type", "Bearer".into());
                put("scopes", GOOGLE_SCOPES.into());
                put("universe_domain", "googleapis.com".into());
                if let Some(issued_to) = issued_to {
                    put("token_uri", issued_to.token_uri.into());
                    put("client_id", issued_to.client_id.into());
                    let secret = issued_to.client_secret.map_or("", Secret::reveal);
                    put("client_secret", secret.into());
                }
            }
            Channel::Antigravity => {
                let left = self
                    .expiry
                    .and_then(|expiry| expiry.duration_since(now).ok());
                put("expires_in", left.unwrap_or_default().as_secs().into());
                put("timestamp", milliseconds(now).into());
                put("expired", expiry.into());
            }
            Channel::Kimi | Channel::Iflow => {
                put("token_type", "Bearer".into());
                put("scope", optional(&self.scope).into());
                put("timestamp", milliseconds(now).into());
                put("last_refresh", rfc3339(now).into());
                put("expired", expiry.into());
            }
            Channel::Claude | Channel::Codex => {
                put("last_refresh", rfc3339(now).into());
                put("expired", expiry.into());
            }
            Channel::Vertex => {}
        }
        for (key, value) in &self.own {
            put(key, value.clone());
        }
        changes
    }

    fn own_text(&self, name: &str) -> Option<&str> {
        let found = self.own.iter().find(|(known, _)| *known == name);
        found.and_then(|(_, value)| value.as_str())
    }

    /// Whether `file` is a credential file of the same account.
    pub fn is_of_account(&self, file: &Map<String, Value>) -> bool {
        let of_file = |name: &str| {
            let text = file.get(name).and_then(Value::as_str).map(str::trim);
            text.filter(|text| !text.is_empty())
        };
        let kind = of_file("type").and_then(Channel::of_type);
        // What one of both does not say is no difference.
        let same = |own: Option<&str>, name: &str| match (own, of_file(name)) {
            (Some(own), Some(other)) => own.eq_ignore_ascii_case(other),
            _ => true,
        };
        let is_named = self.email.is_some() && of_file("email").is_some();
        kind == Some(self.channel)
            && match self.channel {
                Channel::Kimi => {
                    let device = self.own_text("device_id");
                    device.is_some() && device == of_file("device_id")
                }
                Channel::Vertex => {
                    let project = self.projects.first().map(String::as_str);
                    is_named
                        && same(self.email.as_deref(), "email")
                        && project == of_file("project_id")
                        && self.own_text("prefix") == of_file("prefix")
                }
                _ => {
                    let projects = self.projects.join(",");
                    let projects = Some(&*projects).filter(|projects| !projects.is_empty());
                    is_named
                        && same(self.email.as_deref(), "email")
                        && same(self.account_id.as_deref(), "account_id")
                        && same(self.own_text("organization_uuid"), "organization_uuid")
                        && same(projects, "project_id")
                }
            }
    }

    /// The name of its file, where it has none yet.
    pub fn file_name(&self, now: SystemTime) -> String {
        let email = self.email.as_deref().map(safe).unwrap_or_default();
        let name = match self.channel {
            Channel::Codex => match (self.plan.as_deref(), &self.account_id) {
                (Some("team"), Some(account)) => {
                    format!("codex-{}-{email}-team", short_hash(account))
                }
                (Some(plan), _) => format!("codex-{email}-{plan}"),
                (None, _) => format!("codex-{email}"),
            },
            Channel::GeminiCli => match &self.projects[..] {
                [] => format!("gemini-{email}"),
                [one] => format!("gemini-{email}-{}", safe(one)),
                _ => format!("gemini-{email}-all"),
            },
            Channel::Vertex => {
                let project = self.projects.first().map(|project| in_place(project));
                let project = project.unwrap_or_default();
                match self.own_text("prefix") {
                    Some(prefix) => format!("vertex-{}-{project}", in_place(prefix)),
                    None => format!("vertex-{project}"),
                }
            }
            Channel::Kimi => format!("kimi-{}", milliseconds(now)),
            Channel::Iflow => format!("iflow-{email}-{}", milliseconds(now) / 1000),
            Channel::Antigravity | Channel::Claude => format!("{}-{email}", self.channel.name()),
        };
        format!("{}.json", name.trim_end_matches('-'))
    }
}

/// The `type` of a channel's files.
fn file_type(channel: Channel) -> &'static str {
    match channel {
        Channel::GeminiCli => "gemini",
        channel => channel.name(),
    }
}

/// A part of a file's name without characters that a path or a shell takes for something else.
fn safe(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_@.-+".contains(c);
    let text = text.replace('*', "x");
    let text: String = text.chars().filter(|c| allowed(*c)).collect();
    text.trim_start_matches('.').to_owned()
}

fn in_place(text: &str) -> String {
    safe(&text.replace(['/', '\\', ':'], "_").replace(' ', "-"))
}

/// The first eight hexadecimal digits of the SHA-256.
fn short_hash(text: &str) -> String {
    let hash = digest(&SHA256, text.as_bytes());
    let start = hash.as_ref().iter().take(4);
    start.map(|byte| format!("{byte:02x}")).collect()
}

fn since_1970(moment: SystemTime) -> Duration {
    moment.duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn milliseconds(moment: SystemTime) -> u64 {
    u64::try_from(since_1970(moment).as_millis()).unwrap_or(u64::MAX)
}

fn rfc3339(moment: SystemTime) -> String {
    let seconds = i64::try_from(since_1970(moment).as_secs()).unwrap_or(i64::MAX);
    time::unix_to_rfc3339(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::credential::file::{self, FileKind, changed};

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(1_776_421_800_123)
    }

    fn login(channel: Channel) -> Login {
        Login {
            refresh: Some(Secret::new("refresh-1")),
            expiry: Some(now() + Duration::from_secs(3600)),
            email: Some("a@example.com".to_owned()),
            ..Login::new(channel, Secret::new("access-1"))
        }
    }

    #[test]
    fn every_file_is_read_back() {
        let secret = Secret::new("s");
        let issued_to = IssuedTo {
            client_id: "client",
            client_secret: Some(&secret),
            token_uri: "https://oauth2.googleapis.com/token",
        };
        for channel in Channel::ALL {
            let login = login(channel);
            let document = login.document(Some(&issued_to), now()).to_string();
            let read = file::read("x.json", document.as_bytes()).unwrap();
            assert_eq!(read.kind, FileKind::Known(channel));
            assert_eq!(read.settings.email, login.email);
            assert_eq!(
                read.tokens.access.as_ref(),
                Some(&login.access),
                "{channel:?}"
            );
            assert_eq!(read.tokens.refresh, login.refresh);
            if channel != Channel::Vertex {
                let expected = now() + Duration::from_secs(3600) - Duration::from_millis(123);
                assert_eq!(read.tokens.expiry, Some(expected), "{channel:?}");
            }
            let is_named = read.tokens.client.id.is_some();
            assert_eq!(is_named, channel == Channel::GeminiCli);
            let document: Map<String, Value> = serde_json::from_str(&document).unwrap();
            let is_known = channel != Channel::Kimi;
            assert_eq!(login.is_of_account(&document), is_known, "{channel:?}");
        }
    }

    #[test]
    fn files_have_the_names_that_the_reference_gives_them() {
        let named = |channel, change: &dyn Fn(&mut Login)| {
            let mut login = login(channel);
            change(&mut login);
            login.file_name(now())
        };
        let as_it_is = |_: &mut Login| {};
        for (name, expected) in [
            (
                named(Channel::Claude, &as_it_is),
                "claude-a@example.com.json",
            ),
            (named(Channel::Codex, &as_it_is), "codex-a@example.com.json"),
            (
                named(Channel::Codex, &|login| {
                    login.plan = Some("plus".to_owned())
                }),
                "codex-a@example.com-plus.json",
            ),
            (
                named(Channel::Codex, &|login| {
                    login.plan = Some("team".to_owned());
                    login.account_id = Some("abc".to_owned());
                }),
                "codex-ba7816bf-a@example.com-team.json",
            ),
            (
                named(Channel::GeminiCli, &as_it_is),
                "gemini-a@example.com.json",
            ),
            (
                named(Channel::GeminiCli, &|login| {
                    login.projects = vec!["p1".to_owned()]
                }),
                "gemini-a@example.com-p1.json",
            ),
            (
                named(Channel::GeminiCli, &|login| {
                    login.projects = vec!["p1".to_owned(), "p2".to_owned()];
                }),
                "gemini-a@example.com-all.json",
            ),
            (
                named(Channel::Antigravity, &as_it_is),
                "antigravity-a@example.com.json",
            ),
            (
                named(Channel::Antigravity, &|login| login.email = None),
                "antigravity.json",
            ),
            (named(Channel::Kimi, &as_it_is), "kimi-1776421800123.json"),
            (
                named(Channel::Iflow, &|login| {
                    login.email = Some("13*45 6".to_owned())
                }),
                "iflow-13x456-1776421800.json",
            ),
            (
                named(Channel::Vertex, &|login| {
                    login.projects = vec!["example.com:a b".to_owned()];
                }),
                "vertex-example.com_a-b.json",
            ),
            (
                named(Channel::Vertex, &|login| {
                    login.projects = vec!["p".to_owned()];
                    login.own.push(("prefix", "team".into()));
                }),
                "vertex-team-p.json",
            ),
            (
                named(Channel::Claude, &|login| {
                    login.email = Some("../../etc/passwd".to_owned());
                }),
                "claude-etcpasswd.json",
            ),
        ] {
            assert_eq!(name, expected);
        }
    }

    #[test]
    fn an_older_file_keeps_what_its_operator_wrote() {
        for (channel, old) in [
            (
                Channel::Claude,
                "{\n  \"type\": \"claude\",\n  \"email\": \"a@example.com\",\n  \"prefix\": \"mine\",\n  \"access_token\": \"old\"\n}",
            ),
            (
                Channel::GeminiCli,
                "{\"type\":\"gemini\",\"email\":\"a@example.com\",\"prefix\":\"mine\",\"access_token\":\"old\",\"expiry\":\"2020-01-01T00:00:00Z\",\"token\":{\"access_token\":\"old\"}}",
            ),
        ] {
            let login = login(channel);
            let before: Map<String, Value> = serde_json::from_str(old).unwrap();
            assert!(login.is_of_account(&before));
            let after = changed(old.as_bytes(), &login.changes(None, now())).unwrap();
            let read = file::read("x.json", &after).unwrap();
            assert_eq!(read.settings.prefix.as_deref(), Some("mine"));
            assert_eq!(read.tokens.access, Some(login.access.clone()));
            assert!(read.tokens.expiry > Some(now()));
            assert!(!String::from_utf8(after).unwrap().contains("old"));
        }
    }

    #[test]
    fn other_accounts_are_told_apart() {
        let own = |channel, change: &dyn Fn(&mut Login)| {
            let mut login = login(channel);
            change(&mut login);
            login
        };
        let team = own(Channel::Codex, &|login| {
            login.account_id = Some("one".to_owned())
        });
        let organization = own(Channel::Claude, &|login| {
            login.own.push(("organization_uuid", "one".into()));
        });
        let project = own(Channel::GeminiCli, &|login| {
            login.projects = vec!["one".to_owned()]
        });
        let kimi = own(Channel::Kimi, &|login| {
            login.own.push(("device_id", "one".into()))
        });
        let email = "a@example.com";
        for (login, file, expected) in [
            (
                &team,
                json!({"type": "codex", "email": email, "account_id": "one"}),
                true,
            ),
            (
                &team,
                json!({"type": "codex", "email": "A@Example.com"}),
                true,
            ),
            (
                &team,
                json!({"type": "codex", "email": email, "account_id": "two"}),
                false,
            ),
            (&team, json!({"type": "claude", "email": email}), false),
            (&team, json!({"type": "codex"}), false),
            (
                &organization,
                json!({"type": "claude", "email": email, "organization_uuid": "two"}),
                false,
            ),
            (
                &organization,
                json!({"type": "claude", "email": email}),
                true,
            ),
            (
                &organization,
                json!({"type": "claude", "email": "b@example.com"}),
                false,
            ),
            (
                &project,
                json!({"type": "gemini", "email": email, "project_id": "two"}),
                false,
            ),
            (
                &project,
                json!({"type": "gemini", "email": email, "project_id": ""}),
                true,
            ),
            (&kimi, json!({"type": "kimi", "device_id": "one"}), true),
            (&kimi, json!({"type": "kimi", "device_id": "two"}), false),
        ] {
            let members = file.as_object().unwrap();
            assert_eq!(login.is_of_account(members), expected, "{file}");
        }
    }
}
