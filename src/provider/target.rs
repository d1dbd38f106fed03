//! What a call is made of: which upstream, which operation, what the client sent.

use http::Method;

use crate::config::{self, Config, Secret};
use crate::credential::Credential;
use crate::credential::UpstreamKind;
use crate::exchange::Waiter;
use crate::json::Span;

/// The proxy a call goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxySetting<'a> {
    /// That of the environment, if it names one.
    Inherit,
    /// None.
    Direct,
    /// `http://`, `https://`, `socks5://` or `socks5h://`.
    Url(&'a str),
}

/// The upstream of a call, as one credential presents itself to it.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    pub kind: UpstreamKind,
    /// Where the paths of the kind are appended. Empty for the vendor's own.
    pub base_url: &'a str,
    pub key: Option<&'a Secret>,
    /// The credential's own headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// Headers for a client that does not send them, names in lower case.
    pub defaults: &'a [(&'static str, String)],
    pub proxy: ProxySetting<'a>,
}

/// What an upstream is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// An answer.
    Generate,
    /// The number of tokens of a request.
    Count,
    /// A shorter form of a conversation (Responses).
    Compact,
    /// Something about an answer that it keeps (Responses). There is no body.
    Stored(Stored<'a>),
    /// The list of models, or a page of it, by what the query says of the page. There is no body.
    Models(&'a str),
}

/// What is asked about an answer that an upstream of Responses keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored<'a> {
    pub verb: Verb,
    /// Behind `/responses/`, query included.
    pub path: &'a str,
}

/// The method of a call that is about a kept answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Get,
    Delete,
    Post,
}

/// One call of an upstream.
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
    /// Where the value of the body's `model` stands, quotes included.
    pub model_span: Option<Span>,
    /// The client's headers, names in any case.
    pub client_headers: &'a [(&'a str, &'a str)],
    /// The client's `alt` query parameter, else its `$alt`.
    pub alt: Option<&'a str>,
    /// Whether the body has the upstream's flavour already: then only what must be is forced on it.
    pub is_flavoured: bool,
    /// Through which all its waits go.
    pub waiter: &'a Waiter,
}

impl<'a> Target<'a> {
    /// The upstream as `credential` presents itself to it. `headers` are its own, see
    /// [`Credential::headers_for`]; what it does not say is as `config` says.
    pub fn of(
        credential: &'a Credential,
        headers: &'a [(&'a str, &'a str)],
        config: &'a Config,
    ) -> Self {
        let kind = UpstreamKind::of(&credential.provider);
        let proxy = match (&credential.proxy, &config.proxy_url) {
            (config::ProxySetting::Inherit, global) => global,
            (own, _) => own,
        };
        Self {
            kind,
            base_url: &credential.base_url,
            key: credential.key.as_ref(),
            headers,
            defaults: match kind {
                UpstreamKind::Claude => &config.claude_headers,
                UpstreamKind::Gemini
                | UpstreamKind::Vertex
                | UpstreamKind::Codex
                | UpstreamKind::Compat => &[],
            },
            proxy: match proxy {
                config::ProxySetting::Inherit => ProxySetting::Inherit,
                config::ProxySetting::Direct => ProxySetting::Direct,
                config::ProxySetting::Url(url) => ProxySetting::Url(url.reveal()),
            },
        }
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
    /// One that asks for the list of models, or for a page of it.
    pub fn of_models(target: Target<'a>, page: &'a str, waiter: &'a Waiter) -> Self {
        Self {
            target,
            model: "",
            action: Action::Models(page),
            stream: false,
            body: &[],
            model_span: None,
            client_headers: &[],
            alt: None,
            is_flavoured: false,
            waiter,
        }
    }

    /// The method of the request that it is.
    pub fn method(&self) -> Method {
        match self.action {
            Action::Stored(stored) => stored.verb.method(),
            Action::Models(_) => Method::GET,
            Action::Generate | Action::Count | Action::Compact => Method::POST,
        }
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
