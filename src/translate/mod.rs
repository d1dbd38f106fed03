//! From one dialect to another, by the neutral form: requests on their way to an upstream, answers on their way
//! back. Pure: no I/O.

mod arguments;
pub mod chat;
mod content_parts;
pub mod gemini;
pub mod messages;
pub mod neutral;
mod openai;
#[allow(
    clippy::indexing_slicing,
    reason = "Only members of objects that are made there are set"
)]
pub mod responses;
pub mod signature_cache;
mod tool_choice;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::reasoning::{self, Effort, Level, ReasoningRequest, ReasoningSupport, Target};
use crate::wire::Dialect;
use crate::wire::problem::{self, ErrorStatus, Problem};
use crate::wire::usage::{Meter, Usage};
use arguments::Arguments;
pub use chat::write::{Known, TextTools};
use neutral::answer::{Answer, Ending, Head};
use neutral::capabilities::Direction;
use neutral::ids::{self, Mint, Shown};
use neutral::json_text::MOST_TREE;
use neutral::names::Names;
use neutral::prefill::{self, Join, Use};
use neutral::turn::{MOST_TURNS, too_many};
use neutral::{
    Event, Json, Object, Part, Request, Untranslatable, capabilities, estimate, fold, given,
};
use signature_cache::{Keeper, SignatureCache};

/// How a client writes its dialect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    #[default]
    Usual,
    /// Chat: `/v1/completions` with a prompt.
    Completions,
    /// Chat: a body as for Responses, to be answered as a chat (spec/http.md 6.1).
    ResponsesBody,
}

/// A request of a client that an upstream of another dialect is to answer.
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
    /// How much the model is to think, where its name says so: the value of `model(value)`.
    pub suffix: Option<&'a str>,
    /// What the upstream's model can, where more is known than its name says.
    pub support: Option<&'a ReasoningSupport>,
    /// Unique to the request: ids are made from it.
    pub seed: &'a str,
    /// Seconds since 1970.
    pub now: u64,
}

/// A request in the upstream's dialect, and what its answer must be read with.
#[derive(Clone, Debug)]
pub struct Translated {
    pub body: Vec<u8>,
    pub context: TranslationContext,
    /// What of the client's request was left out, in short names that the client is told.
    pub dropped: Vec<String>,
    /// Types of items that the upstream is told as text.
    pub reworded: Vec<String>,
}

/// What it takes to bring an answer back.
#[derive(Clone, Debug)]
pub struct TranslationContext {
    client: Dialect,
    form: Form,
    upstream: Dialect,
    names: Names,
    head: Head,
    mint: Mint,
    shown: Shown,
    arguments: Arguments,
    keeper: Option<Keeper>,
    /// Where the client has the beginning of the answer already.
    join: Option<Join>,
}

impl TranslationContext {
    /// For an answer that is in the client's own dialect but was to be a stream. `seed` and `now` (seconds since
    /// 1970) are for what it does not say.
    pub fn straight(dialect: Dialect, model: &str, seed: &str, now: u64) -> Self {
        Self {
            client: dialect,
            form: Form::Usual,
            upstream: dialect,
            names: Names::new(dialect, []),
            head: Head {
                created: now,
                model: model.to_owned(),
                ..Head::default()
            },
            mint: Mint::new(seed),
            shown: Shown::as_they_are(),
            arguments: Arguments::default(),
            keeper: None,
            join: None,
        }
    }

    /// For an answer of another dialect to a request that is not at hand.
    #[cfg(test)]
    pub fn between(upstream: Dialect, client: Dialect, model: &str) -> Self {
        Self {
            upstream,
            ..Self::straight(client, model, "seed", 1)
        }
    }

    pub fn upstream(&self) -> Dialect {
        self.upstream
    }

    /// Has the answer repeat a member that the request had before it was translated (Responses).
    pub fn repeat(&mut self, key: &'static str, value: &str) {
        self.head.echo.push((key, Json::of(value)));
    }

