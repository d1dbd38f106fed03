//! Parsing a request, in one pass over its body.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::{self, Finder};

use super::operation::Operation;
use crate::config::{AffinityMode, Routing};
use crate::exchange::Headers;
use crate::json::Span;
use crate::provider::Action;
use crate::relay::Rename;
use crate::routing::{Servers, UpstreamModel};
use crate::session::identity::{self, Identity};
use crate::session::prefix::Prefix;
use crate::session::scan;
use crate::translate::Form;
use crate::wire::Dialect;
use crate::wire::model_name::ModelName;
use crate::wire::problem::Problem;

/// A parsed request.
pub(super) struct ParsedRequest<'a> {
    /// The model as the client named it.
    pub model: Cow<'a, str>,
    pub model_span: Option<Span>,
    pub stream: bool,
    pub form: Form,
    pub identity: Identity,
    /// Whether the answer is to be stored (`store` of Responses).
    pub is_stored: bool,
    pub background: bool,
    /// `previous_response_id`.
    pub previous: Option<String>,
    pub needs: Needs,
    /// Hashes of the conversation's prefixes, if they identify the session.
    pub prefix: Prefix,
}

/// The credentials that can serve a request, and the error if none of them offers its model.
#[derive(Debug, Default)]
pub(super) struct Needs {
    pub servers: Servers,
    pub error: Option<Box<Problem>>,
}

impl Needs {
    /// Restricts the request to `servers`. One credential takes precedence over all that store answers, and the first
    /// credential over a second one.
    pub fn add(&mut self, servers: Servers, problem: Problem) {
        self.servers = match (self.servers, servers) {
            (known @ Servers::One(_), _) => known,
            (Servers::All | Servers::Keepers, servers) => servers,
        };
        self.error.get_or_insert_with(|| problem.into());
    }
}

impl<'a> ParsedRequest<'a> {
    /// # Errors
    /// When the request is invalid.
    #[inline(never)]
    pub fn parse(
        operation: &'a Operation<'_>,
        headers: &Headers,
        body: &[u8],
        routing: &Routing,
    ) -> Result<Self, Box<Problem>> {
        let scan = match wants_prefix(headers, routing) {
            true => scan::scan_with_turns(body),
            false => scan::scan(body),
        };
        let scan = scan.map_err(Problem::malformed_json)?;
        if !scan.is_object {
            let what = "Invalid request: the body is not a JSON object";
            return Err(Problem::invalid_request(what).into());
        }
        if let Some(name) = scan.duplicate {
            let what = format!("Invalid request: the body has more than one \"{name}\"");
            return Err(Problem::invalid_request(what).into());
        }
        if let Some(name) = scan.misspelt {
            let what = format!("Invalid request: the body has \"{name}\" in another spelling");
            return Err(Problem::invalid_request(what).into());
        }
        let identity = identity::identify(headers.iter(), &scan);
        let (model, stream) = match &operation.path {
            Some((model, stream)) => (Cow::Borrowed(model.as_ref()), *stream),
            None => {
                let field = scan.model.as_ref().ok_or_else(Problem::missing_model)?;
                let text = field.text.clone().ok_or_else(Problem::missing_model)?;
                // Owned: the body may be released before the answer ends.
                (Cow::Owned(text.into_owned()), scan.streams())
            }
        };
        if operation.action == Action::Compact && stream {
            return Err(Problem::compact_cannot_stream().into());
        }
        ModelName::parse(&model).map_err(|error| Problem {
            param: Some("model"),
            ..Problem::invalid_request(format!("Invalid model name: {error}"))
        })?;
        Ok(Self {
            model,
            model_span: scan.model.map(|field| field.span),
            stream: stream && operation.action == Action::Generate,
            form: form(operation, body),
            is_stored: scan.store != Some(false),
            background: scan.background == Some(true),
            previous: None,
            needs: Needs::default(),
            prefix: match identity.is_named {
                true => Prefix::default(),
                false => scan.turns.prefix(),
            },
            identity,
        })
    }

    /// The model's two names, if the client and the upstream use different ones.
    pub fn rename<'m>(&'m self, upstream_model: &'m UpstreamModel) -> Option<Rename<'m>> {
        let client = self.shown_model(upstream_model);
        (*upstream_model.name != *client).then_some(Rename {
            upstream: &upstream_model.name,
            client,
        })
    }

    /// The model's name in answers.
    pub fn shown_model<'m>(&'m self, upstream_model: &'m UpstreamModel) -> &'m str {
        upstream_model.alias.as_deref().unwrap_or(&self.model)
    }
}

/// Whether the session may have to be identified by the conversation's prefixes.
fn wants_prefix(headers: &Headers, routing: &Routing) -> bool {
    routing.session_affinity
        && routing.session_affinity_mode == AffinityMode::Prefix
        && !identity::is_named_by(headers.iter())
}

/// The form of the body. Some clients send a Responses body to `/v1/chat/completions`.
fn form(operation: &Operation<'_>, body: &[u8]) -> Form {
    static MESSAGES: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"messages\""));
    let has = |key: &str| memmem::find(body, key.as_bytes()).is_some();
    let is_usual_chat = operation.dialect == Dialect::Chat && operation.form == Form::Usual;
    if is_usual_chat
        && MESSAGES.find(body).is_none()
        && (has("\"input\"") || has("\"instructions\""))
    {
        return Form::ResponsesBody;
    }
    operation.form
}
