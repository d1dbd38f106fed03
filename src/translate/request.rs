//! Requests, from the client's dialect to the upstream's.

use std::collections::HashMap;
use std::sync::Arc;

use super::arguments::Arguments;
use super::chat::write::ChatQuirks;
use super::context::TranslationContext;
use super::input::{Form, TranslationInput, read_request};
use super::neutral::answer::Head;
use super::neutral::ids::{ClientCallIds, Mint};
use super::neutral::names::Names;
use super::neutral::prefill::{self, PrefillFilter, PrefillSupport};
use super::neutral::untranslatable::MOST_TREE;
use super::neutral::{LazyObject, Part, Request, Untranslatable, lazy, schema};
use super::signature_cache::{self, SignatureCache, SignatureRecorder};
use super::{chat, gemini, messages, openai, responses, tool_choice};
use crate::reasoning::{self, Effort, Level, ReasoningRequest, Target};
use crate::wire::Dialect;

/// A request in the upstream's dialect.
#[derive(Clone, Debug)]
pub struct Translated {
    pub body: Vec<u8>,
    /// For the translation of the answer.
    pub context: TranslationContext,
    /// Short names of what was left out of the client's request; the client is told.
    pub dropped: Vec<String>,
    /// Types of items that the upstream gets as text.
    pub reworded: Vec<String>,
}

/// The memory, in bytes, that translating a body of this size for `upstream` may take beside the body, the translated
/// body included.
///
/// Measured in `tests/translation_memory.rs`: at most three times the body; nearly four times for hundreds of thousands
/// of messages of one letter, and five and a half times for tens of thousands of such parts in one message. The limits on
/// both keep the excess below 16 MiB. A schema that is parsed into a tree takes about twenty times its size, and has its
/// own limit.
pub fn memory_needed(upstream: Dialect, body: usize) -> usize {
    const TINY_MESSAGES: usize = 16 * 1024 * 1024;
    const TINY_PARTS: usize = 2 * 1024 * 1024;
    const TREE: usize = 24;
    // While a schema is merged, there are two trees.
    let trees = match upstream {
        Dialect::Gemini => TREE * body.min(MOST_TREE),
        _ => 2 * TREE * body.min(schema::most_tree(upstream)),
    };
    body.saturating_mul(3)
        .saturating_add(body.min(TINY_MESSAGES))
        .saturating_add(2 * body.min(TINY_PARTS))
        .saturating_add(trees)
}

/// Translates a request.
///
/// # Errors
/// When the client's body cannot be read, or cannot be expressed in the upstream's dialect.
pub fn request(input: &TranslationInput<'_>) -> Result<Translated, Untranslatable> {
    request_with(input, None, ChatQuirks::default())
}

/// As [`request`]. Signatures that the client has dropped come from `cache`, and those of the answer are stored there.
/// `quirks` are those of the provider.
///
/// # Errors
/// See [`request`].
pub fn request_with(
    input: &TranslationInput<'_>,
    cache: Option<Arc<dyn SignatureCache>>,
    quirks: ChatQuirks,
) -> Result<Translated, Untranslatable> {
    let upstream = input.upstream;
    let body = lazy::open(input.body)?;
    let mut echo = match input.client {
        Dialect::Responses => responses::echo::echo(&body),
        _ => Vec::new(),
    };
    let wanted = reasoning_request(input, &body)?;
    let mut request = read_request(input, body)?;
    if let Some(cache) = &cache {
        signature_cache::restore(&mut request, upstream, cache.as_ref());
    }
    tool_choice::enable_image_output(&mut request, upstream, input.upstream_model);
    let mut dropped = tool_choice::settle(&mut request, input.client, upstream)?;
    responses::echo::remove_tools(&dropped, &mut echo);

    let support = input
        .support
        .or_else(|| reasoning::support(input.upstream_model));
    let target = Target::new(input.client, upstream, support);
    let suffix = input.suffix.and_then(Effort::of_suffix);
    let reasoning =
        reasoning::settle(wanted, suffix, target).map_err(|why| Untranslatable::new("", why))?;
    let prefill = settle_prefill(input, &mut request, reasoning, &mut dropped);
    drop_refused_settings(input, &mut request, reasoning, &mut dropped);

    let reworded = std::mem::take(&mut request.reworded);
    let has_max_tokens = request.sampling.max_tokens.is_some();
    let names = Names::new(upstream, tool_names(&request));
    let wraps_custom_tools = match upstream {
        Dialect::Chat => quirks.custom_tools == openai::CustomTools::AsFunctions,
        Dialect::Responses => quirks.has_functions_only,
        Dialect::Messages | Dialect::Gemini => true,
    };
    let context = TranslationContext {
        client: input.client,
        form: input.form,
        upstream,
        head: Head {
            id: String::new(),
            created: input.now,
            model: input.model.to_owned(),
            custom_tools: custom_tools(&request),
            namespaces: namespaces(&request),
            include_usage: request.include_usage,
            echo,
        },
        mint: Mint::new(input.seed),
        call_ids: ClientCallIds::after(input.client, &request.turns),
        arguments: Arguments::new(&request, input.client, upstream, wraps_custom_tools)
            .with_placeholders(quirks.has_placeholders, &request),
        signatures: cache.map(|cache| SignatureRecorder::new(upstream, cache)),
        prefill,
        names,
    };

    let (model, names) = (input.upstream_model, &context.names);
    let max_output = support.and_then(|support| support.max_output);
    let mut body = match upstream {
        Dialect::Chat => chat::write::request(request, model, names, quirks),
        Dialect::Responses => {
            if quirks.has_functions_only {
                openai::as_functions(&mut request);
            }
            responses::write::request(request, model, names)
        }
        Dialect::Messages => messages::write::request(request, model, names, max_output),
        Dialect::Gemini => gemini::write::request(request, model, names),
    }?;
    if !has_max_tokens && upstream == Dialect::Messages {
        // The default that the writer filled in must not limit the thinking budget; it is filled in again.
        body.shift_remove("max_tokens");
    }
    reasoning::write(upstream, reasoning, support, &mut body);
    if upstream == Dialect::Messages {
        messages::tool_loop::settle_thinking(&mut body);
    }
    Ok(Translated {
        body: body.into_text()?,
        context,
        dropped,
        reworded,
    })
}