    /// Gives what the client is told for an event: calls of tools have the name by which it knows the tool, an id that
    /// it has not seen, and arguments that fit its own schema; of the text what it does not have already.
    fn restore(&mut self, mut event: Event, each: &mut impl FnMut(Event)) {
        match &mut event {
            Event::ToolStart { id, name, .. } => {
                *id = self.shown.show(id, &mut self.mint);
                *name = self.names.original(name).to_owned();
            }
            Event::TextDelta { choice, text, .. } => {
                if let Some(join) = &mut self.join {
                    *text = join.told(*choice, std::mem::take(text));
                }
            }
            _ => {}
        }
        if let Some(keeper) = &mut self.keeper {
            keeper.see(&event);
        }
        self.arguments.take(event, each);
    }
}

/// Bytes that translating a body of so many for `upstream` may take beside the body, the translated one included.
///
/// Measured (`tests/translation_memory.rs`), it is at most three times the body, nearly four times where that is
/// hundreds of thousands of messages of one letter, and five and a half times where it is tens of thousands of such
/// pieces in one message; of either, 16 MiB are more than there may be. A schema that becomes a tree takes some twenty
/// times its size, and has its own bound.
pub fn memory_needed(upstream: Dialect, body: usize) -> usize {
    const TINY_MESSAGES: usize = 16 * 1024 * 1024;
    const TINY_PIECES: usize = 2 * 1024 * 1024;
    const TREE: usize = 24;
    // Of a schema that is folded there are two for a moment.
    let trees = match upstream {
        Dialect::Gemini => TREE * body.min(MOST_TREE),
        _ => 2 * TREE * body.min(fold::most_tree(upstream)),
    };
    body.saturating_mul(3)
        .saturating_add(body.min(TINY_MESSAGES))
        .saturating_add(2 * body.min(TINY_PIECES))
        .saturating_add(trees)
}

/// Translates a request.
///
/// # Errors
/// When the client's body cannot be read, or says what the upstream could not be told.
pub fn request(ask: &TranslationInput<'_>) -> Result<Translated, Untranslatable> {
    remembering(ask, None)
}

/// As [`request`]; signatures that the client has dropped come from `memory`, and those of the answer go there.
///
/// # Errors
/// See [`request`].
pub fn remembering(
    ask: &TranslationInput<'_>,
    memory: Option<Arc<dyn SignatureCache>>,
) -> Result<Translated, Untranslatable> {
    for_provider(ask, memory, Known::default())
}

