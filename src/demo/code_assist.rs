//! Code Assist: Gemini in an envelope, and what its clients ask beside it. Antigravity is below `/antigravity/`.

use serde_json::{Value, json};

use super::gemini;
use super::models::Listing;
use super::target::{Action, Fault, Flavour, Target};

/// The members of the envelope, by who sends it.
const OF_CLI: [&str; 4] = ["model", "project", "user_prompt_id", "request"];
const OF_ANTIGRAVITY: [&str; 6] = [
    "model",
    "project",
    "requestId",
    "requestType",
    "request",
    "enabledCreditTypes",
];
/// The method of a path.
const PREFIX: &str = "/v1internal:";
/// The most tokens that Antigravity's Claude models write.
const CLAUDES_OUTPUT: u64 = 64_000;

/// Takes a request out of its envelope, and puts the model into it.
///
/// # Errors
/// What the vendor refuses. The words about unknown names are those of Google's JSON reader everywhere; about the rest the
/// vendor only says that an argument is invalid.
pub fn opened(target: &Target, mut body: Value) -> Result<Value, Fault> {
    let is_antigravity = target.flavour == Flavour::Antigravity;
    let members = body.as_object().ok_or_else(invalid)?;
    let known: &[&str] = match (target.action, is_antigravity) {
        (Action::Count, _) => &["request"],
        (_, true) => &OF_ANTIGRAVITY,
        (_, false) => &OF_CLI,
    };
    if let Some(name) = members.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(unknown(name, ""));
    }
    let text = |name: &str| {
        let text = members.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let is_count = target.action == Action::Count;
    let mut model = text("model");
    if !is_count {
        let is_complete = model.is_some()
            && (!is_antigravity || (text("requestId").is_some() && text("requestType").is_some()));
        if !is_complete {
            return Err(invalid());
        }
        if text("project").is_none() {
            return Err(Fault {
                status: 403,
                ..Fault::from("Permission denied on resource project .")
            });
        }
    }
    let request = body["request"].as_object_mut().ok_or_else(invalid)?;
    if is_count {
        let inside = request.shift_remove("model");
        let inside = inside.as_ref().and_then(Value::as_str);
        model = match (
            is_antigravity,
            inside.and_then(|name| name.strip_prefix("models/")),
        ) {
            (true, _) => Some("antigravity".to_owned()),
            (false, Some(name)) => Some(name.to_owned()),
            (false, None) => return Err(invalid()),
        };
        let more = request.keys().find(|name| *name != "contents");
        if let (false, Some(name)) = (is_antigravity, more) {
            return Err(unknown(name, "request"));
        }
    }
    let refused: &[&str] = match is_antigravity {
        true => &["model", "safetySettings", "session_id"],
        false => &["model", "sessionId"],
    };
    if let Some(name) = refused.iter().find(|name| request.contains_key(**name)) {
        return Err(unknown(name, "request"));
    }
    let model = model.unwrap_or_default();
    let request = body["request"].take();
    functions(&request)?;
    if is_antigravity && !is_count {
        antigravitys(&model, &request)?;
    }
    let mut request = request;
    request["model"] = model.into();
    Ok(request)
}

/// Schemas of functions have one name here.
fn functions(request: &Value) -> Result<(), Fault> {
    let tools = request["tools"].as_array();
    let declared = tools.into_iter().flatten();
    let declared = declared.filter_map(|tool| tool["functionDeclarations"].as_array());
    let mut functions = declared.flatten();
    match functions.any(|function| !function["parametersJsonSchema"].is_null()) {
        true => Err(unknown(
            "parametersJsonSchema",
            "request.tools[0].function_declarations[0]",
        )),
        false => Ok(()),
    }
}

/// What Antigravity's models take.
fn antigravitys(model: &str, request: &Value) -> Result<(), Fault> {
    let is_claude = model.contains("claude");
    let limit = &request["generationConfig"]["maxOutputTokens"];
    let is_legal = match limit.as_u64() {
        None => true,
        Some(limit) => is_claude && limit <= CLAUDES_OUTPUT,
    };
    let mode = &request["toolConfig"]["functionCallingConfig"]["mode"];
    let has_mode = !is_claude || mode == "VALIDATED" || mode == "NONE";
    match is_legal && has_mode {
        true => Ok(()),
        false => Err(invalid()),
    }
}

fn unknown(name: &str, place: &str) -> Fault {
    let place = match place {
        "" => String::new(),
        place => format!(" at '{place}'"),
    };
    format!("Invalid JSON payload received. Unknown name \"{name}\"{place}: Cannot find field.")
        .into()
}

fn invalid() -> Fault {
    "Request contains an invalid argument.".into()
}

/// An answer as its client gets it.
pub fn enveloped(target: &Target, answer: Value) -> Value {
    match (target.flavour, target.action) {
        (Flavour::CodeAssist | Flavour::Antigravity, Action::Generate) => {
            json!({"response": answer, "traceId": "demo", "metadata": {}})
        }
        _ => answer,
    }
}

