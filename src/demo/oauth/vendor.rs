//! What differs between the vendors' authorization servers.

use std::sync::Arc;

/// Whose authorization server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vendor {
    Claude,
    Codex,
    /// Gemini CLI, Antigravity and service accounts.
    Google,
    Kimi,
    Iflow,
}

/// An account with a vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name under which the upstreams know the account.
    pub email: String,
    /// The vendor's id of it.
    pub id: String,
    pub plan: String,
    /// Google Cloud projects.
    pub projects: Vec<String>,
}

impl Person {
    /// An account whose id follows from its mail address.
    pub fn new(email: &str) -> Self {
        Self {
            email: email.to_owned(),
            id: format!("id-{}", email.replace(['@', '.'], "-")),
            plan: "plus".to_owned(),
            projects: Vec::new(),
        }
    }
}

impl Vendor {
    pub const ALL: [Self; 5] = [
        Self::Claude,
        Self::Codex,
        Self::Google,
        Self::Kimi,
        Self::Iflow,
    ];

    /// Where it issues tokens.
    pub fn token_path(self) -> &'static str {
        match self {
            Self::Claude => "/v1/oauth/token",
            Self::Codex | Self::Iflow => "/oauth/token",
            Self::Google => "/token",
            Self::Kimi => "/api/oauth/token",
        }
    }

    /// Where its users consent.
    pub fn authorization_paths(self) -> &'static [&'static str] {
        match self {
            Self::Claude | Self::Codex => &["/oauth/authorize"],
            Self::Google => &["/o/oauth2/auth", "/o/oauth2/v2/auth"],
            Self::Iflow => &["/oauth"],
            Self::Kimi => &[],
        }
    }

    /// The client that is known from the start, and its secret.
    pub fn client(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Claude => ("demo-claude", None),
            Self::Codex => ("demo-codex", None),
            Self::Google => ("demo-google", Some("demo-google-secret")),
            Self::Kimi => ("demo-kimi", None),
            Self::Iflow => ("demo-iflow", Some("demo-iflow-secret")),
        }
    }

    /// How long an access token is valid, seconds.
    pub(super) fn lifetime(self) -> u64 {
        match self {
            Self::Claude => 8 * 3600,
            Self::Codex => 10 * 86_400,
            Self::Google => 3599,
            Self::Kimi => 900,
            Self::Iflow => 2 * 86_400,
        }
    }

    /// Whether a refresh token is valid once only.
    pub(super) fn rotates(self) -> bool {
        self != Self::Google
    }

    pub(super) fn requires_challenge(self) -> bool {
        matches!(self, Self::Claude | Self::Codex)
    }

    /// Whether a client may ask for codes to be sent to `uri`.
    pub(super) fn takes_redirect(self, uri: &str) -> bool {
        let local = |path: &str| {
            let rest = uri.strip_prefix("http://localhost:");
            let rest = rest.or_else(|| uri.strip_prefix("http://127.0.0.1:"));
            rest.and_then(|rest| rest.split_once('/'))
                .is_some_and(|(port, rest)| {
                    port.parse::<u16>().is_ok() && (path.is_empty() || rest == path)
                })
        };
        match self {
            Self::Claude => uri == "http://localhost:54545/callback",
            Self::Codex => uri == "http://localhost:1455/auth/callback",
            Self::Google => local(""),
            Self::Iflow => local("oauth2callback"),
            Self::Kimi => false,
        }
    }
}

/// What an access token is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bearer {
    Valid(Arc<Person>),
    Expired(Arc<Person>),
    Revoked(Arc<Person>),
}