/// As [`remembering`], for a provider of whom more is known than its dialect.
///
/// # Errors
/// See [`request`].
pub fn for_provider(
    ask: &TranslationInput<'_>,
    memory: Option<Arc<dyn SignatureCache>>,
    known: Known,
) -> Result<Translated, Untranslatable> {
    let body = given::open(ask.body)?;
    let mut echo = match ask.client {
        Dialect::Responses => responses::echo::echo(&body),
        _ => Vec::new(),
    };
    let refused = |why: String| Untranslatable::new("", why);
    let settings = body.settings(&reasoning::SETTINGS);
    let mut wanted = match ask.form {
        Form::Usual => reasoning::read(ask.client, &settings).map_err(refused)?,
        Form::ResponsesBody => reasoning::read(Dialect::Responses, &settings).map_err(refused)?,
        Form::Completions => ReasoningRequest::default(),
    };
    if ask.upstream == Dialect::Responses && ask.client != Dialect::Responses {
        // What Codex does of its own accord (spec/dialects.md 3.2).
        wanted.effort = wanted.effort.or(Some(Effort::Level(Level::Medium)));
    }
    let mut request = read(ask, body)?;
    if let Some(memory) = &memory {
        signature_cache::restore(&mut request, ask.upstream, memory.as_ref());
    }
    tool_choice::draw(&mut request, ask.upstream, ask.upstream_model);
    let mut dropped = tool_choice::settle(&mut request, ask.client, ask.upstream)?;
    responses::echo::leave_out(&dropped, &mut echo);
    let support = ask
        .support
        .or_else(|| reasoning::support(ask.upstream_model));
    let target = Target::new(ask.client, ask.upstream, support);
    let effort = ask.suffix.and_then(Effort::of_suffix);
    let settled = reasoning::settle(wanted, effort, target).map_err(refused)?;
    let join = prefill(ask, &mut request, settled, &mut dropped);
    if ask.upstream == Dialect::Messages {
        // The vendor refuses them, and others do not.
        let count = request.stop.len();
        request.stop.retain(|stop| !stop.trim().is_empty());
        if request.stop.len() < count {
            dropped.push("stop".to_owned());
        }
    }
    let is_openais = matches!(ask.upstream, Dialect::Chat | Dialect::Responses);
    if is_openais {
        let thinks = settled.effort != Some(Effort::None);
        dropped.extend(openai::leave_out_sampling(
            &mut request,
            ask.upstream_model,
            thinks,
        ));
    }
    let reworded = std::mem::take(&mut request.reworded);
    let says_length = request.sampling.max_tokens.is_some();
    let names = Names::new(ask.upstream, mentioned(&request));
    let head = Head {
        id: String::new(),
        created: ask.now,
        model: ask.model.to_owned(),
        text_tools: tools_of_text(&request),
        namespaces: namespaces(&request),
        include_usage: request.include_usage,
        echo,
    };
    let wraps_texts = match ask.upstream {
        Dialect::Chat => known.text_tools == TextTools::AsFunctions,
        Dialect::Responses => false,
        Dialect::Messages | Dialect::Gemini => true,
    };
    let arguments = Arguments::new(&request, ask.client, ask.upstream, wraps_texts);
    let shown = Shown::after(ask.client, &request.turns);
    let model = ask.upstream_model;
    let most_tokens = support.and_then(|support| support.max_output);
    let mut body = match ask.upstream {
        Dialect::Chat => chat::write::request(request, model, &names, known),
        Dialect::Responses => responses::write::request(request, model, &names),
        Dialect::Messages => messages::write::request(request, model, &names, most_tokens),
        Dialect::Gemini => gemini::write::request(request, model, &names),
    }?;
    if !says_length && ask.upstream == Dialect::Messages {
        // Filled in for the vendor; it limits no thoughts.
        body.shift_remove("max_tokens");
    }
    reasoning::write(ask.upstream, settled, support, &mut body);
    if ask.upstream == Dialect::Messages {
        messages::tool_loop::settle_thinking(&mut body);
    }
    Ok(Translated {
        body: body.into_text()?,
        context: TranslationContext {
            client: ask.client,
            form: ask.form,
            upstream: ask.upstream,
            names,
            head,
            mint: Mint::new(ask.seed),
            shown,
            arguments,
            keeper: memory.map(|memory| Keeper::new(ask.upstream, memory)),
            join,
        },
        dropped,
        reworded,
    })
}

/// Leaves out what the assistant has begun to say, where the model takes none. Returns what joins an answer to it that
/// is given anew.
fn prefill(
    ask: &TranslationInput<'_>,
    request: &mut Request<'_>,
    thinks: ReasoningRequest,
    dropped: &mut Vec<String>,
) -> Option<Join> {
    let begun = prefill::text(&request.turns)?;
    let is_thinking = thinks.effort.is_some_and(|effort| effort != Effort::None);
    match Use::of(ask.upstream, ask.upstream_model, is_thinking) {
        Use::GoesOn => {
            prefill::trim(&mut request.turns);
            return None;
        }
        Use::Anew => {}
        Use::Refused => {
            prefill::leave_out(&mut request.turns);
            dropped.push("prefill".to_owned());
        }
    }
    Join::new(&begun)
}

/// A translated request as the upstream's endpoint for counting takes it; `None` where there is none
/// (spec/dialects.md 6).
pub fn to_count(upstream: Dialect, model: &str, body: &[u8]) -> Option<Vec<u8>> {
    const NOT_COUNTED: [&str; 8] = [
        "max_tokens",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "metadata",
        "service_tier",
    ];
    let mut body: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let counted = match upstream {
        Dialect::Messages => {
            body.retain(|key, _| !NOT_COUNTED.contains(&key.as_str()));
            Value::Object(body)
        }
        Dialect::Gemini => {
            let bare = model.strip_prefix("models/").unwrap_or(model);
            body.insert("model".to_owned(), format!("models/{bare}").into());
            json!({"generateContentRequest": body})
        }
        Dialect::Chat | Dialect::Responses => return None,
    };
    Some(counted.to_string().into_bytes())
}

