//! Antigravity: Code Assist with more members in the envelope, and with models of several vendors.

use std::time::{SystemTime, UNIX_EPOCH};

use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::code_assist_body::{self, Inner, schema};
use super::gemini;
use super::gemini_cli::{headers, model, owned, project, uri};
use super::request::{Request, quoted};
use super::target::{Action, Call};
use crate::failure::Failure;
use crate::json::{self as spans, Member, Splice};
use crate::translate::gemini::schema::Profile;

/// The vendor's hosts, in the order in which they are tried.
pub const HOSTS: [&str; 3] = [
    super::gemini_cli::BASE,
    "https://daily-cloudcode-pa.googleapis.com",
    "https://daily-cloudcode-pa.sandbox.googleapis.com",
];
/// The most tokens that Claude's models may write there.
const CLAUDES_OUTPUT: u64 = 64_000;

pub fn request<'a>(call: &Call<'a>) -> Result<Request<'a>, Failure> {
    let action = match call.action {
        // These models answer with a stream only.
        Action::Generate if !call.stream && only_streams(model(call)) => {
            "streamGenerateContent?alt=sse".to_owned()
        }
        _ => gemini::method(call)?,
    };
    let is_count = call.action == Action::Count;
    let source = match is_count {
        true => code_assist_body::counted(call.body),
        false => call.body,
    };
    let mut body = inner(call, source)?;
    if is_count {
        body.wrap(&b"{\"request\":"[..], &b"}"[..]);
    } else {
        wrap(call, &mut body)?;
    }
    Ok(Request {
        uri: uri(call, &action)?,
        headers: headers(call),
        body,
    })
}

/// The models of the account.
pub fn models<'a>(call: &Call<'a>) -> Result<Request<'a>, Failure> {
    Ok(Request {
        uri: uri(call, "fetchAvailableModels")?,
        headers: headers(call),
        body: owned("{}".to_owned()),
    })
}

/// Puts the request into its envelope.
fn wrap(call: &Call<'_>, body: &mut Splice<'_>) -> Result<(), Failure> {
    let project = project(call).ok_or_else(Failure::no_project)?;
    let model = model(call);
    let is_image = model.contains("image");
    let (kind, id) = match is_image {
        true => ("image_gen", format!("image_gen/{}/{}/12", now(), uuid())),
        false => ("agent", format!("agent-{}", uuid())),
    };
    let lead = format!(
        "{{\"model\":{},\"project\":{},\"requestId\":\"{id}\",\"requestType\":\"{kind}\",{}\"request\":",
        quoted(model),
        quoted(project),
        match call.credits {
            true => "\"enabledCreditTypes\":[\"GOOGLE_ONE_AI\"],",
            false => "",
        }
    );
    if !is_image {
        body.append_member("sessionId", format!("\"-{}\"", session(call)));
    }
    body.wrap(lead.into_bytes(), &b"}"[..]);
    Ok(())
}

/// The request as these models accept it.
fn inner<'a>(call: &Call<'a>, source: &'a [u8]) -> Result<Splice<'a>, Failure> {
    let is_claude = is_claude(model(call));
    let profile = Profile::Envelope {
        validated: validates_calls(model(call)),
    };
    let mut inner = Inner::of(source, profile)?;
    if let Some(settings) = inner.find(["safetySettings", "safety_settings"]).cloned() {
        inner.body.remove(&settings);
    }
    if let Some(session) = inner.find(["sessionId", "sessionId"]).cloned() {
        inner.body.remove(&session);
    }
    if let Some(config) = inner
        .find(["generationConfig", "generation_config"])
        .cloned()
    {
        let changed = generation_config(inner.raw(&config), is_claude)?;
        if let Some(changed) = changed {
            inner.body.replace(config.value, changed);
        }
    }
    if is_claude {
        let config = inner.find(["toolConfig", "tool_config"]).cloned();
        let raw = config.as_ref().map(|config| inner.raw(config));
        if let Some(validated) = validated(raw.unwrap_or_default()) {
            match config {
                Some(config) => inner.body.replace(config.value, validated.into_bytes()),
                None => inner.body.append_member("toolConfig", validated),
            }
        }
    }
    Ok(inner.body)
}

/// The settings with a limit of tokens for Claude alone, and with a schema in the form of `responseSchema`; `None` if
/// nothing changes.
fn generation_config(raw: &[u8], is_claude: bool) -> Result<Option<Vec<u8>>, Failure> {
    let Ok(members) = spans::members(raw) else {
        return Ok(None);
    };
    let value = |member: &Member<'_>| code_assist_body::raw(raw, member);
    let mut body = Splice::new(raw);
    let mut is_changed = false;
    for member in &members {
        match &*member.key {
            "maxOutputTokens" | "max_output_tokens" if is_claude => {
                let limit: Option<u64> = serde_json::from_slice(value(member)).ok();
                if limit.is_some_and(|limit| limit > CLAUDES_OUTPUT) {
                    body.replace(member.value, CLAUDES_OUTPUT.to_string().into_bytes());
                    is_changed = true;
                }
            }
            "maxOutputTokens" | "max_output_tokens" => {
                body.remove(member);
                is_changed = true;
            }
            "responseJsonSchema" | "response_json_schema" => {
                let raw = String::from_utf8_lossy(value(member));
                let schema = schema(&raw, Profile::Envelope { validated: false })?;
                let span = spans::Span {
                    start: member.whole.start,
                    end: member.value.end,
                };
                body.replace(span, format!("\"responseSchema\":{schema}").into_bytes());
                is_changed = true;
            }
            _ => {}
        }
    }
    Ok(is_changed.then(|| body.pieces().collect::<Vec<_>>().concat()))
}