/// The answer to a method that asks no model; `None` if there is none of that name.
pub fn about(path: &str, body: &Value, listing: &Listing) -> Option<(u16, Value)> {
    let (before, method) = path.rsplit_once(PREFIX)?;
    let flavour = Flavour::of(path);
    let names = match listing {
        Listing::Models(names) => names,
        Listing::Refused(status) => {
            let words = "The demo lists no models for this account.";
            return Some((*status, gemini::error(*status, words)));
        }
    };
    let answer = match (method, flavour) {
        ("loadCodeAssist", _) => json!({
            "currentTier": {"id": "standard-tier", "name": "Gemini Code Assist"},
            "allowedTiers": [{"id": "standard-tier", "isDefault": true}],
            "cloudaicompanionProject": "demo-project",
        }),
        ("onboardUser", _) if body["tierId"].as_str().is_some() => json!({
            "name": "operations/demo",
            "done": true,
            "response": {"cloudaicompanionProject": {"id": "demo-project", "name": "demo"}},
        }),
        ("retrieveUserQuota", Flavour::CodeAssist) => {
            let bucket = |name: &String| {
                json!({"modelId": name, "tokenType": "REQUESTS", "remainingFraction": 1.0,
                    "resetTime": "2099-01-01T00:00:00Z"})
            };
            json!({"buckets": names.iter().map(bucket).collect::<Vec<_>>()})
        }
        ("fetchAvailableModels", Flavour::Antigravity) => {
            let models = names.iter().map(|name| {
                let model =
                    json!({"displayName": name, "maxTokens": 1_000_000, "maxOutputTokens": 8192});
                (name.clone(), model)
            });
            json!({"models": Value::Object(models.collect())})
        }
        ("onboardUser", _) => return Some((400, gemini::error(400, &invalid().message))),
        _ => return None,
    };
    // A path of another kind that ends like one of these.
    let is_own = before.is_empty() || before == "/antigravity";
    is_own.then_some((200, answer))
}

/// The pictures of Imagen on Vertex AI, which has a form of its own.
pub fn drawn(body: &Value) -> (u16, Value) {
    // One transparent pixel.
    const PICTURE: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
    let prompt = body["instances"][0]["prompt"].as_str().unwrap_or_default();
    let count = body["parameters"]["sampleCount"].as_u64().unwrap_or(1);
    if prompt.is_empty() || !(1..=4).contains(&count) {
        return (400, gemini::error(400, &invalid().message));
    }
    let picture = json!({"bytesBase64Encoded": PICTURE, "mimeType": "image/png"});
    let pictures: Vec<Value> = (0..count).map(|_| picture.clone()).collect();
    (200, json!({"predictions": pictures}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &str) -> Target {
        Target::of(path).unwrap()
    }

    /// The status of the refusal; 200 if the request is taken.
    fn status(path: &str, body: &Value) -> u16 {
        let opened = opened(&target(path), body.clone());
        opened.map_or_else(|fault| fault.status, |_| 200)
    }

    /// `body` with another value at a pointer; null removes it.
    fn with(body: &Value, pointer: &str, value: Value) -> Value {
        let mut body = body.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Value::Null => parent.shift_remove(name),
            value => parent.insert(name.to_owned(), value),
        };
        body
    }

    #[test]
    fn envelopes_are_checked() {
        let contents = json!([{"role": "user", "parts": [{"text": "a"}]}]);
        let cli = json!({"model": "m", "project": "p", "request": {"contents": contents}});
        let antigravity = json!({"model": "claude-m", "project": "p", "requestId": "r", "requestType": "agent",
            "request": {"contents": contents, "sessionId": "-1",
                "toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}}}});
        for (path, whole, cases) in [
            (
                "/v1internal:generateContent",
                &cli,
                vec![
                    ("/model", json!(null), 400),
                    ("/project", json!(null), 403),
                    ("/request", json!(null), 400),
                    ("/contents", json!([]), 400),
                    ("/requestId", json!("r"), 400),
                    ("/request/model", json!("m"), 400),
                    (
                        "/request/tools",
                        json!([{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {}}]}]),
                        400,
                    ),
                    ("/request/safetySettings", json!([]), 200),
                ],
            ),
            (
                "/antigravity/v1internal:streamGenerateContent?alt=sse",
                &antigravity,
                vec![
                    ("/project", json!(null), 403),
                    ("/requestId", json!(null), 400),
                    ("/requestType", json!(null), 400),
                    ("/enabledCreditTypes", json!(["GOOGLE_ONE_AI"]), 200),
                    ("/request/safetySettings", json!([]), 400),
                    ("/request/toolConfig", json!(null), 400),
                    (
                        "/request/generationConfig",
                        json!({"maxOutputTokens": 64_001}),
                        400,
                    ),
                    (
                        "/request/generationConfig",
                        json!({"maxOutputTokens": 64_000}),
                        200,
                    ),
                    ("/model", json!("gemini-m"), 200),
                ],
            ),
            (
                "/v1internal:countTokens",
                &json!({"request": {"model": "models/m", "contents": contents}}),
                vec![
                    ("/project", json!("p"), 400),
                    ("/request/model", json!("m"), 400),
                    ("/request/tools", json!([]), 400),
                ],
            ),
        ] {
            assert_eq!(status(path, whole), 200, "{path}");
            for (pointer, value, expected) in cases {
                let body = with(whole, pointer, value);
                assert_eq!(status(path, &body), expected, "{path} {body}");
            }
        }
        let gemini = with(
            &with(&antigravity, "/model", json!("gemini-m")),
            "/request/generationConfig",
            json!({"maxOutputTokens": 9}),
        );
        assert_eq!(
            status("/antigravity/v1internal:generateContent", &gemini),
            400
        );
    }

    #[test]
    fn pictures_need_a_prompt() {
        let ask = |prompt: &str, count: u64| json!({"instances": [{"prompt": prompt}], "parameters": {"sampleCount": count}});
        assert_eq!(
            drawn(&ask("a cat", 2)).1["predictions"]
                .as_array()
                .unwrap()
                .len(),
            2
        );
        for body in [
            ask("", 1),
            ask("a", 0),
            ask("a", 5),
            json!({"contents": []}),
        ] {
            assert_eq!(drawn(&body).0, 400, "{body}");
        }
    }
}