/// The number in an upstream's answer to that.
pub fn counted(upstream: Dialect, answer: &[u8]) -> Option<u64> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let field = match upstream {
        Dialect::Gemini => "totalTokens",
        _ => "input_tokens",
    };
    answer.get(field)?.as_u64()
}

/// A number of tokens as a client is told it.
pub fn count_answer(client: Dialect, tokens: u64) -> Vec<u8> {
    let answer = match client {
        Dialect::Gemini => json!({"totalTokens": tokens,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}]}),
        Dialect::Responses => json!({"object": "response.input_tokens", "input_tokens": tokens}),
        _ => json!({"input_tokens": tokens}),
    };
    answer.to_string().into_bytes()
}

/// Tokens of a request, estimated ([`estimate`]).
///
/// # Errors
/// When the client's body cannot be read.
pub fn estimated_tokens(ask: &TranslationInput<'_>) -> Result<u64, Untranslatable> {
    read(ask, given::open(ask.body)?).map(|request| estimate::tokens(&request))
}

fn read<'a>(ask: &TranslationInput<'a>, body: Object<'a>) -> Result<Request<'a>, Untranslatable> {
    let way = Direction {
        client: ask.client,
        upstream: ask.upstream,
    };
    let mut request = match (ask.client, ask.form) {
        (_, Form::Completions) => chat::completions::request(body),
        (_, Form::ResponsesBody) => responses::read::request(body, way),
        (Dialect::Chat, _) => chat::read::request(body, way),
        (Dialect::Responses, _) => responses::read::request(body, way),
        (Dialect::Messages, _) => messages::read::request(body, way),
        (Dialect::Gemini, _) => gemini::read::request(body, way, ask.model, ask.stream),
    }?;
    capabilities::takes_choices(&request, way)?;
    if request.turns.len() > MOST_TURNS {
        return Err(too_many("the conversation", MOST_TURNS));
    }
    request.turns.shrink_to_fit();
    Ok(request)
}

/// Every name of a tool in the order of the request.
fn mentioned<'r>(request: &'r Request<'_>) -> Vec<&'r str> {
    let called = request.turns.iter().flat_map(|turn| &turn.parts);
    let called = called.filter_map(|part| match part {
        Part::ToolCall(call) => Some(call.name.as_str()),
        _ => None,
    });
    let defined = request.tools.iter().map(|tool| tool.name.as_str());
    defined.chain(called).collect()
}

fn tools_of_text(request: &Request) -> Vec<String> {
    let text_tools = request.tools.iter().filter(|tool| tool.is_custom);
    text_tools.map(|tool| tool.name.clone()).collect()
}

fn namespaces(request: &Request) -> HashMap<String, (String, String)> {
    let tools = request.tools.iter();
    tools
        .filter_map(|tool| Some((tool.name.clone(), tool.namespace.clone()?)))
        .collect()
}

/// Reads an upstream's answers.
#[derive(Debug)]
enum Reader {
    Chat(chat::read_answer::Reader),
    Responses(responses::read_answer::Reader),
    Messages(messages::read_answer::Reader),
    Gemini(gemini::read_answer::Reader),
}

impl Reader {
    fn new(dialect: Dialect, mint: Mint) -> Self {
        match dialect {
            Dialect::Chat => Self::Chat(chat::read_answer::Reader::new(mint)),
            Dialect::Responses => Self::Responses(responses::read_answer::Reader::new(mint)),
            Dialect::Messages => Self::Messages(messages::read_answer::Reader::new(mint)),
            Dialect::Gemini => Self::Gemini(gemini::read_answer::Reader::new(mint)),
        }
    }

    fn read(&mut self, data: Map<String, Value>, events: &mut Vec<Event>) {
        match self {
            Self::Chat(reader) => reader.read(data, events),
            Self::Responses(reader) => reader.read(data, events),
            Self::Messages(reader) => reader.read(data, events),
            Self::Gemini(reader) => reader.read(data, events),
        }
    }

    /// Nothing more will come.
    fn done(&mut self, events: &mut Vec<Event>) {
        if let Self::Chat(reader) = self {
            reader.done(events);
        }
    }
}

