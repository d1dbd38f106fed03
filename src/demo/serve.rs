//! Serves one connection, request by request, as the script of the account says.

use std::fmt::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::ask::Ask;
use super::cache::Hit;
use super::http::{Connection, Request};
use super::kept::Wish;
use super::record::{Outcome, Record};
use super::reply::Reply;
use super::script::{Ending, Gate, Manner, Step};
use super::target::{Action, Dialect, Fault, Flavour, Streaming, Target};
use super::{Shared, bearer, chat, code_assist, gemini, messages, models, responses};

/// Time between two looks at a gate.
const GATE_CHECK: Duration = Duration::from_millis(5);

/// Answers are numbered, so that ids are unique.
static NUMBER: AtomicUsize = AtomicUsize::new(1);

/// What becomes of the connection after an exchange.
enum After {
    Keep,
    Close,
    Reset,
    /// The client has left.
    Gone,
}

pub fn connection(stream: TcpStream, shared: &Shared) {
    let mut connection = Connection::new(stream);
    while let Some(request) = connection.request() {
        match exchange(&mut connection, request, shared) {
            After::Keep => {}
            After::Close | After::Gone => return,
            After::Reset => return connection.reset(),
        }
    }
}

fn exchange(connection: &mut Connection, request: Request, shared: &Shared) -> After {
    let path = request.path.split_once('?');
    let path = path.map_or(&*request.path, |(path, _)| path);
    let tokenry = shared.tokenry.lock().clone();
    let key = match bearer::account(&request, tokenry.as_ref()) {
        Ok(key) => key,
        Err(refused) => {
            let dialect = Target::of(&request.path).map(|target| target.dialect);
            let dialect = dialect.unwrap_or_else(|| models::dialect(&request));
            let answer = (refused.status, &refused.body);
            return told(
                connection,
                refused.account,
                request,
                shared,
                dialect,
                answer,
            );
        }
    };
    if request.method == "GET" && path.ends_with("/models") {
        let listing = shared.lists.lock().get(&key).cloned().unwrap_or_default();
        let dialect = models::dialect(&request);
        let (status, body) = models::answer(dialect, &listing);
        return told(connection, key, request, shared, dialect, (status, &body));
    }
    if let Some(wish) = Wish::of(&request.method, &request.path) {
        let (status, body) = shared.kept.lock().about(&key, wish);
        return told(
            connection,
            key,
            request,
            shared,
            Dialect::Responses,
            (status, &body),
        );
    }
    if let Some((status, body)) = beside(&request, &key, shared) {
        let dialect = Dialect::Gemini;
        return told(connection, key, request, shared, dialect, (status, &body));
    }
    let target = match (request.method.as_str(), Target::of(&request.path)) {
        ("POST", Some(target)) => target,
        _ => {
            return respond(
                connection,
                404,
                &[],
                &chat::error(404, "Unknown request URL"),
            );
        }
    };
    if key.is_empty() {
        let body = error(target.dialect, 401, "There is no API key in this request.");
        return respond(connection, 401, &[], &body);
    }
    let Ok(mut body) = serde_json::from_slice(&request.body) else {
        let words = "We could not parse the JSON body of your request.";
        return respond(connection, 400, &[], &error(target.dialect, 400, words));
    };
    if target.flavour == Flavour::ChatGpt && request.header("chatgpt-account-id").is_none() {
        let body = json!({"detail": "The header ChatGPT-Account-ID is missing."});
        return respond(connection, 401, &[], &body);
    }
    if let Err(fault) = google(&target, &request, &mut body) {
        let status = fault.status;
        return respond(connection, status, &[], &refusal(&target, fault));
    }
    // The backend of ChatGPT keeps none.
    let keeps = target.dialect == Dialect::Responses && target.flavour != Flavour::ChatGpt;
    if keeps && let Err((status, error)) = shared.kept.lock().put_in(&key, &mut body) {
        return respond(connection, status, &[], &error);
    }
    let given = keeps.then(|| body.clone());
    let ask = match target.read(body) {
        Ok(ask) => ask,
        Err(fault) => {
            let status = fault.status;
            return respond(connection, status, &[], &refusal(&target, fault));
        }
    };
    let hit = shared
        .cache
        .lock()
        .ask(&key, &ask.model, &ask.parts, Instant::now());
    let step = shared
        .scripts
        .lock()
        .get_mut(&key)
        .and_then(super::Script::next)
        .unwrap_or_else(|| Step::Answer(Manner::default()));
    let number = shared.records.add(Record {
        key: key.clone(),
        dialect: target.dialect.name(),
        method: request.method,
        path: request.path,
        headers: request.headers,
        body: request.body,
        model: ask.model.clone(),
        input_tokens: hit.total,
        cached_tokens: hit.cached,
        at: Instant::now(),
        outcome: Outcome::UnderWay,
    });
    let delay = Duration::from_micros(shared.delta_delay.load(Ordering::Acquire));
    let keep = |answer: Value| {
        if let Some(given) = given.as_ref().filter(|_| ask.stores) {
            shared.kept.lock().keep(&key, answer, given);
        }
    };
    let after = perform(connection, &target, &ask, hit, step, delay, keep);
    shared.records.end(number, matches!(after, After::Gone));
    after
}