/// The reasoning that the client asks for.
fn reasoning_request(
    input: &TranslationInput<'_>,
    body: &LazyObject<'_>,
) -> Result<ReasoningRequest, Untranslatable> {
    let dialect = match input.form {
        Form::Usual => input.client,
        Form::ResponsesBody => Dialect::Responses,
        Form::Completions => return Ok(with_default(input, ReasoningRequest::default())),
    };
    let settings = body.settings(&reasoning::SETTINGS);
    let wanted = reasoning::read(dialect, &settings).map_err(|why| Untranslatable::new("", why))?;
    Ok(with_default(input, wanted))
}

/// Fills in the effort that Codex asks for where the client asks for none.
fn with_default(input: &TranslationInput<'_>, wanted: ReasoningRequest) -> ReasoningRequest {
    if input.upstream != Dialect::Responses || input.client == Dialect::Responses {
        return wanted;
    }
    ReasoningRequest {
        effort: wanted.effort.or(Some(Effort::Level(Level::Medium))),
        ..wanted
    }
}

/// Removes the prefill where the model refuses one. Returns the filter for an answer that begins anew.
fn settle_prefill(
    input: &TranslationInput<'_>,
    request: &mut Request<'_>,
    reasoning: ReasoningRequest,
    dropped: &mut Vec<String>,
) -> Option<PrefillFilter> {
    let prefill = prefill::text(&request.turns)?;
    let is_thinking = reasoning
        .effort
        .is_some_and(|effort| effort != Effort::None);
    match PrefillSupport::of(input.upstream, input.upstream_model, is_thinking) {
        PrefillSupport::Continued => {
            prefill::trim(&mut request.turns);
            return None;
        }
        PrefillSupport::NewAnswer => {}
        PrefillSupport::Refused => {
            prefill::remove(&mut request.turns);
            dropped.push("prefill".to_owned());
        }
    }
    PrefillFilter::new(&prefill)
}

/// Drops settings that the vendor of the upstream's dialect refuses.
fn drop_refused_settings(
    input: &TranslationInput<'_>,
    request: &mut Request<'_>,
    reasoning: ReasoningRequest,
    dropped: &mut Vec<String>,
) {
    match input.upstream {
        Dialect::Messages => {
            let count = request.stop.len();
            request.stop.retain(|stop| !stop.trim().is_empty());
            if request.stop.len() < count {
                dropped.push("stop".to_owned());
            }
        }
        Dialect::Chat | Dialect::Responses => {
            let is_thinking = reasoning.effort != Some(Effort::None);
            let sampling = openai::drop_sampling(request, input.upstream_model, is_thinking);
            dropped.extend(sampling);
        }
        Dialect::Gemini => {}
    }
}

/// The names of all tools, in the order of the request.
fn tool_names<'r>(request: &'r Request<'_>) -> Vec<&'r str> {
    let called = request.turns.iter().flat_map(|turn| &turn.parts);
    let called = called.filter_map(|part| match part {
        Part::ToolCall(call) => Some(call.name.as_str()),
        _ => None,
    });
    let defined = request.tools.iter().map(|tool| tool.name.as_str());
    defined.chain(called).collect()
}

fn custom_tools(request: &Request) -> Vec<String> {
    let custom = request.tools.iter().filter(|tool| tool.is_custom);
    custom.map(|tool| tool.name.clone()).collect()
}

fn namespaces(request: &Request) -> HashMap<String, (String, String)> {
    let tools = request.tools.iter();
    tools
        .filter_map(|tool| Some((tool.name.clone(), tool.namespace.clone()?)))
        .collect()
}
