//! A request to translate.

use super::neutral::lazy::LazyObject;
use super::neutral::place::{Direction, check_choices};
use super::neutral::request::Request;
use super::neutral::untranslatable::{MOST_TURNS, Untranslatable, too_many};
use super::{chat, gemini, messages, responses};
use crate::reasoning::ReasoningSupport;
use crate::wire::Dialect;

/// The form in which a client writes its dialect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    #[default]
    Usual,
    /// Chat: `/v1/completions` with a prompt.
    Completions,
    /// Chat: a body as for Responses, answered as a chat.
    ResponsesBody,
}

/// A client's request for an upstream of another dialect.
#[derive(Clone, Copy, Debug)]
pub struct TranslationInput<'a> {
    pub client: Dialect,
    pub form: Form,
    pub upstream: Dialect,
    pub body: &'a [u8],
    /// As the client named it.
    pub model: &'a str,
    /// As the upstream calls it.
    pub upstream_model: &'a str,
    pub stream: bool,
    /// The reasoning effort in the name of the model: the value of `model(value)`.
    pub suffix: Option<&'a str>,
    /// What reasoning the upstream's model supports, where more is known than its name.
    pub support: Option<&'a ReasoningSupport>,
    /// Unique to the request; ids are made from it.
    pub seed: &'a str,
    /// Seconds since 1970.
    pub now: u64,
}

/// Reads a request into the neutral form.
///
/// # Errors
/// When it cannot be translated.
pub fn read_request<'a>(
    ask: &TranslationInput<'a>,
    body: LazyObject<'a>,
) -> Result<Request<'a>, Untranslatable> {
    let direction = Direction {
        client: ask.client,
        upstream: ask.upstream,
    };
    let mut request = match (ask.client, ask.form) {
        (_, Form::Completions) => chat::completions::request(body),
        (_, Form::ResponsesBody) => responses::read::request(body, direction),
        (Dialect::Chat, _) => chat::read::request(body, direction),
        (Dialect::Responses, _) => responses::read::request(body, direction),
        (Dialect::Messages, _) => messages::read::request(body, direction),
        (Dialect::Gemini, _) => gemini::read::request(body, direction, ask.model, ask.stream),
    }?;
    check_choices(&request, direction)?;
    if request.turns.len() > MOST_TURNS {
        return Err(too_many("the conversation", MOST_TURNS));
    }
    request.turns.shrink_to_fit();
    Ok(request)
}