/// Writes a client's answer.
#[derive(Debug)]
enum Writer {
    Chat(chat::write_answer::Writer),
    Completions(chat::completions::Writer),
    Responses(responses::write_answer::Writer),
    Messages(messages::write_answer::Writer),
    Gemini(gemini::write_answer::Writer),
}

impl Writer {
    fn new(dialect: Dialect, form: Form, head: Head) -> Self {
        match dialect {
            Dialect::Chat if form == Form::Completions => {
                Self::Completions(chat::completions::Writer::new(head))
            }
            Dialect::Chat => Self::Chat(chat::write_answer::Writer::new(head)),
            Dialect::Responses => Self::Responses(responses::write_answer::Writer::new(head)),
            Dialect::Messages => Self::Messages(messages::write_answer::Writer::new(head)),
            Dialect::Gemini => Self::Gemini(gemini::write_answer::Writer::new(head)),
        }
    }
}

/// How far a stream has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Running,
    /// All answers in it have said why they end; what follows can only be numbers.
    Finished,
    /// It ended with an error, which the client has been told.
    Failed {
        status: u16,
        message: String,
    },
}

/// An answer on its way back, event by event.
#[derive(Debug)]
pub struct Stream {
    context: TranslationContext,
    reader: Reader,
    meter: Meter,
    writer: Option<Writer>,
    ending: Ending,
    state: State,
    /// The answers side by side that have begun.
    begun: BTreeSet<u32>,
    usage: Option<Usage>,
    /// Gemini's other framing: one JSON array.
    array: Option<Array>,
}

/// The elements of an array so far.
#[derive(Debug, Default)]
struct Array {
    has_elements: bool,
}

impl Stream {
    /// `is_array`: the client wants the events as one JSON array (Gemini without `alt=sse`).
    pub fn new(context: TranslationContext, is_array: bool) -> Self {
        Self {
            reader: Reader::new(context.upstream, context.mint.clone()),
            meter: Meter::new(context.upstream),
            writer: None,
            ending: Ending::default(),
            state: State::Running,
            begun: BTreeSet::new(),
            usage: None,
            array: is_array.then(Array::default),
            context,
        }
    }

    pub fn client(&self) -> Dialect {
        self.context.client
    }

    /// Bytes that are kept of the answer so far, because its end repeats it.
    pub fn kept(&self) -> usize {
        match &self.writer {
            Some(Writer::Responses(writer)) => writer.kept(),
            _ => 0,
        }
    }

    /// Whether the array has elements, where it is one.
    pub fn array_has_elements(&self) -> Option<bool> {
        self.array.as_ref().map(|array| array.has_elements)
    }

    pub fn upstream(&self) -> Dialect {
        self.context.upstream
    }