fn perform(
    connection: &mut Connection,
    target: &Target,
    ask: &Ask,
    hit: Hit,
    step: Step,
    delay: Duration,
    keep: impl FnOnce(Value),
) -> After {
    let step = match (step, ask.wishes.error) {
        (Step::Answer(_), Some(status)) => Step::status(status),
        (step, _) => step,
    };
    let manner = match step {
        Step::Reset => return After::Reset,
        Step::Status {
            status,
            headers,
            body,
        } => {
            let body = match body {
                Some(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
                None => error(target.dialect, status, &format!("The demo says {status}.")),
            };
            return respond(connection, status, &headers, &body);
        }
        Step::Answer(manner) => manner,
    };
    if !connection.wait(manner.before_head + ask.wishes.wait) {
        return After::Gone;
    }
    if let Some(raw) = &manner.raw {
        return match connection.write(raw.as_bytes()) {
            Ok(()) => After::Close,
            Err(_) => After::Gone,
        };
    }
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let created = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    let reply = Reply::new(ask, hit, &manner, number, created);
    if (target.dialect, target.action) == (Dialect::Responses, Action::Generate) {
        keep(responses::body(&reply));
    }
    match (target.action, ask.streaming) {
        (Action::Count, _) => {
            let body = match target.dialect {
                Dialect::Gemini => gemini::counted(&reply),
                Dialect::Responses => responses::counted(&reply),
                _ => messages::counted(&reply),
            };
            respond(connection, 200, &[], &body)
        }
        (Action::Compact, _) => respond(connection, 200, &[], &responses::compacted(&reply)),
        (Action::Generate, None) => {
            let body = match target.dialect {
                Dialect::Chat => chat::body(&reply),
                Dialect::Responses => responses::body(&reply),
                Dialect::Messages => messages::body(&reply),
                Dialect::Gemini => code_assist::enveloped(target, gemini::body(&reply)),
            };
            let ending = ask.wishes.broken.map_or(manner.ending, |how| how.after(0));
            match ending {
                Ending::Complete => respond(connection, 200, &[], &body),
                Ending::Reset(_) => After::Reset,
                // A length that is never reached.
                _ => {
                    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n";
                    let _ = connection.write(format!("{head}{body}").as_bytes());
                    After::Close
                }
            }
        }
        (Action::Generate, Some(streaming)) => {
            let events = match (target.dialect, streaming) {
                (Dialect::Chat, _) => chat::events(&reply, ask.include_usage),
                (Dialect::Responses, _) => responses::events(&reply),
                (Dialect::Messages, _) => messages::events(&reply),
                (Dialect::Gemini, Streaming::Events) => gemini::pieces(&reply)
                    .into_iter()
                    .map(|piece| code_assist::enveloped(target, piece))
                    .map(|piece| format!("data: {piece}\r\n\r\n"))
                    .collect(),
                (Dialect::Gemini, Streaming::Array) => {
                    let body = Value::Array(gemini::pieces(&reply));
                    return respond(connection, 200, &[], &body);
                }
            };
            let half = events.len() / 2;
            let ending = ask
                .wishes
                .broken
                .map_or(manner.ending, |how| how.after(half));
            let pace = Pace {
                between: manner.between.unwrap_or(delay),
                gate: manner.gate,
                pause: ask.wishes.pause,
            };
            stream(connection, target.dialect, &events, ending, &pace)
        }
    }
}

/// The answers of Google's upstreams that no conversation leads to.
fn beside(request: &Request, key: &str, shared: &Shared) -> Option<(u16, Value)> {
    let path = request.path.split_once('?');
    let path = path.map_or(&*request.path, |(path, _)| path);
    if request.method != "POST" || key.is_empty() {
        return None;
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    if path.contains("/publishers/google/") && path.ends_with(":predict") {
        return Some(code_assist::drawn(&body));
    }
    let listing = shared.lists.lock().get(key).cloned().unwrap_or_default();
    code_assist::about(path, &body, &listing)
}

/// Looks at what Google's upstreams want beside the dialect, and takes a request out of its envelope.
fn google(target: &Target, request: &Request, body: &mut Value) -> Result<(), Fault> {
    let is_enveloped = matches!(target.flavour, Flavour::CodeAssist | Flavour::Antigravity);
    let has_token = request
        .header("authorization")
        .is_some_and(|value| value.starts_with("Bearer "));
    if (is_enveloped || request.path.contains("/projects/")) && !has_token {
        return Err(Fault {
            status: 401,
            ..Fault::from(
                "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or \
                 other valid authentication credential.",
            )
        });
    }
    if is_enveloped {
        *body = code_assist::opened(target, body.take())?;
    } else if target.flavour == Flavour::Vertex && !body["generateContentRequest"].is_null() {
        let words = "Invalid JSON payload received. Unknown name \"generateContentRequest\": Cannot find field.";
        return Err(words.into());
    }
    Ok(())
}

/// Answers a request that asks no model, and keeps a record of it.
fn told(
    connection: &mut Connection,
    key: String,
    request: Request,
    shared: &Shared,
    dialect: Dialect,
    (status, body): (u16, &Value),
) -> After {
    let number = shared.records.add(Record {
        key,
        dialect: dialect.name(),
        method: request.method,
        path: request.path,
        headers: request.headers,
        body: request.body,
        model: String::new(),
        input_tokens: 0,
        cached_tokens: 0,
        at: Instant::now(),
        outcome: Outcome::UnderWay,
    });
    let after = respond(connection, status, &[], body);
    shared.records.end(number, matches!(after, After::Gone));
    after
}

/// What a stream waits for between two events.
struct Pace {
    between: Duration,
    gate: Option<Gate>,
    /// Half way through, behind a comment.
    pause: Duration,
}

impl Pace {
    /// Whether the client is still there afterwards.
    fn wait(&self, connection: &mut Connection) -> bool {
        while self.gate.as_ref().is_some_and(|gate| !gate.is_open()) {
            if !connection.wait(GATE_CHECK) {
                return false;
            }
        }
        self.between.is_zero() || connection.wait(self.between)
    }
}

fn stream(
    connection: &mut Connection,
    dialect: Dialect,
    events: &[String],
    ending: Ending,
    pace: &Pace,
) -> After {
    let (count, after) = match ending {
        Ending::Complete => (events.len(), After::Keep),
        Ending::Reset(count) => (count, After::Reset),
        Ending::TruncatedChunk(count) => (count, After::Close),
        Ending::Cut(count) | Ending::Error(count) => (count, After::Keep),
    };
    let mut out = String::from(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    for (index, event) in events.iter().take(count).enumerate() {
        if index > 0 && !pace.wait(connection) {
            return After::Gone;
        }
        if index == events.len() / 2 && !pace.pause.is_zero() {
            put_chunk(&mut out, ": the demo pauses\n\n");
            if connection.write(out.as_bytes()).is_err() || !connection.wait(pace.pause) {
                return After::Gone;
            }
            out.clear();
        }
        put_chunk(&mut out, event);
        if connection.write(out.as_bytes()).is_err() {
            return After::Gone;
        }
        out.clear();
    }
    match ending {
        Ending::Complete | Ending::Cut(_) => out.push_str("0\r\n\r\n"),
        Ending::Error(_) => {
            let message = "The demo has had enough.";
            let event = match dialect {
                Dialect::Chat => chat::error_event(message),
                Dialect::Responses => responses::error_event(message, count),
                Dialect::Messages => messages::error_event(message),
                Dialect::Gemini => gemini::error_event(message),
            };
            put_chunk(&mut out, &event);
            out.push_str("0\r\n\r\n");
        }
        Ending::TruncatedChunk(_) => out.push_str("ffff\r\ndata: {\"half"),
        Ending::Reset(_) => {}
    }
    match connection.write(out.as_bytes()) {
        Ok(()) => after,
        Err(_) => After::Gone,
    }
}

fn put_chunk(out: &mut String, event: &str) {
    // Writing into memory does not fail.
    let _ = write!(out, "{:x}\r\n{event}\r\n", event.len());
}

fn respond(
    connection: &mut Connection,
    status: u16,
    headers: &[(String, String)],
    body: &Value,
) -> After {
    let body = match body {
        Value::String(text) => text.clone(),
        json => json.to_string(),
    };
    let mut out = format!(
        "HTTP/1.1 {status} Demo\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        let _ = write!(out, "{name}: {value}\r\n");
    }
    out.push_str("\r\n");
    out.push_str(&body);
    match connection.write(out.as_bytes()) {
        Ok(()) => After::Keep,
        Err(_) => After::Gone,
    }
}

/// The body that says why a request is refused.
fn refusal(target: &Target, fault: Fault) -> Value {
    match target.flavour {
        Flavour::ChatGpt if fault.code.is_none() => return json!({"detail": fault.message}),
        Flavour::Xai => {
            let code = "invalid-argument";
            return json!({"code": code, "error": fault.message});
        }
        Flavour::ChatGpt
        | Flavour::Kimi
        | Flavour::CodeAssist
        | Flavour::Antigravity
        | Flavour::Vertex
        | Flavour::Plain => {}
    }
    let mut body = error(target.dialect, fault.status, &fault.message);
    if let Some(details) = fault.details {
        body["error"]["details"] = *details;
    }
    if let Some(param) = fault.param {
        body["error"]["param"] = param.into();
    }
    if let Some(code) = fault.code {
        body["error"]["code"] = code.into();
    }
    body
}

fn error(dialect: Dialect, status: u16, message: &str) -> Value {
    match dialect {
        Dialect::Chat | Dialect::Responses => chat::error(status, message),
        Dialect::Messages => messages::error(status, message),
        Dialect::Gemini => gemini::error(status, message),
    }
}
