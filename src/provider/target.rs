//! The parts of a call: upstream, operation and the client's request.

use http::Method;

use crate::config::{self, Config, Secret};
use crate::credential::{Account, Credential, UpstreamKind};
use crate::exchange::Waiter;
use crate::failure::Failure;
use crate::json::Span;

/// The proxy a call goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxySetting<'a> {
    /// The proxy of the environment, if any.
    Inherit,
    /// None.
    Direct,
    /// `http://`, `https://`, `socks5://` or `socks5h://`.
    Url(&'a str),
}

/// The upstream of a call, for one credential.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    pub kind: UpstreamKind,
    /// The base URL. Empty for the vendor's own.
    pub base_url: &'a str,
    pub key: Option<&'a Secret>,
    /// The account of a credential file.
    pub account: Option<&'a Account>,
    /// The credential's own headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// Default headers for a client that does not send them, with names in lower case.
    pub defaults: &'a [(&'static str, String)],
    pub proxy: ProxySetting<'a>,
}

/// The operation of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// Generate an answer.
    Generate,
    /// Count the tokens of a request.
    Count,
    /// Compact a conversation (Responses).
    Compact,
    /// Access a stored response (Responses). There is no body.
    Stored(Stored<'a>),
    /// Get a page of the list of models, by its query. There is no body.
    Models(&'a str),
    /// Call another method of Code Assist, by its name and query.
    Forward(&'a str),
}

/// An operation on a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored<'a> {
    pub verb: Verb,
    /// The path after `/responses/`, with the query.
    pub path: &'a str,
}

/// The method of such an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Get,
    Delete,
    Post,
}

/// A call of an upstream.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    pub target: Target<'a>,
    /// The model's name at the upstream.
    pub model: &'a str,
    pub action: Action<'a>,
    /// Whether the client wants a stream.
    pub stream: bool,
    /// The client's body.
    pub body: &'a [u8],
    /// The position of the value of the body's `model`, including quotes.
    pub model_span: Option<Span>,
    /// The client's session, if it has a name.
    pub session: Option<&'a str>,
    /// Whether the account's credits may be spent (Antigravity).
    pub credits: bool,
    /// The client's headers, names in any case.
    pub client_headers: &'a [(&'a str, &'a str)],
    /// The client's `alt` query parameter, else its `$alt`.
    pub alt: Option<&'a str>,
    /// Whether the body was already prepared for the upstream; then only mandatory changes are made.
    pub is_flavoured: bool,
    /// Whether the body was translated from another dialect.
    pub is_translated: bool,
    /// The waiter for all its waits.
    pub waiter: &'a Waiter,
}

impl<'a> ProxySetting<'a> {
    /// A credential's own setting, else that of the configuration.
    pub fn of(own: &'a config::ProxySetting, config: &'a Config) -> Self {
        let setting = match (own, &config.proxy_url) {
            (config::ProxySetting::Inherit, global) => global,
            (own, _) => own,
        };
        match setting {
            config::ProxySetting::Inherit => Self::Inherit,
            config::ProxySetting::Direct => Self::Direct,
            config::ProxySetting::Url(url) => Self::Url(url.reveal()),
        }
    }
}

impl<'a> Target<'a> {
    /// The base URL, or the vendor's own.
    pub fn base_or(&self, vendors: &'a str) -> &'a str {
        match self.base_url {
            "" => vendors,
            base => base,
        }
    }

    /// The upstream of `credential`. `headers` are the credential's, see [`Credential::headers_for`]; `config` has the
    /// defaults.
    pub fn of(
        credential: &'a Credential,
        headers: &'a [(&'a str, &'a str)],
        config: &'a Config,
    ) -> Self {
        let kind = UpstreamKind::of(&credential.provider);
        Self {
            kind,
            base_url: &credential.base_url,
            key: credential.key.as_ref(),
            account: credential.account.as_ref(),
            headers,
            defaults: match kind {
                UpstreamKind::Claude => &config.claude_headers,
                // Those of logins, as CLIProxyAPI has them.
                UpstreamKind::Codex if credential.account.is_some() => &config.codex_headers.http,
                UpstreamKind::Gemini
                | UpstreamKind::Vertex
                | UpstreamKind::GeminiCli
                | UpstreamKind::Antigravity
                | UpstreamKind::Kimi
                | UpstreamKind::KimiMessages
                | UpstreamKind::Iflow
                | UpstreamKind::Xai
                | UpstreamKind::Codex
                | UpstreamKind::Compat => &[],
            },
            proxy: ProxySetting::of(&credential.proxy, config),
        }
    }

    /// The vendor's upstream of a kind, for requests with the client's own credential.
    pub fn without_credential(kind: UpstreamKind, config: &'a Config) -> Self {
        Self {
            kind,
            base_url: "",
            key: None,
            account: None,
            headers: &[],
            defaults: &[],
            proxy: ProxySetting::of(&config.proxy_url, config),
        }
    }
}

impl Action<'_> {
    /// The failure of an upstream that does not have it.
    pub fn unsupported(self) -> Failure {
        Failure::unsupported(match self {
            Self::Generate => "generating an answer",
            Self::Count => "token counting",
            Self::Compact => "compaction",
            Self::Stored(_) => "keeping answers",
            Self::Models(_) => "a list of models",
            Self::Forward(_) => "this method",
        })
    }
}

impl Verb {
    pub fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Delete => Method::DELETE,
            Self::Post => Method::POST,
        }
    }
}

impl<'a> Call<'a> {
    /// A call for a page of the list of models.
    pub fn of_models(target: Target<'a>, page: &'a str, waiter: &'a Waiter) -> Self {
        Self {
            target,
            model: "",
            action: Action::Models(page),
            stream: false,
            body: &[],
            model_span: None,
            session: None,
            credits: false,
            client_headers: &[],
            alt: None,
            is_flavoured: false,
            is_translated: false,
            waiter,
        }
    }

    /// The method of the request.
    pub fn method(&self) -> Method {
        match self.action {
            Action::Stored(stored) => stored.verb.method(),
            Action::Models(_) => match self.target.kind {
                // Code Assist has procedures instead of resources.
                UpstreamKind::GeminiCli | UpstreamKind::Antigravity => Method::POST,
                _ => Method::GET,
            },
            Action::Generate | Action::Count | Action::Compact | Action::Forward(_) => Method::POST,
        }
    }

    /// Whether it is for a model of Imagen, which draws pictures and has a form of its own.
    pub fn draws(&self) -> bool {
        self.target.kind == UpstreamKind::Vertex
            && self.action == Action::Generate
            && self.model.to_ascii_lowercase().contains("imagen")
    }

    /// The client's header of that name; the first one, if there are several.
    pub fn client_header(&self, name: &str) -> Option<&'a str> {
        self.client_headers_named(name).next()
    }

    /// The client's headers of that name.
    pub fn client_headers_named(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = move |header: &&(&str, &str)| header.0.eq_ignore_ascii_case(name);
        self.client_headers
            .iter()
            .filter(named)
            .map(|header| header.1)
    }
}