    /// Whether the client gets one JSON array instead of events.
    pub fn is_array(&self) -> bool {
        self.array.is_some()
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    /// What the answer has said that it cost.
    pub fn usage(&self) -> Option<Usage> {
        self.meter.usage()
    }

    /// Takes the data of one event of the upstream, or a whole JSON answer. Puts what the client gets for it
    /// behind `out`.
    pub fn read(&mut self, data: &[u8], out: &mut Vec<u8>) {
        let mut events = Vec::new();
        if data.trim_ascii() == b"[DONE]" {
            self.reader.done(&mut events);
        } else {
            // What is no object says nothing in any dialect.
            let Ok(object) = serde_json::from_slice(data) else {
                return;
            };
            self.meter.read(data);
            self.reader.read(object, &mut events);
        }
        for event in events {
            self.event(event, out);
        }
    }

    fn event(&mut self, event: Event, out: &mut Vec<u8>) {
        if matches!(self.state, State::Failed { .. }) {
            return;
        }
        if let Some(choice) = event.choice() {
            self.begun.insert(choice);
        }
        let event = match event {
            Event::Start { id, created } => {
                self.start(id.as_deref(), created);
                return;
            }
            Event::Error {
                status,
                message,
                class,
            } => {
                // An answer that is complete stays so, unless it is a chat: there some say so behind the reason for
                // the end.
                if self.state == State::Running || self.context.upstream == Dialect::Chat {
                    let status = ErrorStatus::from_upstream(status);
                    let problem = Problem {
                        class,
                        ..Problem::new(status, message)
                    };
                    self.fail_with(&problem, out);
                }
                return;
            }
            other => other,
        };
        let mut restored = Vec::new();
        self.context
            .restore(event, &mut |event| restored.push(event));
        for event in restored {
            self.tell(event, out);
        }
        self.settle();
    }

    fn tell(&mut self, event: Event, out: &mut Vec<u8>) {
        if matches!(&event, Event::TextDelta { text, .. } if text.is_empty()) {
            return;
        }
        if let Event::Finish {
            choice,
            finish,
            native,
        } = event
        {
            self.ending.finishes.insert(choice, (finish, native));
            return;
        }
        let usage = self.meter.usage();
        if usage != self.usage
            && let Some(usage) = usage
        {
            self.usage = Some(usage);
            self.put(Event::Usage(usage), out);
        }
        self.put(event, out);
    }

    /// One answer may end before another begins.
    fn settle(&mut self) {
        if matches!(self.state, State::Failed { .. }) || self.ending.finishes.is_empty() {
            return;
        }
        let finishes = &self.ending.finishes;
        self.state = match self
            .begun
            .iter()
            .all(|choice| finishes.contains_key(choice))
        {
            true => State::Finished,
            false => State::Running,
        };
    }

    fn start(&mut self, id: Option<&str>, created: Option<u64>) {
        if self.writer.is_some() {
            return;
        }
        let context = &mut self.context;
        let mut head = context.head.clone();
        head.id = ids::answer(context.client, id, &mut context.mint);
        head.created = created.unwrap_or(head.created);
        self.writer = Some(Writer::new(context.client, context.form, head));
    }

    fn writer(&mut self) -> Option<&mut Writer> {
        self.start(None, None);
        self.writer.as_mut()
    }

    fn put(&mut self, event: Event, out: &mut Vec<u8>) {
        let mut chunks = Vec::new();
        match self.writer() {
            Some(Writer::Chat(writer)) => writer.put(event, out),
            Some(Writer::Completions(writer)) => writer.put(event, out),
            Some(Writer::Responses(writer)) => writer.put(event, out),
            Some(Writer::Messages(writer)) => writer.put(event, out),
            Some(Writer::Gemini(writer)) => writer.put(event, &mut chunks),
            None => {}
        }
        self.frame(chunks, out);
    }

    fn frame(&mut self, chunks: Vec<Value>, out: &mut Vec<u8>) {
        for chunk in chunks {
            self.element(chunk.to_string().as_bytes(), out);
        }
    }

    fn element(&mut self, json: &[u8], out: &mut Vec<u8>) {
        match &mut self.array {
            Some(array) => {
                let is_first = !std::mem::replace(&mut array.has_elements, true);
                out.extend_from_slice(if is_first { b"[" } else { b",\n" });
                out.extend_from_slice(json);
            }
            None => {
                out.extend_from_slice(b"data: ");
                out.extend_from_slice(json);
                out.extend_from_slice(b"\n\n");
            }
        }
    }

    /// Writes an error as the end.
    pub fn fail(&mut self, status: u16, message: &str, out: &mut Vec<u8>) {
        let problem = Problem::new(ErrorStatus::from_upstream(status), message);
        self.fail_with(&problem, out);
    }

    /// Writes an error as the end.
    pub fn fail_with(&mut self, problem: &Problem, out: &mut Vec<u8>) {
        match (self.context.client, &mut self.array) {
            (Dialect::Responses, _) => {
                let (_, code, message) = problem::stream_words(problem);
                let status = problem.status.code();
                if let Some(Writer::Responses(writer)) = self.writer() {
                    writer.fail((status, &code), &message, out);
                }
            }
            (_, Some(_)) => {
                let rendered = problem::render(Dialect::Gemini, problem);
                self.element(&rendered, out);
                out.extend_from_slice(b"]");
            }
            (dialect, None) => {
                out.extend_from_slice(&problem::render_in_stream(dialect, problem, 0));
            }
        }
        self.state = State::Failed {
            status: problem.status.code(),
            message: problem.message.clone(),
        };
    }

    /// The upstream has ended. Writes the end, if the answer is complete.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        if self.state != State::Finished {
            return;
        }
        let mut ending = std::mem::take(&mut self.ending);
        ending.usage = self.meter.usage();
        ending.at = Some(seconds_now());
        let mut chunks = Vec::new();
        match self.writer() {
            Some(Writer::Chat(writer)) => writer.end(ending, out),
            Some(Writer::Completions(writer)) => writer.end(ending, out),
            Some(Writer::Responses(writer)) => writer.end(ending, out),
            Some(Writer::Messages(writer)) => writer.end(ending, out),
            Some(Writer::Gemini(writer)) => writer.end(ending, &mut chunks),
            None => {}
        }
        self.frame(chunks, out);
        if let Some(array) = &self.array {
            let end: &[u8] = if array.has_elements { b"]" } else { b"[]" };
            out.extend_from_slice(end);
        }
    }
}