/// The tool settings with calls that are validated; `None` if the client wants no calls.
fn validated(raw: &[u8]) -> Option<String> {
    let mut config: Value = serde_json::from_slice(raw).unwrap_or_default();
    if !config.is_object() {
        config = json!({});
    }
    let config = config.as_object_mut()?;
    let calling = config
        .shift_remove("function_calling_config")
        .or_else(|| config.shift_remove("functionCallingConfig"));
    let mut calling = calling.filter(Value::is_object).unwrap_or(json!({}));
    let mode = calling.get("mode").and_then(Value::as_str);
    if mode.is_some_and(|mode| mode.eq_ignore_ascii_case("none")) {
        return None;
    }
    calling
        .as_object_mut()?
        .insert("mode".to_owned(), "VALIDATED".into());
    config.insert("functionCallingConfig".to_owned(), calling);
    Some(Value::from(std::mem::take(config)).to_string())
}

fn is_claude(model: &str) -> bool {
    model.to_ascii_lowercase().contains("claude")
}

/// Whether the model validates its calls, and needs each object to require a property.
pub fn validates_calls(model: &str) -> bool {
    is_claude(model) || model.contains("gemini-3-pro") || model.contains("gemini-3.1-pro")
}

/// Whether the model answers with a stream only.
fn only_streams(model: &str) -> bool {
    is_claude(model) || model.contains("gemini-3-pro") || model.contains("gemini-3.1-flash-image")
}

/// The number of the session: the same for all requests of a conversation.
fn session(call: &Call<'_>) -> u64 {
    let digest = |text: &str| {
        let digest = digest::digest(&digest::SHA256, text.as_bytes());
        let first = digest.as_ref().first_chunk().copied().unwrap_or_default();
        u64::from_be_bytes(first)
    };
    let number = match call.session.filter(|session| !session.is_empty()) {
        Some(session) => digest(session),
        None => match first_words(call.body) {
            Some(text) => digest(&text),
            None => u64::from_be_bytes(random()),
        },
    };
    number & (u64::MAX >> 1)
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    contents: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    role: String,
    #[serde(default)]
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

/// The first text of the user.
fn first_words(body: &[u8]) -> Option<String> {
    let body: Body = serde_json::from_slice(body).ok()?;
    body.contents.iter().find_map(|content| {
        let content: Content = serde_json::from_str(content.get()).ok()?;
        let parts = content.parts.into_iter();
        let mut texts = parts.filter_map(|part| part.text.filter(|text| !text.is_empty()));
        texts.next().filter(|_| content.role == "user")
    })
}

/// Milliseconds since 1970.
fn now() -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_millis())
}

/// A random UUID (RFC 9562, version 4).
fn uuid() -> String {
    let mut bytes: [u8; 16] = random();
    let [.., version, _, variant, _, _, _, _, _, _, _] = &mut bytes;
    *version = *version & 0x0f | 0x40;
    *variant = *variant & 0x3f | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    let part = |start: usize, end: usize| hex.get(start..end).unwrap_or_default();
    [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ]
    .join("-")
}

/// Random bytes; zeros if the system has none.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let _ = SystemRandom::new().fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids() {
        let id = uuid();
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&id.as_bytes()[19]), "{id}");
        assert_ne!(id, uuid());
    }

    #[test]
    fn the_limit_of_tokens_is_for_claude() {
        let changed = |raw: &str, is_claude| {
            let changed = generation_config(raw.as_bytes(), is_claude).unwrap();
            changed.map(|changed| String::from_utf8(changed).unwrap())
        };
        for (raw, is_claude, expected) in [
            (r#"{"maxOutputTokens":9}"#, true, None),
            (
                r#"{"maxOutputTokens":64001}"#,
                true,
                Some(r#"{"maxOutputTokens":64000}"#),
            ),
            (
                r#"{"topK":1,"max_output_tokens":9}"#,
                false,
                Some(r#"{"topK":1}"#),
            ),
            (r#"{"topK":1}"#, false, None),
            (
                r#"{"responseJsonSchema":{"type":["string"],"$id":"x"},"topK":1}"#,
                false,
                Some(r#"{"responseSchema":{"type":"string"},"topK":1}"#),
            ),
            ("[]", true, None),
        ] {
            assert_eq!(changed(raw, is_claude).as_deref(), expected, "{raw}");
        }
    }

    #[test]
    fn calls_are_validated_unless_there_are_to_be_none() {
        for (raw, expected) in [
            (
                "",
                Some(r#"{"functionCallingConfig":{"mode":"VALIDATED"}}"#),
            ),
            (
                r#"{"x":1,"function_calling_config":{"mode":"ANY","allowedFunctionNames":["f"]}}"#,
                Some(
                    r#"{"x":1,"functionCallingConfig":{"mode":"VALIDATED","allowedFunctionNames":["f"]}}"#,
                ),
            ),
            (r#"{"functionCallingConfig":{"mode":"NONE"}}"#, None),
        ] {
            assert_eq!(validated(raw.as_bytes()).as_deref(), expected, "{raw}");
        }
    }

    #[test]
    fn a_conversation_is_known_by_its_first_words() {
        let body = |text: &str| {
            format!(
                r#"{{"contents":[{{"role":"model","parts":[{{"text":"no"}}]}},{{"role":"user","parts":[{{"inlineData":{{}}}},{{"text":"{text}"}}]}}]}}"#
            )
        };
        assert_eq!(first_words(body("hi").as_bytes()).as_deref(), Some("hi"));
        assert_eq!(first_words(body("").as_bytes()), None);
        assert_eq!(first_words(b"[]"), None);
    }
}
