//! The usage of an answer, read from the fields of each vendor.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::Dialect;
use super::event::Needle;
use crate::json::{Invalid, Member, Scanner, Text, Value};

/// Tokens of one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All that was read, whether or not it came from the vendor's cache.
    pub input: u64,
    /// All that was written, reasoning included.
    pub output: u64,
    /// The part of `input` that came from the vendor's prompt cache.
    pub cached_read: u64,
    /// The part of `input` that was put into the vendor's prompt cache.
    pub cache_creation: u64,
    /// The part of `output` that was reasoning.
    pub reasoning: u64,
    /// Searches of the web, which are paid for besides.
    pub web_searches: u64,
}

/// Gathers the usage of an answer from its events. Of a number that is said more than once the largest counts: they
/// only grow, and some upstreams end with zeros.
#[derive(Clone, Debug)]
pub struct Meter {
    dialect: Dialect,
    said: Option<Said>,
}

/// The usage of a whole JSON answer.
pub fn of_body(dialect: Dialect, body: &[u8]) -> Option<Usage> {
    let mut meter = Meter::new(dialect);
    meter.read(body);
    meter.usage()
}

/// The usage in the members of a whole JSON answer, which are those of `body`.
pub fn of_members(dialect: Dialect, body: &[u8], members: &[Member<'_>]) -> Option<Usage> {
    let mut meter = Meter::new(dialect);
    for member in members
        .iter()
        .filter(|member| USAGE.contains(&&*member.key))
    {
        let span = member.value;
        let value = body.get(span.start..span.end).unwrap_or_default();
        if let Ok(mut scanner) = Scanner::new(value)
            && scanner.peek() == Some(b'{')
            && let Ok(numbers) = Numbers::read(&mut scanner)
        {
            let said = meter.said.get_or_insert_default();
            said.read(dialect, &numbers);
        }
    }
    meter.usage()
}

/// What usage is called.
const USAGE: &[&str] = &["usage", "usageMetadata", "usage_metadata"];

impl Meter {
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            said: None,
        }
    }

    /// Reads the data of one event, or a whole body. Costs a byte search unless there is usage in it.
    pub fn read(&mut self, json: &[u8]) {
        if !has_usage(json) {
            return;
        }
        for usage in usages(json) {
            let said = self.said.get_or_insert_default();
            said.read(self.dialect, &usage);
        }
    }

    /// What has been said so far; `None` when nothing was.
    pub fn usage(&self) -> Option<Usage> {
        self.said.as_ref()?.total(self.dialect)
    }
}

/// Whether a usage object can be in `json`: a `"usage…"` key with an object behind it. Most chunks of a
/// stream have none, or a `null`.
fn has_usage(json: &[u8]) -> bool {
    static KEY: Needle = LazyLock::new(|| Finder::new("\"usage"));
    KEY.find_iter(json).any(|at| {
        let after = json.get(at + 1..).unwrap_or_default();
        let key_end = memchr::memchr(b'"', after).unwrap_or(after.len());
        let mut next = after
            .iter()
            .skip(key_end + 1)
            .filter(|byte| !byte.is_ascii_whitespace());
        next.next() == Some(&b':') && next.next() == Some(&b'{')
    })
}

/// The numbers of one usage object: those of its own, and those one level below.
#[derive(Default)]
struct Numbers<'a>(Vec<(Option<Text<'a>>, Text<'a>, u64)>);

impl<'a> Numbers<'a> {
    /// Reads the object at which `scanner` is.
    fn read(scanner: &mut Scanner<'a>) -> Result<Self, Invalid> {
        let mut numbers = Self::default();
        numbers.members(scanner, None)?;
        Ok(numbers)
    }