/// Seconds since 1970, for what says when an answer was completed or has failed.
pub fn seconds_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs())
}

/// Brings a whole answer back.
///
/// # Errors
/// Status and message, when it is an error, or none that the upstream's dialect knows.
pub fn whole(
    body: &[u8],
    context: TranslationContext,
) -> Result<(Vec<u8>, Option<Usage>), (u16, String)> {
    let object = serde_json::from_slice(body)
        .map_err(|_| (502, "the upstream's answer is not a JSON object".to_owned()))?;
    let mut gathered = Gathered::new(context);
    gathered.take(body, object);
    gathered.done();
    gathered.end()
}

/// A streamed answer on its way to become a whole one.
#[derive(Debug)]
pub struct Gathered {
    context: TranslationContext,
    reader: Reader,
    meter: Meter,
    answer: Answer,
}

impl Gathered {
    pub fn new(context: TranslationContext) -> Self {
        Self {
            reader: Reader::new(context.upstream, context.mint.clone()),
            meter: Meter::new(context.upstream),
            answer: Answer::default(),
            context,
        }
    }

    /// Takes the data of one event of the upstream.
    pub fn read(&mut self, data: &[u8]) {
        if data.trim_ascii() == b"[DONE]" {
            self.done();
        } else if let Ok(object) = serde_json::from_slice(data) {
            self.take(data, object);
        }
    }

    fn take(&mut self, data: &[u8], object: Map<String, Value>) {
        let mut events = Vec::new();
        self.meter.read(data);
        self.reader.read(object, &mut events);
        self.push(events);
    }

    fn done(&mut self) {
        let mut events = Vec::new();
        self.reader.done(&mut events);
        self.push(events);
    }

    fn push(&mut self, events: Vec<Event>) {
        let Self {
            context, answer, ..
        } = self;
        for event in events {
            context.restore(event, &mut |event| answer.push(event));
        }
    }

    /// Whether all answers in it have said why they end.
    pub fn is_complete(&self) -> bool {
        let choices = &self.answer.choices;
        !choices.is_empty() && choices.values().all(|choice| choice.finish.is_some())
    }

    /// The whole answer, and what it says it cost.
    ///
    /// # Errors
    /// Status and message, when it is an error.
    pub fn end(self) -> Result<(Vec<u8>, Option<Usage>), (u16, String)> {
        let Self {
            mut context,
            meter,
            mut answer,
            ..
        } = self;
        if let Some(error) = answer.error {
            return Err(error);
        }
        answer.usage = meter.usage();
        answer.ended = Some(seconds_now());
        let mut head = context.head;
        head.id = ids::answer(context.client, answer.id.as_deref(), &mut context.mint);
        head.created = answer.created.unwrap_or(head.created);
        let whole = match context.client {
            Dialect::Chat if context.form == Form::Completions => {
                chat::completions::whole(&answer, &head)
            }
            Dialect::Chat => chat::write_answer::whole(&answer, &head),
            Dialect::Responses => responses::whole::whole(&answer, &head),
            Dialect::Messages => messages::write_answer::whole(&answer, &head),
            Dialect::Gemini => gemini::write_answer::whole(&answer, &head),
        };
        Ok((whole.to_string().into_bytes(), answer.usage))
    }
}
