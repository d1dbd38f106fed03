//! Directives in the prompt that say how the demo answers; `tests/clients/README.md` lists them.
//!
//! A directive is followed if the request allows it: a vendor's model would not call a tool that is not declared.

use std::time::Duration;

use serde_json::Value;

use super::offers::Offers;
use super::script::Ending;

/// What the reasoning says.
pub const REASONING: &str = "I thought about it.";

/// The longest wait that can be asked for, milliseconds.
const LONGEST_WAIT: u64 = 60_000;

/// How an answer breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    Cut,
    Reset,
    Truncated,
    Error,
}

impl Break {
    /// The same, after this many events.
    pub fn after(self, events: usize) -> Ending {
        match self {
            Self::Cut => Ending::Cut(events),
            Self::Reset => Ending::Reset(events),
            Self::Truncated => Ending::TruncatedChunk(events),
            Self::Error => Ending::Error(events),
        }
    }
}

/// How the answer shall be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// An error with this status instead of an answer.
    pub error: Option<u16>,
    /// Calls of tools, name and JSON arguments.
    pub tools: Vec<(String, String)>,
    /// Whether [`REASONING`] precedes the answer.
    pub reasoning: bool,
    /// The text instead of the usual one.
    pub text: Option<String>,
    /// How the answer breaks off, half way through its events.
    pub broken: Option<Break>,
    /// How long to wait before the head.
    pub wait: Duration,
    /// How long to wait half way through the events of a stream, behind a comment.
    pub pause: Duration,
}

impl Wishes {
    /// Reads the lines of `prompt`.
    ///
    /// # Errors
    /// What a line lacks in the request.
    pub fn of(prompt: &str, offers: &Offers<'_>) -> Result<Self, String> {
        let mut wishes = Self::default();
        let lines = prompt
            .lines()
            .filter_map(|line| line.trim().strip_prefix("demo:"));
        let mut is_wished = false;
        for line in lines {
            is_wished = true;
            let (wish, rest) = line.split_once(' ').unwrap_or((line, ""));
            match wish {
                "error" => match rest.trim().parse() {
                    Ok(status @ 400..=599) => wishes.error = Some(status),
                    _ => return Err(format!("{rest} is no status of an error")),
                },
                "tools" => {
                    let (name, arguments) = rest.split_once(' ').unwrap_or((rest, "{}"));
                    if !offers.has_tool(name, &json(arguments)?) {
                        return Err(format!("no tool {name} takes {arguments}"));
                    }
                    wishes.tools.push((name.to_owned(), arguments.to_owned()));
                }
                "reasoning" if offers.may_reason() => wishes.reasoning = true,
                "reasoning" => return Err("the request asks for no reasoning".to_owned()),
                "json" if offers.has_schema(&json(rest)?) => wishes.text = Some(rest.to_owned()),
                "json" => return Err(format!("no schema of the request has room for {rest}")),
                "image" => match offers.picture() {
                    Some(picture) => wishes.text = Some(picture),
                    None => return Err("the last message has no picture".to_owned()),
                },
                "break" => {
                    wishes.broken = Some(match rest.trim() {
                        "cut" => Break::Cut,
                        "reset" => Break::Reset,
                        "truncated" => Break::Truncated,
                        "error" => Break::Error,
                        _ => return Err(format!("an answer cannot break by {rest}")),
                    });
                }
                "wait" => wishes.wait = milliseconds(rest)?,
                "pause" => wishes.pause = milliseconds(rest)?,
                _ => return Err(format!("the demo cannot do demo:{wish}")),
            }
        }
        if !is_wished {
            wishes.tools.extend(offers.call_for(prompt));
        }
        Ok(wishes)
    }
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    match text.trim().parse() {
        Ok(wait @ 0..=LONGEST_WAIT) => Ok(Duration::from_millis(wait)),
        _ => Err(format!(
            "{text} is no number of milliseconds up to {LONGEST_WAIT}"
        )),
    }
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("{text} is not JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::demo::target::Dialect;

    fn wishes(prompt: &str, body: &Value) -> Result<Wishes, String> {
        let offers = Offers {
            dialect: Dialect::Chat,
            body,
            spoken: &[],
        };
        Wishes::of(prompt, &offers)
    }

    #[test]
    fn lines_are_wishes_and_other_text_is_none() {
        let body = json!({"reasoning_effort": "low", "tools": [{"type": "function", "function":
            {"name": "look", "parameters": {"properties": {"at": {"type": "string"}}}}}]});
        let prompt = "hello\ndemo:reasoning\ndemo:tools look {\"at\":\"a\"}\ndemo:tools look {}";
        let wanted = Wishes {
            tools: vec![
                ("look".to_owned(), "{\"at\":\"a\"}".to_owned()),
                ("look".to_owned(), "{}".to_owned()),
            ],
            reasoning: true,
            ..Wishes::default()
        };
        assert_eq!(wishes(prompt, &body), Ok(wanted));
        assert_eq!(wishes("say demo:error 500", &body), Ok(Wishes::default()));
        assert_eq!(wishes("demo:error 503", &body).unwrap().error, Some(503));
        let broken = wishes("demo:break cut\ndemo:wait 20\ndemo:pause 30", &body).unwrap();
        assert_eq!(broken.broken, Some(Break::Cut));
        assert_eq!(broken.wait, Duration::from_millis(20));
        assert_eq!(broken.pause, Duration::from_millis(30));
    }

    #[test]
    fn a_question_about_what_a_tool_gets_calls_it() {
        let body = json!({"tools": [{"type": "function", "function": {"name": "get_weather",
            "parameters": {"properties": {"location": {"type": "string"}}, "required": ["location"]}}}]});
        let prompt = "What's the weather like in San Francisco?";
        let arguments = json!({"location": prompt}).to_string();
        let called = wishes(prompt, &body).unwrap().tools;
        assert_eq!(called, [("get_weather".to_owned(), arguments)]);
        for other in [
            "The weather is fine.",
            "What is the time?",
            "the weather?\ndemo:wait 1",
        ] {
            assert_eq!(wishes(other, &body).unwrap().tools, [], "{other}");
        }
    }

    #[test]
    fn what_the_request_does_not_allow_is_not_granted() {
        let body = json!({"tools": [{"type": "function", "function": {"name": "look"}}],
            "response_format": {"json_schema": {"schema": {"properties": {"a": {}}}}}});
        for prompt in [
            "demo:tools listen {}",
            "demo:tools look {\"at\":\"a\"}",
            "demo:tools look at",
            "demo:reasoning",
            "demo:json {\"b\":1}",
            "demo:image",
            "demo:error 200",
            "demo:break in",
            "demo:wait -1",
            "demo:pause 60001",
            "demo:magic",
        ] {
            assert!(wishes(prompt, &body).is_err(), "{prompt}");
        }
        assert!(wishes("demo:json {}", &body).is_ok());
    }
}