    fn members(
        &mut self,
        scanner: &mut Scanner<'a>,
        outer: Option<Text<'a>>,
    ) -> Result<(), Invalid> {
        scanner.object(|scanner, key| {
            if outer.is_none() && scanner.peek() == Some(b'{') {
                return self.members(scanner, Some(key));
            }
            if let (Value::Number(number), _) = scanner.value()?
                && let Ok(number) = number.parse()
            {
                self.0.push((outer, key, number));
            }
            Ok(())
        })
    }

    /// The number at `name` or `object/name`.
    fn at(&self, path: &str) -> Option<u64> {
        let (object, name) = match path.split_once('/') {
            Some((object, name)) => (Some(object), name),
            None => (None, path),
        };
        let is_it = |outer: Option<Text<'_>>, key: Text<'_>| {
            key.is(name)
                && match (outer, object) {
                    (Some(outer), Some(object)) => outer.is(object),
                    (None, None) => true,
                    _ => false,
                }
        };
        let found = self
            .0
            .iter()
            .rev()
            .find(|(outer, key, _)| is_it(*outer, *key));
        found.map(|(_, _, number)| *number)
    }
}

/// The usage objects: at the top (chat, whole answers, the last Messages event) and in an envelope (the first
/// Messages event, the events of Responses, Gemini's envelope).
fn usages(json: &[u8]) -> Vec<Numbers<'_>> {
    let mut found = Vec::new();
    if let Ok(mut scanner) = Scanner::new(json) {
        let walked = look_for_usage(&mut scanner, true, &mut found);
        if walked.and_then(|()| scanner.end()).is_err() {
            found.clear();
        }
    }
    found
}

fn look_for_usage<'a>(
    scanner: &mut Scanner<'a>,
    is_top: bool,
    found: &mut Vec<Numbers<'a>>,
) -> Result<(), Invalid> {
    scanner.object(|scanner, key| {
        let is = |names: &[&str]| names.iter().any(|name| key.is(name));
        if scanner.peek() == Some(b'{') {
            if is_top && is(&["response", "message"]) {
                return look_for_usage(scanner, false, found);
            }
            if is(USAGE) {
                found.push(Numbers::read(scanner)?);
                return Ok(());
            }
        }
        scanner.value().map(drop)
    })
}

/// The vendor's numbers, as far as they have been said.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    /// Everything read (chat, Responses, Gemini) or only what was not cached (Messages).
    input: Option<u64>,
    output: Option<u64>,
    cached_read: Option<u64>,
    cache_creation: Option<u64>,
    reasoning: Option<u64>,
    tool_prompt: Option<u64>,
    web_searches: Option<u64>,
    total: Option<u64>,
}

impl Said {
    fn read(&mut self, dialect: Dialect, usage: &Numbers<'_>) {
        let most = |paths: &[&str]| paths.iter().filter_map(|path| usage.at(path)).max();
        let keep = |field: &mut Option<u64>, paths: &[&str]| *field = most(paths).max(*field);
        keep(
            &mut self.web_searches,
            &["server_tool_use/web_search_requests"],
        );
        match dialect {
            // Compatible upstreams mix the two vocabularies.
            Dialect::Chat | Dialect::Responses => {
                keep(&mut self.input, &["prompt_tokens", "input_tokens"]);
                keep(&mut self.output, &["completion_tokens", "output_tokens"]);
                keep(
                    &mut self.cached_read,
                    &[
                        "prompt_tokens_details/cached_tokens",
                        "input_tokens_details/cached_tokens",
                        "prompt_cache_hit_tokens",
                        "cached_tokens",
                    ],
                );
                keep(
                    &mut self.cache_creation,
                    &[
                        "prompt_tokens_details/cache_write_tokens",
                        "input_tokens_details/cache_write_tokens",
                    ],
                );
                keep(
                    &mut self.reasoning,
                    &[
                        "completion_tokens_details/reasoning_tokens",
                        "output_tokens_details/reasoning_tokens",
                    ],
                );
            }
            Dialect::Messages => {
                keep(&mut self.output, &["output_tokens"]);
                // What is cached is no part of the rest, so that these are weighed together.
                let read = [
                    most(&["input_tokens"]).or(self.input),
                    most(&["cache_read_input_tokens"]).or(self.cached_read),
                    most(&["cache_creation_input_tokens"]).or(self.cache_creation),
                ];
                let known = [self.input, self.cached_read, self.cache_creation];
                let sum = |numbers: [Option<u64>; 3]| {
                    let said = numbers.into_iter().flatten();
                    said.fold(0_u64, u64::saturating_add)
                };
                if sum(read) >= sum(known) {
                    [self.input, self.cached_read, self.cache_creation] = read;
                }
                keep(
                    &mut self.reasoning,
                    &["output_tokens_details/thinking_tokens"],
                );
            }
            Dialect::Gemini => {
                keep(&mut self.input, &["promptTokenCount"]);
                keep(&mut self.output, &["candidatesTokenCount"]);
                keep(&mut self.cached_read, &["cachedContentTokenCount"]);
                keep(&mut self.reasoning, &["thoughtsTokenCount"]);
                keep(&mut self.tool_prompt, &["toolUsePromptTokenCount"]);
                keep(&mut self.total, &["totalTokenCount"]);
            }
        }
    }

    fn total(&self, dialect: Dialect) -> Option<Usage> {
        if self.input.is_none() && self.output.is_none() {
            return None;
        }
        let cached_read = self.cached_read.unwrap_or(0);
        let cache_creation = self.cache_creation.unwrap_or(0);
        let reasoning = self.reasoning.unwrap_or(0);
        let said = self.input.unwrap_or(0);
        let (input, output) = match dialect {
            Dialect::Chat | Dialect::Responses => (said, self.output.unwrap_or(0)),
            Dialect::Messages => (
                said.saturating_add(cached_read)
                    .saturating_add(cache_creation),
                self.output.unwrap_or(0),
            ),
            Dialect::Gemini => {
                let input = said.saturating_add(self.tool_prompt.unwrap_or(0));
                let left = self.total.map(|total| total.saturating_sub(input));
                let visible = self.output.map(|visible| visible.saturating_add(reasoning));
                (input, visible.or(left).unwrap_or(0))
            }
        };
        Some(Usage {
            input,
            output,
            cached_read,
            cache_creation,
            reasoning,
            web_searches: self.web_searches.unwrap_or(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One answer, written in each dialect below.
    const EXAMPLE: Usage = Usage {
        input: 1000,
        output: 130,
        cached_read: 900,
        cache_creation: 60,
        reasoning: 50,
        web_searches: 0,
    };

    #[test]
    fn every_dialect_tells_the_same_answer() {
        let chat = br#"{"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":130,"total_tokens":1130,
            "prompt_tokens_details":{"cached_tokens":900,"cache_write_tokens":60},
            "completion_tokens_details":{"reasoning_tokens":50}}}"#;
        assert_eq!(of_body(Dialect::Chat, chat), Some(EXAMPLE));
        let responses = br#"{"type":"response.completed","response":{"usage":{"input_tokens":1000,
            "input_tokens_details":{"cached_tokens":900,"cache_write_tokens":60},
            "output_tokens":130,"output_tokens_details":{"reasoning_tokens":50}}}}"#;
        assert_eq!(of_body(Dialect::Responses, responses), Some(EXAMPLE));
        let messages =
            br#"{"type":"message","usage":{"input_tokens":40,"cache_read_input_tokens":900,
            "cache_creation_input_tokens":60,"output_tokens":130,
            "output_tokens_details":{"thinking_tokens":50}}}"#;
        assert_eq!(of_body(Dialect::Messages, messages), Some(EXAMPLE));
        let gemini = br#"{"candidates":[],"usageMetadata" : {"promptTokenCount":1000,
            "cachedContentTokenCount":900,"candidatesTokenCount":80,"thoughtsTokenCount":50,
            "totalTokenCount":1130}}"#;
        let expected = Usage {
            cache_creation: 0,
            ..EXAMPLE
        };
        assert_eq!(of_body(Dialect::Gemini, gemini), Some(expected));
    }

    #[test]
    fn the_parts_of_a_messages_stream_add_up() {
        let mut meter = Meter::new(Dialect::Messages);
        meter.read(
            br#"{"type":"message_start","message":{"model":"m","usage":{"input_tokens":40,
            "cache_read_input_tokens":900,"cache_creation_input_tokens":60,"output_tokens":1}}}"#,
        );
        assert_eq!(meter.usage().map(|usage| usage.output), Some(1));
        meter.read(br#"{"type":"content_block_delta","delta":{"text":"\"usage\":{"}}"#);
        meter.read(br#"{"type":"message_delta","delta":{},"usage":{"output_tokens":130}}"#);
        let expected = Usage {
            reasoning: 0,
            ..EXAMPLE
        };
        assert_eq!(meter.usage(), Some(expected));
    }

    #[test]
    fn the_largest_known_number_stands() {
        for (dialect, said, later) in [
            (
                Dialect::Chat,
                r#"{"usage":{"prompt_tokens":7,"completion_tokens":3}}"#,
                r#"{"usage":{"prompt_tokens":0,"completion_tokens":null}}"#,
            ),
            (
                Dialect::Responses,
                r#"{"response":{"usage":{"input_tokens":7,"output_tokens":3}}}"#,
                r#"{"response":{"usage":{"input_tokens":0,"output_tokens":0}}}"#,
            ),
            (
                Dialect::Messages,
                r#"{"message":{"usage":{"input_tokens":7,"output_tokens":3}}}"#,
                r#"{"usage":{"input_tokens":0,"output_tokens":0}}"#,
            ),
            (
                Dialect::Gemini,
                r#"{"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":3}}"#,
                r#"{"usageMetadata":{"promptTokenCount":0,"candidatesTokenCount":null}}"#,
            ),
        ] {
            for order in [[said, later], [later, said]] {
                let mut meter = Meter::new(dialect);
                order.iter().for_each(|json| meter.read(json.as_bytes()));
                let usage = meter.usage().map(|usage| (usage.input, usage.output));
                assert_eq!(usage, Some((7, 3)), "{dialect:?} {order:?}");
            }
        }
    }

    #[test]
    fn what_turns_out_to_be_cached_is_not_counted_twice() {
        let mut meter = Meter::new(Dialect::Messages);
        meter.read(br#"{"message":{"usage":{"input_tokens":12,"output_tokens":1}}}"#);
        meter
            .read(br#"{"usage":{"input_tokens":4,"cache_read_input_tokens":8,"output_tokens":7}}"#);
        let usage = meter.usage().unwrap();
        assert_eq!((usage.input, usage.cached_read, usage.output), (12, 8, 7));
    }

    #[test]
    fn missing_usage_stays_missing() {
        for body in [
            &br#"{"choices":[],"usage":null}"#[..],
            br#"{"usage":{}}"#,
            br#"{"usage":{"prompt_tokens":"many"}}"#,
            br#"{"usage":{"prompt_tokens":1}"#,
            br#"{"x":{"usage":{"prompt_tokens":1}}}"#,
            br#"[]"#,
        ] {
            assert_eq!(of_body(Dialect::Chat, body), None);
        }
        let mixed = br#"{"message":"fine","usage":{"prompt_tokens":3}}"#;
        assert_eq!(
            of_body(Dialect::Chat, mixed).map(|usage| usage.input),
            Some(3)
        );
    }

    #[test]
    fn gemini_without_candidates_counts_from_the_total() {
        let body = br#"{"usageMetadata":{"promptTokenCount":7,"totalTokenCount":10}}"#;
        assert_eq!(
            of_body(Dialect::Gemini, body).map(|usage| usage.output),
            Some(3)
        );
    }
}
